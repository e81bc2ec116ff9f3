import { closeSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";

/** Seconds that it takes to write `bytes` so many `times`: until the system has them, and until the disk has them. */
export function writePlainly(
  file: string,
  bytes: Uint8Array,
  times: number,
): { readonly written: number; readonly stored: number } {
  const start = performance.now();
  const descriptor = openSync(file, "w");
  for (let i = 0; i < times; i++) {
    for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
  }
  const written = (performance.now() - start) / 1000;
  fsyncSync(descriptor);
  closeSync(descriptor);
  return { written, stored: (performance.now() - start) / 1000 };
}

/** Seconds that it takes to read so many `batches` from the beginning of a file, all into the same place. */
export function readBatches(file: string, batchBytes: number, batches: number): number {
  const target = new Uint8Array(batchBytes);
  return timed(file, (descriptor) => {
    for (let i = 0; i < batches; i++) readWhole(descriptor, target, 0, batchBytes, i * batchBytes);
  });
}

/** Seconds that it takes to read rows in `order` one by one, so many of them into places of their own. */
export function readRows(file: string, rowBytes: number, order: Uint32Array, batchSize: number): number {
  const target = new Uint8Array(batchSize * rowBytes);
  return timed(file, (descriptor) => {
    for (const [i, row] of order.entries()) {
      readWhole(descriptor, target, (i % batchSize) * rowBytes, rowBytes, row * rowBytes);
    }
  });
}

function readWhole(descriptor: number, target: Uint8Array, offset: number, length: number, position: number): void {
  if (readSync(descriptor, target, offset, length, position) !== length) throw new Error("the file ends early");
}

function timed(file: string, work: (descriptor: number) => void): number {
  const descriptor = openSync(file, "r");
  const start = performance.now();
  work(descriptor);
  const seconds = (performance.now() - start) / 1000;
  closeSync(descriptor);
  return seconds;
}
