import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import type { ImageSource } from "./image-source.js";

/**
 * Checks that a source from outside the type system is one at all.
 *
 * @throws InvalidArgumentError if it is none, such as the path of a folder
 */
export function checkImageSource(parameter: string, value: unknown): asserts value is ImageSource {
  const source = value as Partial<ImageSource> | null | undefined;
  if (typeof source?.[Symbol.asyncIterator] === "function" && typeof source.length === "number") return;
  throw new InvalidArgumentError(
    `\`${parameter}\` is ${describeValue(value)}: expected a source of pictures, such as \`await imageFolder("animals/")\` or \`imageList(["cat.jpg"])\`.`,
  );
}
