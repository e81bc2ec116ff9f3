import { InvalidArgumentError } from "../errors.js";
import { checkTexts } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { checkPredictions, type Predictions } from "./predictions.js";

/** Rows of one class that were taken for another. */
export interface Confusion {
  readonly trueLabel: string;
  readonly predictedLabel: string;
  readonly count: number;
  /** The rows, those first whose wrong class was the most probable. */
  readonly rows: readonly ConfusedRow[];
}

/** A row that was given a wrong class. */
export interface ConfusedRow {
  /** Its place in the predictions. */
  readonly row: number;
  /** Its name, where names were given. */
  readonly name: string | undefined;
  /** Of the wrong class. */
  readonly probability: number;
}

/**
 * Which classes are taken for which, the most frequent first; equals in the order of the classes.
 *
 * @param options.fileNames names of all rows of the data's file, as `HDF5DatasetGenerator.fileNames()` gives them
 * @throws ShapeMismatchError if a row has no prediction
 * @throws InvalidArgumentError if `top` is not a positive integer, there are too few labels or names, or names are given and
 * the predictions do not know where their rows stand in the file
 *
 * @example
 * const { predictions } = await model.evaluate(validation);
 * const [worst] = topConfusions(predictions, data.classLabels, { fileNames: await data.fileNames() });
 * console.log(worst?.trueLabel, worst?.predictedLabel, worst?.rows.map(({ name }) => name));
 */
export function topConfusions(
  predictions: Predictions,
  classLabels: readonly string[],
  options: { readonly top?: number | undefined; readonly fileNames?: readonly string[] | undefined } = {},
): readonly Confusion[] {
  checkOptions("topConfusions", options, { top: true, fileNames: true });
  checkTexts("classLabels", classLabels, '["cat", "dog"]');
  const { top = 10, fileNames } = options;
  if (!Number.isInteger(top) || top < 1) {
    throw new InvalidArgumentError(`\`top\` is ${top}: expected an integer of at least 1.`);
  }
  const classes = checkPredictions(predictions);
  if (classLabels.length !== classes) {
    throw new InvalidArgumentError(
      `There are ${classLabels.length} class labels, but probabilities of ${classes} classes.`,
    );
  }
  const { trueClasses, predictedClasses, probabilities, indices } = predictions;
  const nameOf = (row: number): string | undefined => {
    if (fileNames === undefined) return undefined;
    const name = indices && fileNames[indices[row] as number];
    if (name !== undefined) return name;
    throw new InvalidArgumentError(
      `Row ${row} of the predictions has no name: ${indices ? `it is row ${indices[row]} of its file, and there are ${fileNames.length} names` : "the predictions do not say where their rows stand in a file"}.`,
    );
  };
  const pairs = new Map<number, ConfusedRow[]>();
  for (const [row, label] of trueClasses.entries()) {
    const predicted = predictedClasses[row] as number;
    if (predicted === label) continue;
    const pair = label * classes + predicted;
    const own = pairs.get(pair) ?? [];
    own.push({ row, name: nameOf(row), probability: probabilities.data[row * classes + predicted] as number });
    pairs.set(pair, own);
  }
  return [...pairs]
    .sort(([a, rowsA], [b, rowsB]) => rowsB.length - rowsA.length || a - b)
    .slice(0, top)
    .map(([pair, rows]) => ({
      trueLabel: classLabels[Math.floor(pair / classes)] ?? "",
      predictedLabel: classLabels[pair % classes] ?? "",
      count: rows.length,
      rows: rows.sort((a, b) => b.probability - a.probability),
    }));
}
