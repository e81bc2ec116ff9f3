import { promisify } from "node:util";
import { deflate as zlibDeflate } from "node:zlib";

const run = promisify<Uint8Array, { level: number }, Uint8Array>(zlibDeflate);

/** Compresses in zlib's format, as HDF5's filter "deflate" wants it, on another thread. */
export function deflate(bytes: Uint8Array, level: number): Promise<Uint8Array> {
  return run(bytes, { level });
}
