import type { NdArray } from "../ndarray.js";
import { countHits } from "./metrics.js";
import type { RowLabels, Target } from "./target.js";

/** Smallest normal float32: what a softmax or sigmoid that has run out of range may round to zero. */
const smallest = 2 ** -126;
/** The same for one minus a sigmoid: half the distance of the greatest float32 below 1. */
const smallestRest = 2 ** -25;

/**
 * Sum over the rows of the loss of `outputs`, `[rows, outputs]`, as Keras computes it on TensorFlow: cross-entropies as from
 * the logits, but at most what float32 probabilities allow (87.3 for a row of a softmax; 17.3 for a label that a sigmoid
 * wrongly gives).
 *
 * @param labelSmoothing part of every target that is spread evenly, as in Keras's losses
 */
export function lossSum(
  outputs: NdArray<"float32" | "float64">,
  labels: RowLabels,
  { task = "classification", classLabels }: Target,
  labelSmoothing = 0,
): number {
  const { data } = outputs;
  const width = classLabels.length;
  let sum = 0;
  if (task === "classification") {
    for (let row = 0; row < labels.length; row++) {
      const label = labels[row] as number;
      const logarithm = (at: number) => Math.log(Math.max(data[row * width + at] as number, smallest));
      sum -= (1 - labelSmoothing) * logarithm(label);
      if (labelSmoothing === 0) continue;
      for (let at = 0; at < width; at++) sum -= (labelSmoothing / width) * logarithm(at);
    }
    return sum;
  }
  for (let at = 0; at < labels.length; at++) {
    const output = data[at] as number;
    const label = labels[at] as number;
    if (task === "regression") {
      sum += (output - label) ** 2;
      continue;
    }
    const smoothed = label * (1 - labelSmoothing) + 0.5 * labelSmoothing;
    if (smoothed > 0) sum -= smoothed * Math.log(Math.max(output, smallest));
    if (smoothed < 1) sum -= (1 - smoothed) * Math.log(Math.max(1 - output, smallestRest));
  }
  return sum / width;
}

/**
 * Sum over the rows of the figure beside the loss: 1 for a row whose class has the highest probability; the part of a row's
 * labels that are right at a threshold of 0.5; the mean of |output - number|.
 */
export function metricSum(
  outputs: NdArray<"float32">,
  labels: RowLabels,
  { task = "classification", classLabels }: Target,
): number {
  if (task === "classification") return countHits(outputs, labels as Int32Array);
  let sum = 0;
  for (let at = 0; at < labels.length; at++) {
    const output = outputs.data[at] as number;
    const label = labels[at] as number;
    if (task === "regression") sum += Math.abs(output - label);
    else if (output > 0.5 === (label === 1)) sum += 1;
  }
  return sum / classLabels.length;
}
