import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import type { BatchColumn } from "../hdf5/column-reader.js";
import type { NdArray, Shape } from "../ndarray.js";
import { describeValue } from "../options/check-option.js";
import type { Target } from "./target.js";

/** Rows with their labels. */
export interface TrainingBatch {
  /** `[rows, ...inputShape]`; other dtypes than float32 are converted. */
  readonly xs: NdArray;
  /**
   * `[rows]`: for each row the index of its class, or the number that is to be met. `[rows, k]` for a multi-label task (ones
   * and zeros), or for a regression of k numbers.
   */
  readonly ys: NdArray;
  /** Where each row stands in the file it comes from, where that is known; an evaluation can then name its pictures. */
  readonly indices?: Uint32Array | undefined;
  /** Further values of the rows by name, such as the weight of each, `[rows, ...]`. */
  readonly columns?: Readonly<Record<string, BatchColumn>> | undefined;
}

/**
 * Labelled rows that come in batches: an `HDF5DatasetGenerator`, a part of one, or any object of this form. Every
 * iteration is one pass over all rows; in which order is its own affair.
 */
export interface TrainingData {
  /** Number of rows of one pass. */
  readonly length: number;
  /** Shape of one row, where it is known. */
  readonly rowShape?: Shape | undefined;
  /** Names of the classes, where they are known; empty counts as not known. */
  readonly classLabels?: readonly string[] | undefined;
  /** Class of every row, where that is known; a wrong one is then found before the first batch. */
  readonly labels?: ArrayLike<number> | undefined;
  /** Where each row stands in the file it comes from, where that is known: a checkpoint then knows its rows again. */
  readonly indices?: ArrayLike<number> | undefined;
  /** Number of batches of one pass, where it is known. */
  readonly batchesPerPass?: number | undefined;
  /**
   * One pass of a number: the same number gives the same rows in the same order. With `reuse` a batch is valid until the
   * next is asked for. Training takes pass 0, 1, 2 and so on, so that one that is resumed sees the same rows; what
   * measures, and what goes over the rows many times, such as `LogisticRegression`, takes pass 0 again and again. Without
   * this method every iteration is a pass, whichever it is.
   */
  batches?(options: { readonly pass: number; readonly reuse: boolean }): AsyncIterable<TrainingBatch>;
  [Symbol.asyncIterator](): AsyncIterator<TrainingBatch>;
}

/**
 * Checks what can be known before the first batch.
 *
 * @param name how messages call the data: "train", "validation"
 * @param targetColumn the column that is learned, instead of the labels
 * @throws InvalidArgumentError if there are no rows, or its classes are others
 * @throws ShapeMismatchError if its rows have another shape
 */
export function checkData(name: string, data: TrainingData, target: Target, targetColumn?: string | undefined): void {
  if (typeof data?.[Symbol.asyncIterator] !== "function") {
    throw new InvalidArgumentError(
      `\`${name}\` is ${describeValue(data)}: expected labelled rows in batches, such as an HDF5DatasetGenerator.`,
    );
  }
  if (!(data.length > 0)) {
    throw new InvalidArgumentError(`\`${name}\` has no rows (its \`length\` is ${data.length}): give at least one.`);
  }
  const { rowShape, classLabels } = data;
  if (rowShape !== undefined && rowShape.join() !== target.inputShape.join()) {
    throw new ShapeMismatchError(
      `\`${name}\` has rows of shape [${rowShape.join(", ")}], but this network takes [${target.inputShape.join(", ")}]. Make the head with \`inputShape: data.rowShape\`, or extract the features as for the head.`,
      { expected: target.inputShape, received: rowShape },
    );
  }
  // What a column holds has names of its own.
  if ((target.task ?? "classification") === "regression" || targetColumn !== undefined) return;
  const { labels } = data;
  if ((target.task ?? "classification") === "classification") {
    for (let row = 0; row < (labels?.length ?? 0); row++) checkClass(labels?.[row], row, name, target);
  }
  if (classLabels === undefined || classLabels.length === 0) return;
  const longer = Math.max(classLabels.length, target.classLabels.length);
  for (let index = 0; index < longer; index++) {
    const [theirs, ours] = [classLabels[index], target.classLabels[index]];
    if (theirs === ours) continue;
    throw new InvalidArgumentError(
      `\`${name}\` has other classes than this network: class ${index} is ${quoted(theirs)} there and ${quoted(ours)} here. Make the head with \`classLabels: data.classLabels\`.`,
    );
  }
}

/** @throws InvalidArgumentError if the class of a row is none of the target's */
export function checkClass(label: number | undefined, row: number, name: string, { classLabels }: Target): void {
  if (label !== undefined && Number.isInteger(label) && label >= 0 && label < classLabels.length) return;
  throw new InvalidArgumentError(
    `Row ${row} of a pass over \`${name}\` has class ${label}: expected an integer from 0 to ${classLabels.length - 1}, for the ${classLabels.length} class labels of this network.`,
  );
}

function quoted(label: string | undefined): string {
  return label === undefined ? "missing" : `"${label}"`;
}
