import type { NdArray } from "../ndarray.js";
import { checkOptions } from "../options/check-options.js";
import { type DecodeOptions, decodeImage, decodeOptionNames } from "./decode-image.js";
import type { ImageInput } from "./image-source.js";
import { type Interpolation, resizeImage } from "./resize.js";

/** How one picture is decoded and resized. */
export interface LoadImageOptions extends DecodeOptions {
  /** Wanted `[height, width]`; the picture keeps its size without. Keras's `target_size`. */
  readonly size?: readonly [number, number] | undefined;
  /** @default "bilinear"; Keras's `load_img` has "nearest" */
  readonly interpolation?: Interpolation | undefined;
  /** Cut to the wanted aspect ratio instead of distorting. @default false */
  readonly keepAspectRatio?: boolean | undefined;
}

/**
 * Decodes a picture and brings it to one size: Keras's `load_img`, with the same pixels. The one difference is the
 * default of `interpolation`.
 *
 * @returns `[height, width, 3]`, uint8, RGB
 * @throws ImageDecodeError, FileAccessError, ShapeMismatchError as `decodeImage`
 * @throws InvalidArgumentError if `size` or `interpolation` is wrong
 *
 * @example
 * const pixels = await loadImage("cat.jpg", { size: [224, 224] });
 */
export async function loadImage(input: ImageInput, options: LoadImageOptions = {}): Promise<NdArray<"uint8">> {
  checkOptions("loadImage", options, { ...decodeOptionNames, size: true, interpolation: true, keepAspectRatio: true });
  const { size, interpolation = "bilinear", keepAspectRatio = false, ...decoding } = options;
  const pixels = await decodeImage(input, decoding);
  return size === undefined ? pixels : resizeImage(pixels, { size, interpolation, keepAspectRatio });
}
