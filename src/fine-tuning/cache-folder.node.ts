import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileAccessError } from "../files/file-access.node.js";

/** A folder for files that can be made again. */
export interface CacheFolder {
  pathOf(fileName: string): string;
  /** Removes the folder if it was made for this once; one that was named stays as it is. */
  remove(): Promise<void>;
}

/** Whether this platform has folders. */
export const hasFolders = true;

/**
 * Opens a folder.
 *
 * @param path made if it is missing; a new one among the system's temporary files if undefined
 * @throws FileAccessError if it cannot be made
 */
export async function openCacheFolder(path: string | undefined): Promise<CacheFolder> {
  const wanted = path ?? join(tmpdir(), "cnn-transfer-");
  try {
    if (path === undefined) {
      const folder = await mkdtemp(wanted);
      return {
        pathOf: (fileName) => join(folder, fileName),
        remove: () => rm(folder, { recursive: true, force: true }),
      };
    }
    const folder = resolve(path);
    await mkdir(folder, { recursive: true });
    return { pathOf: (fileName) => join(folder, fileName), remove: async () => undefined };
  } catch (cause) {
    throw fileAccessError("write", wanted, cause);
  }
}
