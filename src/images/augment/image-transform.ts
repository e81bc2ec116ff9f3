import { InvalidArgumentError, ShapeMismatchError } from "../../errors.js";
import { type NdArray, type Shape, sizeOf } from "../../ndarray.js";
import { checkArray } from "../../options/check-array.js";
import { checkList, describeValue } from "../../options/check-option.js";
import type { Random } from "../../random.js";

/** An image `[height, width, channels]`: uint8 as stored, 0..255, or float32 in any range. */
export type Image = NdArray<"uint8" | "float32">;

/**
 * Makes one row of a data set, usually an image, into another. What it draws from `random` is the same again for the
 * same seed, pass and row. It must not change what it is given, and must give every row of one shape the same new shape.
 *
 * @example
 * const inverted: ImageTransform = (image) => ({ ...image, data: image.data.map((value) => 255 - value) }) as Image;
 */
export type ImageTransform = (image: Image, random: Random) => Image;

/** Zeros of the same type as `image`. */
export function blankImage(dtype: Image["dtype"], shape: Shape): Image {
  return dtype === "uint8"
    ? { dtype, shape, data: new Uint8Array(sizeOf(shape)) }
    : { dtype, shape, data: new Float32Array(sizeOf(shape)) };
}

/** @throws InvalidArgumentError if it is no array @throws ShapeMismatchError if it is not an image */
export function imageSize(image: Image, what: string): readonly [height: number, width: number, channels: number] {
  checkArray("image", image, "an image [height, width, channels]");
  const { shape } = image;
  const [height, width, channels] = shape;
  if (shape.length !== 3 || height === undefined || width === undefined || channels === undefined) {
    throw new ShapeMismatchError(
      `\`${what}\` expected images [height, width, channels], received rows of shape [${shape.join(", ")}].`,
      { expected: [null, null, null], received: shape },
    );
  }
  return [height, width, channels];
}

/** @throws InvalidArgumentError if it is no source of random numbers */
export function checkRandom(random: Random): void {
  if (typeof random?.integerBelow === "function") return;
  throw new InvalidArgumentError(
    `\`random\` is ${describeValue(random)}: expected a source of random numbers, such as createRandom(1).`,
  );
}

/** Checks a wanted `[height, width]`. */
export function checkSize(size: readonly [number, number], what: string): void {
  checkList("size", size, "[height, width]");
  if (size.length !== 2 || !size.every((side) => Number.isSafeInteger(side) && side > 0)) {
    throw new InvalidArgumentError(
      `\`${what}\` expected [height, width], two positive whole numbers, received [${size.join(", ")}].`,
    );
  }
}
