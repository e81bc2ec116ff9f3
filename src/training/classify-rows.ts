import type { AbortOptions } from "../backends/backend.js";
import { InvalidArgumentError, UnsupportedError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { describeValue } from "../options/check-option.js";
import type { Task } from "./target.js";

/** A class and how probable it is. */
export interface ClassProbability {
  readonly label: string;
  /** In 0..1. */
  readonly probability: number;
}

/** Options of `classify`. */
export interface ClassifyOptions extends AbortOptions {
  /** How many classes, at most. @default 5 */
  readonly top?: number | undefined;
}

/**
 * Ranks the classes of rows: for each row the most probable ones, the best first, equals in the order of the labels. It is
 * `classify` of every classifier.
 *
 * @param predict gives the probabilities, `[rows, classes]`
 * @throws UnsupportedError for a regression
 * @throws InvalidArgumentError if `top` is not a positive integer
 */
export async function classifyRows(
  { classLabels, task }: { readonly classLabels: readonly string[]; readonly task?: Task },
  { top = 5 }: ClassifyOptions,
  predict: () => Promise<NdArray<"float32" | "float64">>,
): Promise<readonly (readonly ClassProbability[])[]> {
  if (task === "regression") {
    throw new UnsupportedError(
      "`classify` was called on a regression, which has no classes. Take its numbers from `predict`.",
    );
  }
  if (!Number.isInteger(top) || top < 1) {
    throw new InvalidArgumentError(`\`top\` is ${describeValue(top)}: expected an integer of at least 1.`);
  }
  const { data, shape } = await predict();
  const [rows = 0, classes = 0] = shape;
  return Array.from({ length: rows }, (_, row) =>
    classLabels
      .map((label, index) => ({ label, probability: data[row * classes + index] as number }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, top),
  );
}
