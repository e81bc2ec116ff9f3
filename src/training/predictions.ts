import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { describeValue } from "../options/check-option.js";

/** What a classifier said of labelled rows: what all figures about it are computed from. */
export interface Predictions {
  /** For each row the index of its class. */
  readonly trueClasses: Int32Array;
  /** For each row the index of the class that it was given. */
  readonly predictedClasses: Int32Array;
  /** `[rows, classes]`: how probable each class is. */
  readonly probabilities: NdArray<"float32" | "float64">;
  /** Where each row stands in the data's file; undefined if the data does not say. */
  readonly indices: Uint32Array | undefined;
}

/**
 * Checks that nothing is missing, as a row left out would make every figure a little wrong.
 *
 * @returns number of classes
 * @throws ShapeMismatchError if there are not as many predictions and probabilities as rows
 * @throws InvalidArgumentError if there are no rows, a class is none of those, or a probability is not in 0..1
 */
export function checkPredictions(predictions: Predictions): number {
  if (!Array.isArray(predictions?.probabilities?.shape) || !ArrayBuffer.isView(predictions.trueClasses)) {
    throw new InvalidArgumentError(
      `\`predictions\` is ${describeValue(predictions)}: expected \`predictions\` of an evaluation, { trueClasses, predictedClasses, probabilities, indices }.`,
    );
  }
  const { trueClasses, predictedClasses, probabilities, indices } = predictions;
  const rows = trueClasses.length;
  const [given, classes = 0] = probabilities.shape;
  if (rows === 0) throw new InvalidArgumentError("There are no predictions to measure. Give at least one row.");
  if (
    given !== rows ||
    predictedClasses.length !== rows ||
    (indices !== undefined && indices.length !== rows) ||
    probabilities.shape.length !== 2 ||
    probabilities.data.length !== rows * classes
  ) {
    throw new ShapeMismatchError(
      `There are ${rows} rows, but ${predictedClasses.length} predicted classes, probabilities of shape [${probabilities.shape.join(", ")}] with ${probabilities.data.length} values, and ${indices?.length ?? "no"} indices: every row needs one of each.`,
      { expected: [rows, null], received: probabilities.shape },
    );
  }
  for (let row = 0; row < rows; row++) {
    for (const label of [trueClasses[row] as number, predictedClasses[row] as number]) {
      if (label >= 0 && label < classes) continue;
      throw new InvalidArgumentError(`Row ${row} has class ${label}, but the probabilities are of ${classes} classes.`);
    }
  }
  const place = probabilities.data.findIndex((value) => !(value >= 0 && value <= 1 + 1e-6));
  if (place !== -1) {
    throw new InvalidArgumentError(
      `Row ${Math.floor(place / classes)} has a probability of ${probabilities.data[place]} for class ${place % classes}: expected numbers from 0 to 1.`,
    );
  }
  return classes;
}
