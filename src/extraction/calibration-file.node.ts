import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { link, mkdir, rename, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { kerasModelsFolder } from "../backbones/keras-models-folder.node.js";
import { isCnnTransferError } from "../errors.js";
import { checkWritable } from "../files/atomic-file.node.js";
import { readTextIfThere } from "../files/existing-file.node.js";
import { fileAccessError } from "../files/file-access.node.js";
import { takeLock } from "../files/file-lock.node.js";

/** Where the calibration of a network with these weights is kept: beside the weights. */
export function defaultCalibrationPath(fileName: string, cacheDirectory: string | undefined): string | undefined {
  return join(cacheDirectory ?? kerasModelsFolder(), fileName);
}

/** Text of a calibration file; undefined if there is none. @throws FileAccessError if it cannot be read */
export function readCalibrationText(path: string): Promise<string | undefined> {
  return readTextIfThere(path);
}

/**
 * Makes the folder for a calibration file, and checks that the file can be written there before minutes are spent on it.
 *
 * @throws FileAccessError if it cannot
 */
export async function prepareCalibrationFile(path: string): Promise<void> {
  // Where the folder cannot be made, the check says so.
  await mkdir(dirname(path), { recursive: true }).catch(() => undefined);
  await checkWritable(path);
}

/**
 * Writes a calibration file whole, or not at all, unless another process was first: then its file stays.
 *
 * @returns text of the file that is there now
 * @throws FileAccessError if it cannot be written
 */
export async function keepCalibrationText(path: string, text: string): Promise<string> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, text, { flag: "wx", flush: true });
    await placeIfMissing(temporary, path);
  } catch (cause) {
    throw isCnnTransferError(cause) ? cause : fileAccessError("write", path, cause);
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
    await renameIfMissing(temporary, path);
  }
}

/** Renaming takes a moment; who holds the lock for longer is not of this machine, and has ended. */
const longestWait = 10_000;

/** For file systems without hard links, where renaming would replace what another process has just kept. */
async function renameIfMissing(temporary: string, path: string): Promise<void> {
  const end = Date.now() + longestWait;
  for (;;) {
    try {
      const lock = await takeLock(`${path}.lock`, path);
      try {
        if (existsSync(path)) return;
        await lock.check();
        await rename(temporary, path);
        return;
      } finally {
        await lock.giveBack();
      }
    } catch (cause) {
      if (!isCnnTransferError(cause, "FileAccessError") || cause.reason !== "locked" || Date.now() > end) throw cause;
      await setTimeout(20);
    }
  }
}
