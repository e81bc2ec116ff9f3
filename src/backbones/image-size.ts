import { InvalidArgumentError } from "../errors.js";
import { checkList } from "../options/check-option.js";
import type { Backbone, TopologyOptions } from "./backbone.js";

/**
 * Checks the image size that a backbone is to be built for, and gives it back.
 *
 * @throws InvalidArgumentError if it is not `[height, width]` of integers of at least the backbone's minimum
 */
export function checkImageSize(
  { name, minimumSize }: Pick<Backbone, "name" | "minimumSize">,
  imageSize: TopologyOptions["imageSize"],
): readonly [number, number] {
  checkList("imageSize", imageSize, `[height, width], both integers of at least ${minimumSize}`);
  const [height, width] = imageSize;
  const fits = (size: number) => Number.isInteger(size) && size >= minimumSize;
  if (imageSize.length !== 2 || !fits(height) || !fits(width)) {
    throw new InvalidArgumentError(
      `\`imageSize\` is [${imageSize.join(", ")}]: "${name}" expects [height, width], both integers of at least ${minimumSize}.`,
    );
  }
  return imageSize;
}
