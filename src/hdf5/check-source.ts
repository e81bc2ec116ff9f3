import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import type { HDF5Source } from "./engine.js";

/**
 * Checks that a source from outside the type system is one at all: a number would else be taken for so many bytes.
 *
 * @throws InvalidArgumentError if it is none
 */
export function checkSource(source: unknown): asserts source is HDF5Source {
  if (typeof source === "string" && source !== "") return;
  if (source instanceof Uint8Array || source instanceof ArrayBuffer || source instanceof Blob) return;
  throw new InvalidArgumentError(
    `\`source\` is ${describeValue(source)}: expected the path of a file, its bytes (Uint8Array or ArrayBuffer), or a Blob.`,
  );
}
