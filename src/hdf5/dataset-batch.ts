import type { NdArray } from "../ndarray.js";
import type { BatchColumn } from "./column-reader.js";

/** Element types in which rows can be given out. */
export type BatchDType = "float32" | "uint8";

/**
 * Some rows with their labels. The arrays are the receiver's own and never written to again, unless the pass was begun
 * with `reuse: true`: then `xs` is valid until the next batch is asked for.
 */
export interface DatasetBatch<D extends BatchDType = BatchDType> {
  /** `[rows, ...rowShape]` */
  readonly xs: NdArray<D>;
  /**
   * `[rows]` class indices; `[0]` if the data set has no labels. Where each row has several labels, or multi-hot ones,
   * `[rows, ...labelShape]`, as they are in the file.
   */
  readonly ys: NdArray<"int32">;
  /** Where each row stands in the file. */
  readonly indices: Uint32Array;
  /** Values of the `columns` asked for, by name: `[rows, ...]` each. */
  readonly columns: Readonly<Record<string, BatchColumn>>;
}

/** Some rows with their labels as one-hot rows: what a pass with `binarize: true` gives. */
export interface OneHotBatch<D extends BatchDType = BatchDType> {
  /** `[rows, ...rowShape]` */
  readonly xs: NdArray<D>;
  /** `[rows, classes]`: 1 at the row's class, 0 elsewhere. */
  readonly ys: NdArray<"float32">;
  /** Where each row stands in the file. */
  readonly indices: Uint32Array;
  /** Values of the `columns` asked for, by name: `[rows, ...]` each. */
  readonly columns: Readonly<Record<string, BatchColumn>>;
}

/** Class indices `[rows]` as one-hot rows `[rows, classes]`. Every index must be below `classes`. */
export function oneHot(labels: Int32Array, classes: number): NdArray<"float32"> {
  const data = new Float32Array(labels.length * classes);
  for (const [row, label] of labels.entries()) data[row * classes + label] = 1;
  return { dtype: "float32", shape: [labels.length, classes], data };
}
