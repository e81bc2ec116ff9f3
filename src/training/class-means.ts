import { sizeOf } from "../ndarray.js";
import type { CheckedBatch } from "./checked-batches.js";
import type { Target } from "./target.js";

/** Means of classes, and how far their rows lie from them. */
export interface ClassMeans {
  /** `[classes, features]` */
  readonly means: Float64Array;
  /**
   * `[features]`: standard deviation of rows from the mean of their own class, with `rows - classes` degrees of freedom; 0
   * where there are none.
   */
  readonly deviations: Float64Array;
  /** `[classes]`: rows of each. */
  readonly counts: Float64Array;
}

/**
 * Means of the classes' rows in one pass; memory holds one row for each class.
 *
 * Algorithm: B. P. Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4 (1962).
 *
 * @param prepare changes each row before it counts
 */
export async function classMeans(
  batches: AsyncIterable<CheckedBatch>,
  target: Target,
  prepare: (xs: CheckedBatch["xs"]) => CheckedBatch["xs"],
): Promise<ClassMeans> {
  const width = sizeOf(target.inputShape);
  const classCount = target.classLabels.length;
  const means = new Float64Array(classCount * width);
  const squares = new Float64Array(width);
  const counts = new Float64Array(classCount);
  let rows = 0;
  for await (const { xs, classes } of batches) {
    const { data } = prepare(xs);
    for (const [row, label] of classes.entries()) {
      const count = (counts[label] as number) + 1;
      counts[label] = count;
      for (let j = 0, x = row * width, m = label * width; j < width; j++, x++, m++) {
        const value = data[x] as number;
        const difference = value - (means[m] as number);
        const mean = (means[m] as number) + difference / count;
        means[m] = mean;
        squares[j] = (squares[j] as number) + difference * (value - mean);
      }
    }
    rows += classes.length;
  }
  const freedom = rows - classCount;
  const deviations = squares.map((sum) => (freedom > 0 ? Math.sqrt(sum / freedom) : 0));
  return { means, deviations, counts };
}
