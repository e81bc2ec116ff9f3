import { FileAccessError } from "../errors.js";
import { readRegularFile } from "../files/regular-file.node.js";
import { notAFile } from "./not-a-file.js";

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
