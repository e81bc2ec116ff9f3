import { defaultMaximumPixels } from "../images/decode-image.js";
import { checkInterpolation, type Interpolation } from "../images/interpolation.js";
import type { PreprocessMode } from "../images/preprocess.js";
import { checkBoolean } from "../options/check-option.js";

/** How pictures are decoded and brought to the network's size. */
export interface ExtractionPictureOptions {
  /** Filter of the resizing, as in Pillow. @default "bilinear" */
  readonly interpolation?: Interpolation | undefined;
  /** Crops to the target's aspect ratio around the centre instead of distorting. @default false */
  readonly keepAspectRatio?: boolean | undefined;
  /** Turns pictures as their EXIF orientation says. Keras does not. @default false */
  readonly applyOrientation?: boolean | undefined;
  /** Pictures with more pixels count as broken, so that one cannot take all memory. @default 178956970, as in Pillow */
  readonly maximumPixels?: number | undefined;
  /** Pictures that are decoded at the same time. @default 4 */
  readonly concurrency?: number | undefined;
}

/** The same with every default settled. */
export type PictureOptions = { readonly size: readonly [number, number] } & {
  readonly [K in keyof ExtractionPictureOptions]-?: NonNullable<ExtractionPictureOptions[K]>;
};

/**
 * Settles the defaults.
 *
 * @throws InvalidArgumentError for an unknown filter, or an option of the wrong type
 */
export function resolvePictureOptions(options: ExtractionPictureOptions): Omit<PictureOptions, "size"> {
  const { interpolation = "bilinear", keepAspectRatio = false, applyOrientation = false } = options;
  checkInterpolation(interpolation);
  checkBoolean("keepAspectRatio", keepAspectRatio);
  checkBoolean("applyOrientation", applyOrientation);
  return {
    interpolation,
    keepAspectRatio,
    applyOrientation,
    maximumPixels: options.maximumPixels ?? defaultMaximumPixels,
    concurrency: options.concurrency ?? 4,
  };
}

/** What is done to the pictures, as one text to be stored: `bilinear to 224x224, caffe`. */
export function describePreparation(pictures: PictureOptions, preprocess: PreprocessMode): string {
  return [
    `${pictures.interpolation} to ${pictures.size.join("x")}`,
    ...(pictures.keepAspectRatio ? ["aspect ratio kept"] : []),
    ...(pictures.applyOrientation ? ["orientation applied"] : []),
    preprocess,
  ].join(", ");
}
