import { closeSync, fsyncSync, openSync, read, readSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { promisify } from "node:util";

/** Seconds that it takes to write `bytes` so many `times`: until the system has them, and until the disk has them. */
export function writePlainly(
  file: string,
  bytes: Uint8Array,
  times: number,
): { readonly written: number; readonly stored: number } {
  const start = performance.now();
  const descriptor = openSync(file, "w");
  for (let i = 0; i < times; i++) writeWhole(descriptor, bytes);
  const written = secondsSince(start);
  fsyncSync(descriptor);
  closeSync(descriptor);
  return { written, stored: secondsSince(start) };
}

/** Bytes after which the disk is asked for what the system has of a file, as the writer of data sets does. */
const pieceBytes = 2 ** 25;

/**
 * Seconds that it takes to write `bytes` so many `times` until the disk has them, which is asked for every piece while the next
 * is written: where memory and disk are about equally fast, it takes half as long as one after the other.
 */
export async function writeInPieces(file: string, bytes: Uint8Array, times: number): Promise<number> {
  const start = performance.now();
  const handle = await open(file, "w");
  let storing: Promise<void> | undefined;
  let waiting = 0;
  for (let i = 0; i < times; i++) {
    writeWhole(handle.fd, bytes);
    waiting += bytes.length;
    if (waiting < pieceBytes) continue;
    // A turn of the event loop, in which the request before is heard of.
    await new Promise(setImmediate);
    if (storing) continue;
    waiting = 0;
    storing = handle.datasync().then(() => {
      storing = undefined;
    });
  }
  await storing;
  await handle.sync();
  await handle.close();
  return secondsSince(start);
}

/** A part of a file: where it begins, and where it is to lie in memory. */
interface Part {
  readonly position: number;
  readonly offset: number;
}

/** Seconds that it takes to read so many `batches` from the beginning of a file, all into the same place. */
export function readBatches(file: string, batchBytes: number, batches: number): Promise<number> {
  const half = batchBytes / 2;
  const parts = Array.from({ length: batches }, (_, i): readonly Part[] => [
    { position: i * batchBytes, offset: 0 },
    { position: i * batchBytes + half, offset: half },
  ]);
  return readFaster(file, half, batchBytes, parts);
}

/** Seconds that it takes to read rows in `order` one by one, so many of them into places of their own. */
export function readRows(file: string, rowBytes: number, order: Uint32Array, batchSize: number): Promise<number> {
  const batches: Part[][] = [];
  for (let start = 0; start < order.length; start += batchSize) {
    const rows = [...order.subarray(start, start + batchSize)];
    batches.push(rows.map((row, i) => ({ position: row * rowBytes, offset: i * rowBytes })));
  }
  return readFaster(file, rowBytes, batchSize * rowBytes, batches);
}

const readInThread = promisify(read);

/** The least of two ways: all parts by `readSync`, and half of each batch by a thread meanwhile. */
async function readFaster(
  file: string,
  partBytes: number,
  batchBytes: number,
  batches: readonly (readonly Part[])[],
): Promise<number> {
  const target = new Uint8Array(batchBytes);
  const descriptor = openSync(file, "r");
  const wanted = (bytes: number): void => {
    if (bytes !== partBytes) throw new Error("the file ends early");
  };
  const alone = performance.now();
  for (const batch of batches) {
    for (const { position, offset } of batch) wanted(readSync(descriptor, target, offset, partBytes, position));
  }
  const secondsAlone = secondsSince(alone);
  const together = performance.now();
  for (const batch of batches) {
    const half = batch.length >> 1;
    const others = batch.slice(half).map(({ position, offset }) => {
      return readInThread(descriptor, target, offset, partBytes, position);
    });
    for (const { position, offset } of batch.slice(0, half)) {
      wanted(readSync(descriptor, target, offset, partBytes, position));
    }
    for (const { bytesRead } of await Promise.all(others)) wanted(bytesRead);
  }
  closeSync(descriptor);
  return Math.min(secondsAlone, secondsSince(together));
}

function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}
