import { defaultMaximumPixels } from "../images/decode-image.js";
import { checkDecodeMode, type DecodeMode } from "../images/fast-decoding.js";
import { checkInterpolation, type Interpolation } from "../images/interpolation.js";
import { checkWorkers } from "../images/load-images.js";
import { defaultWorkers } from "../images/picture-threads.node.js";
import type { PreprocessMode } from "../images/preprocess.js";
import { checkBoolean } from "../options/check-option.js";
import type { OptionNames } from "../options/check-options.js";

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
  /**
   * `"fast"`: the JPEG decoder makes photographs of at least six times the network's size smaller while it decodes them.
   * It takes a fraction of the time, and features are near the exact ones but not equal: docs/performance.md. The
   * attribute `preprocess` says so. Node only.
   *
   * @default "exact"
   */
  readonly decode?: DecodeMode | undefined;
  /**
   * Threads that decode and resize; 0 does it in the thread that calls, as always in browsers.
   *
   * @default as many as the machine runs at once, at most 8; 0 in browsers
   */
  readonly workers?: number | undefined;
  /** Pictures that are decoded at the same time, each in its full size in memory. @default two for each of the `workers`, at least 4 */
  readonly concurrency?: number | undefined;
}

/** Names of {@link ExtractionPictureOptions}. */
export const pictureOptionNames: OptionNames<ExtractionPictureOptions> = {
  interpolation: true,
  keepAspectRatio: true,
  applyOrientation: true,
  maximumPixels: true,
  decode: true,
  workers: true,
  concurrency: true,
};

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
  const { workers = defaultWorkers(), decode = "exact" } = options;
  checkDecodeMode(decode);
  checkWorkers(workers);
  checkInterpolation(interpolation);
  checkBoolean("keepAspectRatio", keepAspectRatio);
  checkBoolean("applyOrientation", applyOrientation);
  return {
    interpolation,
    keepAspectRatio,
    applyOrientation,
    maximumPixels: options.maximumPixels ?? defaultMaximumPixels,
    decode,
    workers,
    concurrency: options.concurrency ?? Math.max(4, 2 * workers),
  };
}

/** What is done to the pictures, as one text to be stored: `bilinear to 224x224, caffe`. */
export function describePreparation(pictures: PictureOptions, preprocess: PreprocessMode): string {
  return [
    `${pictures.interpolation} to ${pictures.size.join("x")}`,
    ...(pictures.keepAspectRatio ? ["aspect ratio kept"] : []),
    ...(pictures.applyOrientation ? ["orientation applied"] : []),
    ...(pictures.decode === "fast" ? ["decoded fast"] : []),
    preprocess,
  ].join(", ");
}
