import { InvalidDatasetError, UnsupportedError } from "../errors.js";
import type { HDF5DType } from "./engine.js";

/**
 * Checks that a dataset holds what is to be read from it, in every engine with the same words.
 *
 * @param file how errors call the file
 * @throws UnsupportedError if it holds neither numbers nor strings
 * @throws InvalidDatasetError if it holds the one where the other is wanted
 */
export function checkDatasetKind(file: string, path: string, dtype: HDF5DType, wanted: "numbers" | "strings"): void {
  if (dtype === "other") {
    throw new UnsupportedError(
      `"${path}" in "${file}" has an element type that is neither a number nor a string; no engine reads it. Convert it with h5py.`,
    );
  }
  if ((dtype === "string") === (wanted === "strings")) return;
  const [held, method] = dtype === "string" ? ["strings", "readStrings"] : [dtype, "read"];
  throw new InvalidDatasetError(
    file,
    `Reading "${path}" in "${file}" as ${wanted}: it holds ${held}. Use \`${method}\`.`,
  );
}
