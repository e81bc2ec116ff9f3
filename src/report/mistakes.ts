import type { Predictions } from "../training/predictions.js";
import { type ConfusedRow, topConfusions } from "../training/top-confusions.js";

/** A row that was given a wrong class, and both classes. */
export interface Mistake extends ConfusedRow {
  readonly trueLabel: string;
  readonly predictedLabel: string;
}

/**
 * All rows that were given a wrong class, the surest first.
 *
 * @throws as `topConfusions` does
 */
export function surestMistakes(
  predictions: Predictions,
  classLabels: readonly string[],
  fileNames: readonly string[] | undefined,
): readonly Mistake[] {
  const top = Math.max(1, classLabels.length ** 2);
  return topConfusions(predictions, classLabels, { top, fileNames })
    .flatMap(({ trueLabel, predictedLabel, rows }) => rows.map((row) => ({ ...row, trueLabel, predictedLabel })))
    .sort((a, b) => b.probability - a.probability || a.row - b.row);
}
