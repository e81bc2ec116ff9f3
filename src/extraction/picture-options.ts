import type { PreprocessMode } from "../images/preprocess.js";
import type { Interpolation } from "../images/resize.js";

/** How pictures are brought to the network's size. */
export interface PictureOptions {
  readonly size: readonly [number, number];
  readonly interpolation: Interpolation;
  readonly keepAspectRatio: boolean;
  readonly applyOrientation: boolean;
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
