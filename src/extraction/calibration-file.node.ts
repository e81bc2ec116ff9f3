import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { kerasModelsFolder } from "../backbones/keras-models-folder.node.js";
import { FileAccessError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic-file.node.js";

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

/** Writes a calibration file whole, or not at all. @throws FileAccessError if it cannot be written */
export async function writeCalibrationText(path: string, text: string): Promise<void> {
  // Where the folder cannot be made, writing says so.
  await mkdir(dirname(path), { recursive: true }).catch(() => undefined);
  await writeFileAtomically(path, new TextEncoder().encode(text), { overwrite: true });
}
