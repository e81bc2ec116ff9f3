import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";

/** Windows has no such flag. Without it a pipe that nobody writes to is waited for as long as the process lives. */
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * Reads the bytes of a file. What is no file, but a folder, a pipe, a socket or a device, is an error with the code of the
 * system's own: a device such as /dev/zero never ends.
 */
export async function readRegularFile(path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const file = await open(path, flags);
  try {
    const found = await file.stat();
    if (found.isDirectory()) throw withCode("EISDIR");
    if (!found.isFile()) throw withCode("ENXIO");
    const bytes = Buffer.allocUnsafeSlow(found.size);
    let length = 0;
    while (length < bytes.length) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}

/**
 * The same at once, in half of the processor's time, for threads in which nothing else is kept waiting.
 */
export function readRegularFileSync(path: string): Uint8Array {
  const file = openSync(path, flags);
  try {
    if (!fstatSync(file).isFile()) throw withCode("ENXIO");
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** The codes with which a system refuses to open such things itself. */
function withCode(code: "EISDIR" | "ENXIO"): Error {
  return Object.assign(new Error(`${code}: not a file`), { code });
}
