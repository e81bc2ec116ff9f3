import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import { type NdArray, type Shape, sizeOf } from "../ndarray.js";
import { describeValue } from "../options/check-option.js";
import { checkFinite, toFloat32 } from "./float32-rows.js";

/** Rows with their classes. */
export interface TrainingBatch {
  /** `[rows, ...inputShape]`; other dtypes than float32 are converted. */
  readonly xs: NdArray;
  /** `[rows]`: for each row the index of its class. */
  readonly ys: NdArray<"int32">;
  /** Where each row stands in the file it comes from, where that is known; an evaluation can then name its pictures. */
  readonly indices?: Uint32Array | undefined;
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
  /** Number of batches of one pass, where it is known. */
  readonly batchesPerPass?: number | undefined;
  /**
   * One pass of a number: the same number gives the same rows in the same order. With `reuse` a batch is valid until the
   * next is asked for. What goes over the rows many times, such as `LogisticRegression`, takes pass 0 again and again;
   * without this method every iteration has to be the same.
   */
  batches?(options: { readonly pass: number; readonly reuse: boolean }): AsyncIterable<TrainingBatch>;
  [Symbol.asyncIterator](): AsyncIterator<TrainingBatch>;
}

/** What a network is trained on or tested with. */
export interface Target {
  readonly inputShape: Shape;
  readonly classLabels: readonly string[];
}

/**
 * Checks what can be known before the first batch.
 *
 * @param name how messages call the data: "train", "validation"
 * @throws InvalidArgumentError if there are no rows, or its classes are others
 * @throws ShapeMismatchError if its rows have another shape
 */
export function checkData(name: string, data: TrainingData, target: Target): void {
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
      `\`${name}\` has rows of shape [${rowShape.join(", ")}], but this head takes [${target.inputShape.join(", ")}]. Make the head with \`inputShape: data.rowShape\`, or extract the features as for the head.`,
      { expected: target.inputShape, received: rowShape },
    );
  }
  const { labels } = data;
  for (let row = 0; row < (labels?.length ?? 0); row++) checkClass(labels?.[row], row, name, target);
  if (classLabels === undefined || classLabels.length === 0) return;
  const longer = Math.max(classLabels.length, target.classLabels.length);
  for (let index = 0; index < longer; index++) {
    const [theirs, ours] = [classLabels[index], target.classLabels[index]];
    if (theirs === ours) continue;
    throw new InvalidArgumentError(
      `\`${name}\` has other classes than this head: class ${index} is ${quoted(theirs)} there and ${quoted(ours)} here. Make the head with \`classLabels: data.classLabels\`.`,
    );
  }
}

function checkClass(label: number | undefined, row: number, name: string, { classLabels }: Target): void {
  if (label !== undefined && Number.isInteger(label) && label >= 0 && label < classLabels.length) return;
  throw new InvalidArgumentError(
    `Row ${row} of a pass over \`${name}\` has class ${label}: expected an integer from 0 to ${classLabels.length - 1}, for the ${classLabels.length} class labels of this head.`,
  );
}

function quoted(label: string | undefined): string {
  return label === undefined ? "missing" : `"${label}"`;
}

/** A batch that fits the network. */
export interface CheckedBatch {
  readonly xs: NdArray<"float32">;
  readonly classes: Int32Array;
  readonly indices: Uint32Array | undefined;
}

/**
 * One pass over the data, each batch checked; at the end the count of rows too, as a row left out would make every
 * average a little wrong.
 *
 * @throws ShapeMismatchError if a batch or the count of rows does not fit
 * @throws InvalidArgumentError if a class is not one of the target's, or a feature is NaN or infinite
 */
export async function* checkedBatches(
  name: string,
  data: TrainingData,
  target: Target,
  signal?: AbortSignal | undefined,
): AsyncGenerator<CheckedBatch, void, undefined> {
  let rows = 0;
  signal?.throwIfAborted();
  for await (const { xs, ys, indices } of data) {
    signal?.throwIfAborted();
    if (ys.shape.length > 1) {
      throw new ShapeMismatchError(
        `A batch of \`${name}\` has labels of shape [${ys.shape.join(", ")}] in \`ys\`: this head learns one class for each row, [${ys.shape[0]}]. Name a dataset with one class for each row as \`labelKey\`, or train a tfjs model of your own on \`dataset()\`.`,
        { expected: [ys.shape[0] ?? null], received: ys.shape },
      );
    }
    const count = ys.data.length;
    const expected = [count, ...target.inputShape];
    if (count === 0 && (xs.shape[0] ?? 0) > 0) {
      throw new InvalidArgumentError(
        `A batch of \`${name}\` has ${xs.shape[0]} rows but no labels in \`ys\`. If its file was opened without labels, name their dataset with \`labelKey\`.`,
      );
    }
    if (count === 0 || xs.shape.join() !== expected.join() || xs.data.length !== sizeOf(expected)) {
      throw new ShapeMismatchError(
        `A batch of \`${name}\` has \`xs\` of shape [${xs.shape.join(", ")}] and ${count} classes in \`ys\`: expected [rows, ${target.inputShape.join(", ")}] and as many classes as rows, at least one.`,
        { expected, received: xs.shape },
      );
    }
    for (let row = 0; row < count; row++) checkClass(ys.data[row], rows + row, name, target);
    const features = toFloat32(xs);
    const first = rows;
    checkFinite(features, (row) => `Row ${first + row} of a pass over \`${name}\``);
    rows += count;
    yield { xs: features, classes: Int32Array.from(ys.data), indices };
  }
  if (rows !== data.length) {
    throw new ShapeMismatchError(
      `A pass over \`${name}\` gave ${rows} rows, but its \`length\` is ${data.length}. Every iteration must give each row once.`,
      { expected: [data.length], received: [rows] },
    );
  }
}
