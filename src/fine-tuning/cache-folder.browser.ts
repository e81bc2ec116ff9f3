import { UnsupportedError } from "../errors.js";
import type { CacheFolder } from "./cache-folder.node.js";

/** A browser has no folders. */
export const hasFolders = false;

/** @throws UnsupportedError always */
export async function openCacheFolder(_path: string | undefined): Promise<CacheFolder> {
  throw new UnsupportedError("`cache` needs a folder, and a browser has none. Pass `cache: false`.");
}
