import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rename, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { kerasModelsFolder } from "../backbones/keras-models-folder.node.js";
import { FileAccessError } from "../errors.js";
import { fileAccessError } from "../hdf5/file-access.node.js";

/** Where the calibration of a network with these weights is kept: beside the weights. */
export function defaultCalibrationPath(fileName: string, cacheDirectory: string | undefined): string | undefined {
  return join(cacheDirectory ?? kerasModelsFolder(), fileName);
}

/** Text of a calibration file; undefined if there is none. @throws FileAccessError if it cannot be read */
export async function readCalibrationText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new FileAccessError(
      `Cannot read the calibration "${path}": ${(cause as Error).message}. Make it readable, or give another \`calibrationPath\`.`,
      { path, reason: "not-permitted" },
      { cause },
    );
  }
}

/**
 * Writes a calibration file whole, or not at all, unless another process was first: then its file stays.
 *
 * @returns text of the file that is there now
 * @throws FileAccessError if it cannot be written
 */
export async function keepCalibrationText(path: string, text: string): Promise<string> {
  // Where the folder cannot be made, writing says so.
  await mkdir(dirname(path), { recursive: true }).catch(() => undefined);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, text, { flag: "wx", flush: true });
    await placeIfMissing(temporary, path);
  } catch (cause) {
    throw fileAccessError("write", path, cause);
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
  return (await readCalibrationText(path)) ?? text;
}

async function placeIfMissing(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (!["ENOTSUP", "EOPNOTSUPP", "EPERM", "ENOSYS"].includes(code ?? "")) throw cause;
    // A file system without hard links.
    await rename(temporary, path);
  }
}
