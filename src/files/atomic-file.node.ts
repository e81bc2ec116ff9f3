import { randomUUID } from "node:crypto";
import { type FileHandle, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { checkText } from "../options/check-option.js";
import { fileAccessError } from "./file-access.node.js";

/** How {@link writeFileAtomically} treats a file that is there already. */
export interface AtomicWriteOptions {
  /** Whether a file at the path is replaced. If not, it is an error. */
  readonly overwrite: boolean;
}

/**
 * Writes a whole file so that at every moment, also after a crash or on a full disk, the path holds either the old file
 * or the new one, complete. The bytes go to a temporary file in the same folder, to the disk, and are renamed into place.
 *
 * @throws FileAccessError if the file exists and may not be replaced, or the operating system refuses; the old file is
 * then as it was
 */
export async function writeFileAtomically(path: string, bytes: Uint8Array, options: AtomicWriteOptions): Promise<void> {
  checkText("path", path, "the path of a file");
  try {
    const target = await resolveTarget(path, options.overwrite);
    const temporary = `${target}.${randomUUID()}.tmp`;
    try {
      await writeThrough(temporary, bytes);
      await rename(temporary, target);
    } catch (cause) {
      // Nothing to remove if it could not even be made; the first error is the one that tells.
      await unlink(temporary).catch(() => undefined);
      throw cause;
    }
    await syncFolder(dirname(target));
  } catch (cause) {
    throw fileAccessError("write", path, cause);
  }
}

/**
 * Checks that a file can be written, or replaced, so that this is not found out after long work: makes an empty temporary
 * file in its folder and removes it. What is at the path stays as it is.
 *
 * @throws FileAccessError if the folder is missing, or the operating system refuses
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    const temporary = `${await resolveTarget(path, true)}.${randomUUID()}.tmp`;
    await (await open(temporary, "wx")).close();
    await unlink(temporary);
  } catch (cause) {
    throw fileAccessError("write", path, cause);
  }
}

/** The path to replace: that of the file itself where a link points to one. */
async function resolveTarget(path: string, overwrite: boolean): Promise<string> {
  let target: string;
  try {
    target = await realpath(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return path;
    throw cause;
  }
  if (!overwrite) throw Object.assign(new Error("the file exists"), { code: "EEXIST" });
  if ((await stat(target)).isDirectory()) throw Object.assign(new Error("it is a folder"), { code: "EISDIR" });
  return target;
}

async function writeThrough(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Puts the rename itself on the disk. Windows has no such thing for folders and needs none. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, "r");
    await handle.sync();
  } catch (cause) {
    // Some network file systems cannot sync a folder; the file itself is complete in any case.
    if (!["EINVAL", "ENOTSUP", "EACCES", "EPERM"].includes((cause as NodeJS.ErrnoException).code ?? "")) throw cause;
  } finally {
    await handle?.close();
  }
}
