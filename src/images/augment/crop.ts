import { ShapeMismatchError } from "../../errors.js";
import { blankImage, checkRandom, checkSize, type Image, type ImageTransform, imageSize } from "./image-transform.js";

/** A part of an image, which must lie within it. */
export function cropImage(image: Image, top: number, left: number, height: number, width: number): Image {
  const [, sourceWidth, channels] = imageSize(image, "cropImage");
  const result = blankImage(image.dtype, [height, width, channels]);
  for (let row = 0; row < height; row++) {
    const start = ((top + row) * sourceWidth + left) * channels;
    result.data.set(image.data.subarray(start, start + width * channels), row * width * channels);
  }
  return result;
}

/** An image with left and right (`"horizontal"`) or top and bottom exchanged. */
export function flipImage(image: Image, direction: "horizontal" | "vertical"): Image {
  const [height, width, channels] = imageSize(image, "flipImage");
  const result = blankImage(image.dtype, image.shape);
  const line = width * channels;
  for (let row = 0; row < height; row++) {
    if (direction === "vertical") {
      result.data.set(image.data.subarray(row * line, (row + 1) * line), (height - 1 - row) * line);
      continue;
    }
    for (let column = 0; column < width; column++) {
      const from = row * line + (width - 1 - column) * channels;
      result.data.set(image.data.subarray(from, from + channels), row * line + column * channels);
    }
  }
  return result;
}

/**
 * Cuts out a part of this `[height, width]` at random: for training on patches of larger pictures, as the
 * `PatchPreprocessor` of Python pipelines does. Images of just that size stay as they are.
 *
 * @throws InvalidArgumentError for a size that is none; ShapeMismatchError later, for images that are smaller
 */
export function randomCrop(size: readonly [number, number]): ImageTransform {
  checkSize(size, "randomCrop");
  const [height, width] = size;
  return (image, random) => {
    const [sourceHeight, sourceWidth] = checkLarger(image, size, "randomCrop");
    checkRandom(random);
    const top = random.integerBelow(sourceHeight - height + 1);
    const left = random.integerBelow(sourceWidth - width + 1);
    return cropImage(image, top, left, height, width);
  };
}

/**
 * Makes an image into ten of this `[height, width]`: the corners (top left, top right, bottom right, bottom left), the
 * middle, and the same five mirrored. Rows become `[10, height, width, channels]`; the mean of their predictions is
 * steadier than that of one. As the `CropPreprocessor` of Python pipelines, and in its order.
 *
 * @throws InvalidArgumentError for a size that is none; ShapeMismatchError later, for images that are smaller
 */
export function tenCrop(size: readonly [number, number]): ImageTransform {
  checkSize(size, "tenCrop");
  const [height, width] = size;
  return (image) => {
    const [sourceHeight, sourceWidth, channels] = checkLarger(image, size, "tenCrop");
    const [bottom, right] = [sourceHeight - height, sourceWidth - width];
    const places = [
      [0, 0],
      [0, right],
      [bottom, right],
      [bottom, 0],
      [Math.floor(bottom / 2), Math.floor(right / 2)],
    ] as const;
    const crops = places.map(([top, left]) => cropImage(image, top, left, height, width));
    const result = blankImage(image.dtype, [10, height, width, channels]);
    const length = height * width * channels;
    for (const [i, crop] of crops.entries()) {
      result.data.set(crop.data, i * length);
      result.data.set(flipImage(crop, "horizontal").data, (i + 5) * length);
    }
    return result;
  };
}

function checkLarger(image: Image, [height, width]: readonly [number, number], what: string) {
  const size = imageSize(image, what);
  if (size[0] < height || size[1] < width) {
    throw new ShapeMismatchError(
      `\`${what}\` cannot cut [${height}, ${width}] out of an image of ${size[0]} x ${size[1]}: it is smaller. Store larger images, or cut smaller parts.`,
      { expected: [height, width, null], received: image.shape },
    );
  }
  return size;
}
