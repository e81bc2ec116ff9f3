import { blankImage, type Image, imageSize } from "./image-transform.js";

/** Where in the source each pixel comes from: `x' = xx x + xy y + x0`, `y' = yx x + yy y + y0`; x counts columns. */
export interface Affine {
  readonly xx: number;
  readonly xy: number;
  readonly x0: number;
  readonly yx: number;
  readonly yy: number;
  readonly y0: number;
}

/**
 * Moves pixels: each is interpolated linearly between the four around the place that it comes from. Beyond the border
 * there is the nearest pixel of it. Equal to `scipy.ndimage.affine_transform` of order 1 with `mode="nearest"`.
 */
export function warpImage(image: Image, { xx, xy, x0, yx, yy, y0 }: Affine): Image {
  const [height, width, channels] = imageSize(image, "augment");
  const result = blankImage(image.dtype, image.shape);
  const { data } = image;
  const rounding = image.dtype === "uint8" ? 0.5 : 0;
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const x = Math.min(width - 1, Math.max(0, xx * column + xy * row + x0));
      const y = Math.min(height - 1, Math.max(0, yx * column + yy * row + y0));
      const [left, top] = [Math.floor(x), Math.floor(y)];
      const [rightWeight, bottomWeight] = [x - left, y - top];
      const right = Math.min(width - 1, left + 1);
      const bottom = Math.min(height - 1, top + 1);
      const topLeft = (top * width + left) * channels;
      const topRight = (top * width + right) * channels;
      const bottomLeft = (bottom * width + left) * channels;
      const bottomRight = (bottom * width + right) * channels;
      for (let channel = 0; channel < channels; channel++) {
        const above =
          (data[topLeft + channel] as number) * (1 - rightWeight) + (data[topRight + channel] as number) * rightWeight;
        const below =
          (data[bottomLeft + channel] as number) * (1 - rightWeight) +
          (data[bottomRight + channel] as number) * rightWeight;
        result.data[at++] = above * (1 - bottomWeight) + below * bottomWeight + rounding;
      }
    }
  }
  return result;
}
