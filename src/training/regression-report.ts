import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import { checkNumbers, checkTexts } from "../options/check-option.js";
import { pairwiseSum } from "./pairwise-sum.js";

/** How far predicted numbers are from the true ones. */
export interface RegressionScores {
  /** Mean of (output - number)^2. */
  readonly meanSquaredError: number;
  /** Mean of |output - number|. */
  readonly meanAbsoluteError: number;
  /**
   * Part of the numbers' variance that the outputs explain: 1 is perfect, 0 no better than their mean. Where all numbers are
   * the same, 1 if all outputs are right and else 0.
   */
  readonly r2: number;
}

/** Scores of each output, and their plain means. */
export interface RegressionReport extends RegressionScores {
  readonly perOutput: readonly (RegressionScores & { readonly label: string })[];
  /** A line for each output. */
  toString(): string;
}

/**
 * Compares predicted with true numbers: scikit-learn 1.9's `mean_squared_error`, `mean_absolute_error` and `r2_score`, for
 * each output and as the plain mean over them.
 *
 * @param numbers `[rows, outputs]`, row by row
 * @param predicted the same of the predictions
 * @throws InvalidArgumentError if there are fewer than two rows, of which R2 is not defined
 * @throws ShapeMismatchError if there are not as many predicted as true numbers
 */
export function regressionReport(
  numbers: ArrayLike<number>,
  predicted: ArrayLike<number>,
  outputNames: readonly string[],
): RegressionReport {
  checkNumbers("numbers", numbers, "the true numbers, row by row");
  checkNumbers("predicted", predicted, "the predicted numbers, row by row");
  checkTexts("outputNames", outputNames, '["width", "height"]');
  const width = outputNames.length;
  const rows = numbers.length / width;
  if (predicted.length !== numbers.length) {
    throw new ShapeMismatchError(
      `Cannot compare ${numbers.length} true with ${predicted.length} predicted numbers: every row needs one of each.`,
      { expected: [rows, width], received: [predicted.length / width, width] },
    );
  }
  if (!(rows >= 2)) {
    throw new InvalidArgumentError(`Cannot report on predictions of ${rows} rows: R2 needs two or more.`);
  }
  const perOutput = outputNames.map((label, output) => {
    const values = Float64Array.from({ length: rows }, (_, row) => numbers[row * width + output] as number);
    const errors = values.map((value, row) => (predicted[row * width + output] as number) - value);
    const average = pairwiseSum(values) / rows;
    const unexplained = pairwiseSum(errors.map((error) => error * error));
    const spread = pairwiseSum(values.map((value) => (value - average) ** 2));
    return {
      label,
      meanSquaredError: unexplained / rows,
      meanAbsoluteError: pairwiseSum(errors.map(Math.abs)) / rows,
      r2: spread === 0 ? Number(unexplained === 0) : 1 - unexplained / spread,
    };
  });
  const mean = (figure: keyof RegressionScores) => pairwiseSum(perOutput.map((scores) => scores[figure])) / width;
  const report = {
    meanSquaredError: mean("meanSquaredError"),
    meanAbsoluteError: mean("meanAbsoluteError"),
    r2: mean("r2"),
    perOutput,
  };
  return { ...report, toString: () => reportText(report) };
}

function reportText({ perOutput, ...mean }: Omit<RegressionReport, "toString">): string {
  const lines = [...perOutput, ...(perOutput.length > 1 ? [{ label: "mean", ...mean }] : [])];
  const width = lines.reduce((widest, { label }) => Math.max(widest, [...label].length), 0);
  const cell = (value: number | string) =>
    String(typeof value === "number" ? value.toPrecision(6) : value).padStart(12);
  const row = (label: string, ...cells: readonly (number | string)[]) =>
    `${" ".repeat(width - [...label].length)}${label} ${cells.map(cell).join(" ")}\n`;
  return [
    row("", "MSE", "MAE", "R2"),
    ...lines.map((line) => row(line.label, line.meanSquaredError, line.meanAbsoluteError, line.r2)),
  ].join("");
}
