import { sizeOf } from "../../ndarray.js";
import type { Target } from "../target.js";
import type { RepeatedPasses } from "./repeated-passes.js";

/** What is known of rows after one pass over them. */
export interface RowSurvey {
  readonly rows: number;
  /** Rows of each class. */
  readonly classCounts: Float64Array;
  /** What brings each feature to mean 0 and variance 1; undefined if it was not asked for. */
  readonly scaling: Scaling | undefined;
}

/** Standardisation of features: (x - mean) / scale. */
export interface Scaling {
  readonly means: Float64Array;
  readonly scales: Float64Array;
}

/**
 * Counts rows and classes in one pass, and with `standardize` finds each feature's mean and standard deviation: those of
 * scikit-learn's `StandardScaler`, over all rows alike, with a scale of 1 for a feature that is the same in all rows.
 *
 * Algorithm: B. P. Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4 (1962).
 */
export async function surveyRows(passes: RepeatedPasses, target: Target, standardize: boolean): Promise<RowSurvey> {
  const width = sizeOf(target.inputShape);
  const classCounts = new Float64Array(target.classLabels.length);
  const means = new Float64Array(standardize ? width : 0);
  const squares = new Float64Array(means.length);
  let rows = 0;
  for await (const { xs, classes } of passes.pass()) {
    for (const label of classes) classCounts[label] = (classCounts[label] as number) + 1;
    if (!standardize) {
      rows += classes.length;
      continue;
    }
    for (let row = 0; row < classes.length; row++) {
      const part = 1 / ++rows;
      for (let j = 0, x = row * width; j < width; j++) {
        const value = xs.data[x + j] as number;
        const difference = value - (means[j] as number);
        const mean = (means[j] as number) + difference * part;
        means[j] = mean;
        squares[j] = (squares[j] as number) + difference * (value - mean);
      }
    }
  }
  const scaling = standardize
    ? { means, scales: squares.map((sum, j) => scaleOf(sum, means[j] as number, rows)) }
    : undefined;
  return { rows, classCounts, scaling };
}

/** The standard deviation; 1 where it is no more than rounding makes of a constant, by scikit-learn's bound. */
function scaleOf(squares: number, mean: number, rows: number): number {
  const variance = squares / rows;
  const rounding = rows * Number.EPSILON * variance + (rows * mean * Number.EPSILON) ** 2;
  return variance <= rounding ? 1 : Math.sqrt(variance);
}
