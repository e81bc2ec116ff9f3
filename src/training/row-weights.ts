import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { describeValue } from "../options/check-option.js";
import { type CheckedRows, checkedRows } from "./checked-batches.js";
import { type ClassWeight, checkClassWeight, resolveClassWeight } from "./logistic/class-weight.js";
import type { Target } from "./target.js";
import type { TrainingData } from "./training-data.js";

/** How much rows count in the loss that is trained on. */
export interface RowWeightOptions {
  /**
   * How much the rows of each class count: `"balanced"` as scikit-learn's `compute_class_weight`, or a number for each class
   * that is not to count 1, by its name. For a classification. @default every class 1
   */
  readonly classWeight?: ClassWeight | undefined;
  /**
   * Name of the column that holds the weight of each row, a number from 0 on: Keras's `sample_weight`. Open the file with
   * it among `columns`; pictures get theirs by `withColumns`. Where classes have weights too, both are multiplied. @default every row 1
   */
  readonly sampleWeight?: string | undefined;
}

/** Gives each row of a batch its weight, `[rows]`; undefined if all rows count 1. */
export type WeighRows = (batch: CheckedRows) => NdArray<"float32"> | undefined;

/**
 * Prepares the weights of rows. For `"balanced"` classes are counted: from the labels where the data has them, else in one
 * pass.
 *
 * @throws InvalidArgumentError for weights that do not fit the classes, or the task
 */
export async function prepareRowWeights(
  train: TrainingData,
  target: Target,
  { classWeight, sampleWeight }: RowWeightOptions,
  signal: AbortSignal | undefined,
): Promise<WeighRows> {
  if (classWeight !== undefined && (target.task ?? "classification") !== "classification") {
    throw new InvalidArgumentError(
      `\`classWeight\` was given for a ${target.task} task, where rows have no single class. Weigh rows with \`sampleWeight\`.`,
    );
  }
  if (sampleWeight !== undefined && typeof sampleWeight !== "string") {
    throw new InvalidArgumentError(
      `\`sampleWeight\` is ${describeValue(sampleWeight)}: expected the name of a column, such as "weights".`,
    );
  }
  checkClassWeight(classWeight, target.classLabels);
  const byClass =
    classWeight === undefined
      ? undefined
      : resolveClassWeight(classWeight, target.classLabels, await countClasses(train, target, classWeight, signal));
  if (byClass === undefined && sampleWeight === undefined) return () => undefined;
  return (batch) => {
    const data = new Float32Array(batch.count).fill(1);
    if (sampleWeight !== undefined) data.set(readWeights(batch, sampleWeight));
    if (byClass !== undefined) {
      for (let row = 0; row < data.length; row++) {
        data[row] = (data[row] as number) * (byClass[batch.labels[row] as number] as number);
      }
    }
    return { dtype: "float32", shape: [batch.count], data };
  };
}

async function countClasses(
  train: TrainingData,
  target: Target,
  classWeight: ClassWeight,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const counts = new Float64Array(target.classLabels.length);
  if (classWeight !== "balanced") return counts;
  const count = (labels: ArrayLike<number>) => {
    for (let row = 0; row < labels.length; row++) {
      const label = labels[row] as number;
      counts[label] = (counts[label] as number) + 1;
    }
  };
  if (train.labels !== undefined) count(train.labels);
  else for await (const { labels } of checkedRows("train", train, target, { pass: 0, signal })) count(labels);
  const missing = counts.indexOf(0);
  if (missing !== -1) {
    throw new InvalidArgumentError(
      `\`classWeight: "balanced"\` needs rows of every class, but \`train\` has none of "${target.classLabels[missing]}". Leave the class out, or give weights by name.`,
    );
  }
  return counts;
}

function readWeights({ count, columns }: CheckedRows, name: string): Float32Array {
  const column = columns[name];
  if (column === undefined || column.dtype === "string") {
    throw new InvalidArgumentError(
      `\`sampleWeight\` names the column "${name}", but the batches of \`train\` have ${column === undefined ? "no such column" : "texts in it"}. Open the file with \`columns: ["${name}"]\`, a column of numbers; pictures get theirs by \`images.withColumns({ ${JSON.stringify(name)}: ... })\`.`,
    );
  }
  if (column.shape.join() !== `${count}`) {
    throw new ShapeMismatchError(
      `Column "${name}" has the shape [${column.shape.join(", ")}] in a batch of ${count} rows: expected one weight for each row, [${count}].`,
      { expected: [count], received: column.shape },
    );
  }
  const weights = Float32Array.from(column.data, Number);
  const wrong = weights.findIndex((weight) => !(weight >= 0 && Number.isFinite(weight)));
  if (wrong !== -1) {
    throw new InvalidArgumentError(
      `Column "${name}" holds the weight ${weights[wrong]} for a row of \`train\`: expected finite numbers from 0 on.`,
    );
  }
  return weights;
}
