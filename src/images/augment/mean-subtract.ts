import { InvalidArgumentError, ShapeMismatchError } from "../../errors.js";
import { checkArray } from "../../options/check-array.js";
import { checkList } from "../../options/check-option.js";
import type { ImageTransform } from "./image-transform.js";

/**
 * Subtracts the mean of each channel, in the order of the channels: red, green, blue for images written by this library.
 * Gives float32. As the `MeanPreprocessor` of Python pipelines.
 *
 * @throws InvalidArgumentError for means that are not numbers; ShapeMismatchError later, for other numbers of channels
 */
export function meanSubtract(means: readonly number[]): ImageTransform {
  checkList("means", means, "a number for each channel, such as [123.7, 116.8, 103.9]");
  if (means.length === 0 || !means.every(Number.isFinite)) {
    throw new InvalidArgumentError(
      `\`meanSubtract\` expected a number for each channel, received [${means.join(", ")}].`,
    );
  }
  const single = Float32Array.from(means);
  return (image) => {
    checkArray("image", image, "an image, channels last");
    const { shape, data } = image;
    if (shape.at(-1) !== means.length) {
      throw new ShapeMismatchError(
        `\`meanSubtract\` has ${means.length} means, but the rows have shape [${shape.join(", ")}]: channels come last.`,
        { expected: [null, null, means.length], received: shape },
      );
    }
    const result = Float32Array.from(data);
    for (let i = 0; i < result.length; i++) result[i] = (result[i] as number) - (single[i % single.length] as number);
    return { dtype: "float32", shape, data: result };
  };
}
