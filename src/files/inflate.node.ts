import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";

const run = promisify<Uint8Array, { maxOutputLength: number }, Uint8Array>(inflateRaw);

/**
 * Expands raw deflate data, as zip archives hold it.
 *
 * @param size how many bytes come out at most
 * @throws an error of zlib if the data is damaged or comes to more
 */
export async function inflate(bytes: Uint8Array, size: number): Promise<Uint8Array> {
  const { buffer, byteOffset, length } = await run(bytes, { maxOutputLength: Math.max(1, size) });
  return new Uint8Array(buffer, byteOffset, length);
}
