import { UnsupportedError } from "../errors.js";
import type { AtomicWriteOptions } from "./atomic-file.node.js";

export type { AtomicWriteOptions } from "./atomic-file.node.js";

/** A browser has no file paths. @throws UnsupportedError always, saying what to do */
export async function writeFileAtomically(
  path: string,
  _bytes: Uint8Array,
  _options: AtomicWriteOptions,
): Promise<void> {
  throw new UnsupportedError(
    `Cannot write "${path}": a browser has no file paths. Take the bytes from \`encode()\` and offer them as a download, or write them through the File System API.`,
  );
}

/** A browser has no file paths. @throws UnsupportedError always, saying what to do */
export async function checkWritable(path: string): Promise<void> {
  await writeFileAtomically(path, new Uint8Array(), { overwrite: true });
}
