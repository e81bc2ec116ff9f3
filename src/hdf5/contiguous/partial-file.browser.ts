import { UnsupportedError } from "../../errors.js";
import type { PartialFile, PartialFileOptions } from "./partial-file.js";

/** @throws UnsupportedError always: a browser has no files that are written by path */
export async function openPartialFile(target: string, _options: PartialFileOptions): Promise<PartialFile> {
  throw new UnsupportedError(
    `Cannot write "${target}": a browser has no file paths. Make the file's bytes with \`h5wasm().encode(items)\`.`,
  );
}
