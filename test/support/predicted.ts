import { createRandom } from "../../src/random.js";
import { classificationReport } from "../../src/training/classification-report.js";
import type { Evaluation } from "../../src/training/evaluate.js";

/** A made-up evaluation: seeded rows, of which about `right` are given their own class. */
export function madeUpEvaluation(options: {
  readonly rows: number;
  readonly classLabels: readonly string[];
  readonly right?: number;
  readonly seed?: number;
}): Evaluation {
  const { rows, classLabels, right = 0.7, seed = 1 } = options;
  const classes = classLabels.length;
  const random = createRandom(seed);
  const trueClasses = Int32Array.from({ length: rows }, (_, row) => row % classes);
  const predictedClasses = trueClasses.map((label) =>
    random.double() < right ? label : (label + 1 + random.integerBelow(Math.max(1, classes - 1))) % classes,
  );
  const data = new Float32Array(rows * classes);
  for (const [row, label] of predictedClasses.entries()) {
    const most = 1 / classes + (1 - 1 / classes) * (0.3 + 0.7 * random.double());
    data.fill((1 - most) / Math.max(1, classes - 1), row * classes, (row + 1) * classes);
    data[row * classes + label] = most;
  }
  return {
    ...classificationReport(trueClasses, predictedClasses, classLabels),
    loss: 0.5,
    predictions: {
      trueClasses,
      predictedClasses,
      probabilities: { dtype: "float32", shape: [rows, classes], data },
      indices: Uint32Array.from({ length: rows }, (_, row) => row),
    },
  };
}
