import { InvalidDatasetError } from "../../errors.js";
import { type ByteSource, readConcurrently } from "./byte-source.js";

/** Says that a file ends before the bytes that its own tables promise. */
export function endedEarly(name: string, position: number, length: number, size: number): InvalidDatasetError {
  return new InvalidDatasetError(
    name,
    `Reading "${name}": ${length} bytes at position ${position} were expected, but the file ends at ${size}. It is damaged or cut short.`,
  );
}

/** A source over bytes in memory. The bytes are not copied. */
export function memorySource(bytes: Uint8Array, name: string): ByteSource {
  const read = (position: number, target: Uint8Array) => {
    if (position + target.length > bytes.length) throw endedEarly(name, position, target.length, bytes.length);
    target.set(bytes.subarray(position, position + target.length));
  };
  return {
    name,
    size: bytes.length,
    async read(position, target) {
      read(position, target);
    },
    async readMany(target, requests) {
      for (const { position, offset, length } of requests) read(position, target.subarray(offset, offset + length));
    },
    async close() {},
  };
}

/** A source over a `Blob` or a `File` of a browser, of which only the ranges asked for are read. */
export function blobSource(blob: Blob, name: string): ByteSource {
  async function read(position: number, target: Uint8Array): Promise<void> {
    if (position + target.length > blob.size) throw endedEarly(name, position, target.length, blob.size);
    const part = await blob.slice(position, position + target.length).arrayBuffer();
    if (part.byteLength !== target.length) throw endedEarly(name, position, target.length, position + part.byteLength);
    target.set(new Uint8Array(part));
  }
  return {
    name,
    size: blob.size,
    read,
    readMany: (target, requests) => readConcurrently(target, requests, read),
    async close() {},
  };
}
