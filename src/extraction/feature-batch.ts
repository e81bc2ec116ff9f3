import type { SkippedImage } from "../images/load-images.js";
import type { NdArray } from "../ndarray.js";

/** Features of one batch of pictures, in the source's order. */
export interface FeatureBatch {
  /** `[batch, ...featureShape]` of the first (or only) layer. */
  readonly features: NdArray<"float32">;
  /** The same for every layer asked for, by layer name. */
  readonly byLayer: ReadonlyMap<string, NdArray<"float32">>;
  /** Index into the source's `classLabels` for each row; `undefined` where the source has no labels. */
  readonly labels: Int32Array | undefined;
  /** Name of the picture behind each row. */
  readonly names: readonly string[];
  /** Pictures before or among these that could not be decoded. */
  readonly skipped: readonly SkippedImage[];
}
