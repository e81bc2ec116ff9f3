import type { AbortOptions, LoadedNetwork } from "../backends/backend.js";
import type { NdArray } from "../ndarray.js";
import { checkedRows } from "./checked-batches.js";
import { type Evaluation, type EvaluationSettings, evaluatePredictor, joinRows, networkPredictor } from "./evaluate.js";
import { type MultiLabelReport, multiLabelReport } from "./multi-label-report.js";
import { type RegressionReport, regressionReport } from "./regression-report.js";
import { checkTargetColumn } from "./row-labels.js";
import type { Target, Task } from "./target.js";
import { lossSum } from "./task-measures.js";
import { checkData, type TrainingData } from "./training-data.js";
import { runRows } from "./validate-network.js";

/** How well labels of rows were found. */
export interface MultiLabelEvaluation extends MultiLabelReport {
  /** Mean binary cross-entropy over the rows, penalties included, as Keras's `evaluate` gives it. */
  readonly loss: number;
  /** What was said of every row, in the order of the pass. */
  readonly predictions: RowPredictions;
}

/** How well numbers were met. */
export interface RegressionEvaluation extends RegressionReport {
  /** Mean squared error, penalties included, as Keras's `evaluate` gives it. */
  readonly loss: number;
  /** What was said of every row, in the order of the pass. */
  readonly predictions: RowPredictions;
}

/** What a network of several outputs said of rows. */
export interface RowPredictions {
  /** `[rows, outputs]`: the labels, ones and zeros, or the numbers that were to be met. */
  readonly labels: NdArray<"float64">;
  /** `[rows, outputs]`: probabilities, or numbers. */
  readonly outputs: NdArray<"float32">;
  /** Where each row stands in the data's file; undefined if the data does not say. */
  readonly indices: Uint32Array | undefined;
}

/** What an evaluation gives for each task. */
export interface TaskEvaluations {
  readonly classification: Evaluation;
  readonly "multi-label": MultiLabelEvaluation;
  readonly regression: RegressionEvaluation;
}

/** Options of an evaluation. */
export interface EvaluateOptions extends AbortOptions {
  /** Name of the column that outputs are compared with instead of the labels, as of `fit`. */
  readonly targetColumn?: string | undefined;
  /** Of a multi-label task: a label is given where its probability is above this. @default 0.5 */
  readonly threshold?: number | undefined;
}

/**
 * Predicts every row of pass 0 and compares, as the task of the target asks.
 *
 * @throws ShapeMismatchError if a batch or the count of rows does not fit
 * @throws InvalidArgumentError if a label is not one of the target's, or a feature is NaN or infinite
 */
export async function evaluateHead<T extends Task>(
  network: LoadedNetwork,
  data: TrainingData,
  target: Target & { readonly task: T },
  settings: EvaluationSettings,
  options: EvaluateOptions,
): Promise<TaskEvaluations[T]> {
  checkTargetColumn(options.targetColumn, target);
  checkData("data", data, target, options.targetColumn);
  const evaluations: { readonly [K in Task]: () => Promise<TaskEvaluations[K]> } = {
    classification: () => evaluatePredictor(networkPredictor(network, "data", target), "data", data, target, settings),
    "multi-label": async () => {
      const { loss, predictions } = await collectRows(network, data, target, settings, options);
      const { labels, outputs } = predictions;
      return { ...multiLabelReport(labels.data, outputs, target.classLabels, options.threshold), loss, predictions };
    },
    regression: async () => {
      const { loss, predictions } = await collectRows(network, data, target, settings, options);
      const { labels, outputs } = predictions;
      return { ...regressionReport(labels.data, outputs.data, target.classLabels), loss, predictions };
    },
  };
  return evaluations[target.task]();
}

async function collectRows(
  network: LoadedNetwork,
  data: TrainingData,
  target: Target,
  { penalty, labelSmoothing, signal }: EvaluationSettings,
  { targetColumn }: EvaluateOptions,
): Promise<{ readonly loss: number; readonly predictions: RowPredictions }> {
  const outputs: NdArray<"float32">[] = [];
  const labels: NdArray<"float64">[] = [];
  const indices: number[] = [];
  const width = target.classLabels.length;
  let losses = 0;
  let rows = 0;
  for await (const batch of checkedRows("data", data, target, { pass: 0, targetColumn, signal })) {
    const given = await runRows(network, "data", batch.xs, target, signal);
    losses += lossSum(given, batch.labels, target, labelSmoothing);
    outputs.push(given);
    labels.push({ dtype: "float64", shape: [batch.count, width], data: Float64Array.from(batch.labels) });
    for (const index of batch.indices ?? []) indices.push(index);
    rows += batch.count;
  }
  return {
    loss: losses / rows + penalty,
    predictions: {
      labels: joinRows(labels, rows, width) as NdArray<"float64">,
      outputs: joinRows(outputs, rows, width) as NdArray<"float32">,
      indices: indices.length === rows ? Uint32Array.from(indices) : undefined,
    },
  };
}
