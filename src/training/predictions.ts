import type { NdArray } from "../ndarray.js";

/** What a classifier said of labelled rows: what all figures about it are computed from. */
export interface Predictions {
  /** For each row the index of its class. */
  readonly trueClasses: Int32Array;
  /** For each row the index of the class that it was given. */
  readonly predictedClasses: Int32Array;
  /** `[rows, classes]`: how probable each class is. */
  readonly probabilities: NdArray<"float32" | "float64">;
  /** Where each row stands in the data's file; undefined if the data does not say. */
  readonly indices: Uint32Array | undefined;
}
