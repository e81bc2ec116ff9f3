import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import type { BatchColumn } from "../hdf5/column-reader.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import { checkFinite, toFloat32 } from "./float32-rows.js";
import { checkLabels } from "./row-labels.js";
import type { RowLabels, Target } from "./target.js";
import type { TrainingBatch, TrainingData } from "./training-data.js";

/** Rows that fit the network, with labels that fit its task. */
export interface CheckedRows {
  /** Number of rows, at least 1. */
  readonly count: number;
  readonly xs: NdArray<"float32">;
  readonly labels: RowLabels;
  readonly indices: Uint32Array | undefined;
  readonly columns: Readonly<Record<string, BatchColumn>>;
}

/** A batch that fits a classifier. */
export interface CheckedBatch {
  readonly xs: NdArray<"float32">;
  readonly classes: Int32Array;
  readonly indices: Uint32Array | undefined;
}

/** How one pass is to be gone over. */
export interface RowPass {
  /** Its number; without it, the data's next. */
  readonly pass?: number | undefined;
  /** The column with the numbers that are to be met, instead of `ys`. */
  readonly targetColumn?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One pass over the data, each batch checked; at the end the count of rows too, as a row left out would make every
 * average a little wrong. A batch is valid until the next is asked for.
 *
 * @param name how messages call the data: "train", "validation"
 * @throws ShapeMismatchError if a batch or the count of rows does not fit
 * @throws InvalidArgumentError if a label is not one of the target's, or a feature is NaN or infinite
 */
export async function* checkedRows(
  name: string,
  data: TrainingData,
  target: Target,
  { pass, targetColumn, signal }: RowPass = {},
): AsyncGenerator<CheckedRows, void, undefined> {
  let rows = 0;
  signal?.throwIfAborted();
  const batches = pass === undefined ? data : (data.batches?.({ pass, reuse: true }) ?? data);
  for await (const batch of batches) {
    signal?.throwIfAborted();
    const { count, labels } = checkLabels(name, batch, target, rows, targetColumn);
    const xs = checkRows(name, batch, target, count, rows);
    rows += count;
    yield { count, xs, labels, indices: batch.indices, columns: batch.columns ?? {} };
  }
  if (rows !== data.length) {
    throw new ShapeMismatchError(
      `A pass over \`${name}\` gave ${rows} rows, but its \`length\` is ${data.length}. Every iteration must give each row once.`,
      { expected: [data.length], received: [rows] },
    );
  }
}

/**
 * The same for a classifier, with the classes of the rows.
 *
 * @throws as {@link checkedRows} does
 */
export async function* checkedBatches(
  name: string,
  data: TrainingData,
  target: Target,
  signal?: AbortSignal | undefined,
): AsyncGenerator<CheckedBatch, void, undefined> {
  for await (const { xs, labels, indices } of checkedRows(name, data, target, { signal })) {
    yield { xs, classes: labels as Int32Array, indices };
  }
}

function checkRows(
  name: string,
  { xs }: TrainingBatch,
  { inputShape }: Target,
  count: number,
  first: number,
): NdArray<"float32"> {
  const expected = [count, ...inputShape];
  if (count === 0 && (xs.shape[0] ?? 0) > 0) {
    throw new InvalidArgumentError(
      `A batch of \`${name}\` has ${xs.shape[0]} rows but no labels in \`ys\`. If its file was opened without labels, name their dataset with \`labelKey\`.`,
    );
  }
  if (count === 0 || xs.shape.join() !== expected.join() || xs.data.length !== sizeOf(expected)) {
    throw new ShapeMismatchError(
      `A batch of \`${name}\` has \`xs\` of shape [${xs.shape.join(", ")}] and labels of ${count} rows: expected [rows, ${inputShape.join(", ")}] and as many labels as rows, at least one.`,
      { expected, received: xs.shape },
    );
  }
  const features = toFloat32(xs);
  checkFinite(features, (row) => `Row ${first + row} of a pass over \`${name}\``);
  return features;
}
