import type { LoadedNetwork } from "../backends/backend.js";
import type { NdArray } from "../ndarray.js";
import { checkedRows } from "./checked-batches.js";
import { type ClassificationReport, classificationReport } from "./classification-report.js";
import { predictedClasses } from "./metrics.js";
import type { Predictions } from "./predictions.js";
import type { Target } from "./target.js";
import { lossSum } from "./task-measures.js";
import { checkData, type TrainingData } from "./training-data.js";
import { runRows } from "./validate-network.js";

/** How well labelled rows were told apart. */
export interface Measurement extends ClassificationReport {
  /** Mean cross-entropy over the rows, penalties included, as Keras's `evaluate` gives it. */
  readonly loss: number;
}

/** How well a classifier does on labelled rows. */
export interface Evaluation extends Measurement {
  /** What it said of every row, in the order of the pass: for further figures, such as `probabilityScores` or `topConfusions`. */
  readonly predictions: Predictions;
}

/** Tells classes of rows of features. */
export type Predictor = (
  xs: NdArray<"float32">,
  signal: AbortSignal | undefined,
) => Promise<{
  /** `[rows, classes]` */
  readonly probabilities: NdArray<"float32" | "float64">;
  readonly classes: Int32Array;
}>;

/** What an evaluation must know beside the rows. */
export interface EvaluationSettings {
  /** What the loss has beside the cross-entropy. */
  readonly penalty: number;
  readonly labelSmoothing?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A network with a softmax over the classes of `target` as a predictor. `name` is that of the data, for messages. */
export function networkPredictor(network: LoadedNetwork, name: string, target: Target): Predictor {
  return async (xs, signal) => {
    const probabilities = await runRows(network, name, xs, target, signal);
    return { probabilities, classes: predictedClasses(probabilities) };
  };
}

/**
 * Predicts every row of pass 0 and compares with the true classes. What was said of each row is kept.
 *
 * @throws ShapeMismatchError if a batch or the count of rows does not fit
 * @throws InvalidArgumentError if a class is not one of the target's, or a feature is NaN or infinite
 */
export async function evaluatePredictor(
  predict: Predictor,
  name: string,
  data: TrainingData,
  target: Target,
  { penalty, labelSmoothing, signal }: EvaluationSettings,
): Promise<Evaluation> {
  checkData(name, data, target);
  const batches: NdArray<"float32" | "float64">[] = [];
  const indices: number[] = [];
  const trueClasses: number[] = [];
  const predicted: number[] = [];
  let losses = 0;
  for await (const batch of checkedRows(name, data, target, { pass: 0, signal })) {
    const { probabilities, classes } = await predict(batch.xs, signal);
    losses += lossSum(probabilities, batch.labels, target, labelSmoothing);
    batches.push(probabilities);
    // One by one: as the arguments of one `push`, a large batch would not fit on the stack.
    for (const label of batch.labels) trueClasses.push(label);
    for (const label of classes) predicted.push(label);
    for (const index of batch.indices ?? []) indices.push(index);
  }
  const rows = trueClasses.length;
  return {
    ...classificationReport(trueClasses, predicted, target.classLabels),
    loss: losses / rows + penalty,
    predictions: {
      trueClasses: Int32Array.from(trueClasses),
      predictedClasses: Int32Array.from(predicted),
      probabilities: joinRows(batches, rows, target.classLabels.length),
      indices: indices.length === rows ? Uint32Array.from(indices) : undefined,
    },
  };
}

/** Batches of `[rows, width]` as one. */
export function joinRows(
  batches: readonly NdArray<"float32" | "float64">[],
  rows: number,
  width: number,
): NdArray<"float32" | "float64"> {
  const shape = [rows, width];
  const dtype = batches[0]?.dtype ?? "float32";
  const data = dtype === "float64" ? new Float64Array(rows * width) : new Float32Array(rows * width);
  let at = 0;
  for (const batch of batches) {
    data.set(batch.data, at);
    at += batch.data.length;
  }
  return { dtype, shape, data } as NdArray<"float32" | "float64">;
}
