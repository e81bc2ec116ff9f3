import { InvalidArgumentError } from "../errors.js";
import { checkOptions } from "../options/check-options.js";
import { checkPredictions, type Predictions } from "./predictions.js";

/** Rows whose predicted class has about the same probability. */
export interface CalibrationBin {
  /** Probabilities above this, and from 0 on in the first bin. */
  readonly above: number;
  /** Probabilities up to this. */
  readonly upTo: number;
  readonly rows: number;
  /** Mean probability of the predicted class; 0 without rows. */
  readonly confidence: number;
  /** Part of the rows whose predicted class is right; 0 without rows. */
  readonly accuracy: number;
}

/** Whether a classifier is right as often as its probabilities say. */
export interface Calibration {
  /** Expected calibration error: the mean of |accuracy - confidence| over the bins, weighted by their rows. */
  readonly ece: number;
  readonly bins: readonly CalibrationBin[];
}

/**
 * Compares the probability of the predicted class with how often it is right, in bins of equal width.
 *
 * Formula: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 2.
 *
 * @throws ShapeMismatchError if a row has no prediction
 * @throws InvalidArgumentError if `bins` is not a positive integer, there are no rows, or a class or probability is none
 */
export function calibration(
  predictions: Predictions,
  options: {
    /** @default 15 */
    readonly bins?: number | undefined;
  } = {},
): Calibration {
  checkOptions("calibration", options, { bins: true });
  const { bins: count = 15 } = options;
  if (!Number.isInteger(count) || count < 1 || count > 100_000) {
    throw new InvalidArgumentError(`\`bins\` is ${count}: expected an integer from 1 to 100000.`);
  }
  const classes = checkPredictions(predictions);
  const { trueClasses, predictedClasses, probabilities } = predictions;
  const sums = Array.from({ length: count }, () => ({ rows: 0, confidence: 0, right: 0 }));
  for (const [row, label] of predictedClasses.entries()) {
    const confidence = probabilities.data[row * classes + label] as number;
    const sum = sums[Math.min(count - 1, Math.max(0, Math.ceil(confidence * count) - 1))];
    if (sum === undefined) continue;
    sum.rows++;
    sum.confidence += confidence;
    if (trueClasses[row] === label) sum.right++;
  }
  const bins = sums.map(
    ({ rows, confidence, right }, bin): CalibrationBin => ({
      above: bin / count,
      upTo: (bin + 1) / count,
      rows,
      confidence: rows === 0 ? 0 : confidence / rows,
      accuracy: rows === 0 ? 0 : right / rows,
    }),
  );
  const ece = bins.reduce((sum, { rows, confidence, accuracy }) => sum + rows * Math.abs(accuracy - confidence), 0);
  return { ece: ece / trueClasses.length, bins };
}
