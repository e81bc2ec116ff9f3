import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { FileAccessError } from "../errors.js";
import { notAFile } from "./not-a-file.js";

/** Windows has no such flag. Without it a pipe that nobody writes to is waited for as long as the process lives. */
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * Reads the bytes of an image file.
 *
 * @throws FileAccessError if it is missing, a folder, a pipe or a device, or cannot be read
 */
export async function readImageFile(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  try {
    return await readRegularFile(path, signal);
  } catch (cause) {
    signal?.throwIfAborted();
    const code = (cause as NodeJS.ErrnoException).code;
    const [reason, why] =
      code === "ENOENT" || code === "ENOTDIR"
        ? (["missing", "there is no such file"] as const)
        : code === "EACCES" || code === "EPERM"
          ? (["not-permitted", "it is not permitted"] as const)
          : ([
              "other",
              code === "EISDIR" ? "it is a folder; use `imageFolder`" : (notAFile(cause) ?? String(cause)),
            ] as const);
    throw new FileAccessError(`Cannot read image "${path}": ${why}.`, { path, reason }, { cause });
  }
}

/**
 * The same at once, in half of the processor's time, for threads in which nothing else is kept waiting. Its errors are the
 * system's.
 */
export function readImageFileSync(path: string): Uint8Array {
  const file = openSync(path, flags);
  try {
    if (!fstatSync(file).isFile()) throw withCode("ENXIO");
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

async function readRegularFile(path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const file = await open(path, flags);
  try {
    const found = await file.stat();
    if (found.isDirectory()) throw withCode("EISDIR");
    // A device such as /dev/zero never ends.
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

/** The codes with which a system refuses to open such things itself. */
function withCode(code: "EISDIR" | "ENXIO"): Error {
  return Object.assign(new Error(`${code}: not a file`), { code });
}
