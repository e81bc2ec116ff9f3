import type { LossName } from "../backends/trainable-backend.js";
import type { NdArray, Shape } from "../ndarray.js";
import { oneHot } from "./metrics.js";

/**
 * What a network learns about a row: which one of several classes it has, which of several labels (any number of them), or
 * numbers.
 */
export type Task = "classification" | "multi-label" | "regression";

/** What a network is trained on or tested with. */
export interface Target {
  /** @default "classification" */
  readonly task?: Task | undefined;
  /** Shape of one row. */
  readonly inputShape: Shape;
  /** Names of the classes or labels, in the order of the outputs; of a regression those of its outputs. */
  readonly classLabels: readonly string[];
}

/** What follows from a task. */
export interface TaskRules {
  readonly loss: LossName;
  /** What the last layer has to end in, so that its output fits the loss. */
  readonly activation: "softmax" | "sigmoid" | "linear";
  /** The figure beside the loss, by its name in a history. */
  readonly metric: "accuracy" | "meanAbsoluteError";
  /** Keras's name of it, for saved models. */
  readonly kerasMetric: string;
}

const rules: Readonly<Record<Task, TaskRules>> = {
  classification: {
    loss: "categorical_crossentropy",
    activation: "softmax",
    metric: "accuracy",
    kerasMetric: "accuracy",
  },
  // For Keras "accuracy" of several outputs is that of the greatest of them, also where each stands for itself.
  "multi-label": {
    loss: "binary_crossentropy",
    activation: "sigmoid",
    metric: "accuracy",
    kerasMetric: "binary_accuracy",
  },
  regression: {
    loss: "mean_squared_error",
    activation: "linear",
    metric: "meanAbsoluteError",
    kerasMetric: "mean_absolute_error",
  },
};

/** Every task. */
export const tasks: readonly Task[] = ["classification", "multi-label", "regression"];

/** What follows from the task of a target. */
export function taskRules(task: Task = "classification"): TaskRules {
  return rules[task];
}

/** Labels of some rows: `[rows]` classes, or `[rows, outputs]` ones and zeros, or numbers. */
export type RowLabels = Int32Array | Float64Array;

/** Labels as the network's output should be: `[rows, outputs]`. */
export function targetRows(labels: RowLabels, { task = "classification", classLabels }: Target): NdArray<"float32"> {
  const outputs = classLabels.length;
  if (task === "classification") return oneHot(Int32Array.from(labels), outputs);
  return { dtype: "float32", shape: [labels.length / outputs, outputs], data: Float32Array.from(labels) };
}
