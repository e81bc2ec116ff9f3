import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import type { ImageSource } from "./image-source.js";

/**
 * Checks that a source from outside the type system is one at all.
 *
 * @throws InvalidArgumentError if it is none, such as the path of a folder, or does not say how many pictures it has
 */
export function checkImageSource(parameter: string, value: unknown): asserts value is ImageSource {
  const source = value as Partial<ImageSource> | null | undefined;
  if (typeof source?.[Symbol.asyncIterator] === "function" && typeof source.length === "number") {
    // Room in a file, progress and what a calibration looks at are all counted by it.
    if (Number.isSafeInteger(source.length) && source.length >= 0) return;
    throw new InvalidArgumentError(
      `\`${parameter}.length\` is ${describeValue(source.length)}: expected the number of its pictures. Of a source that does not know it, list the pictures first, for \`imageList\`.`,
    );
  }
  throw new InvalidArgumentError(
    `\`${parameter}\` is ${describeValue(value)}: expected a source of pictures, such as \`await imageFolder("animals/")\` or \`imageList(["cat.jpg"])\`.`,
  );
}
