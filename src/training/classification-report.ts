import { InvalidArgumentError } from "../errors.js";
import { checkNumbers, checkTexts } from "../options/check-option.js";
import { pairwiseSum } from "./pairwise-sum.js";
import { formatReport, type ReportLine, reportWidth } from "./report-text.js";

/** How well one class was found. All figures are in 0..1, and 0 where they would divide by zero. */
export interface ClassScores {
  readonly label: string;
  /** Of the rows that were given this class, the part that has it. */
  readonly precision: number;
  /** Of the rows that have this class, the part that was given it. */
  readonly recall: number;
  /** Harmonic mean of precision and recall. */
  readonly f1: number;
  /** Number of rows that have this class. */
  readonly support: number;
}

/** Scores averaged over the classes. */
export type AverageScores = Omit<ClassScores, "label">;

/**
 * Figures about predicted against true classes, with scikit-learn's meaning and rounding. Plain data, except that
 * `toString()` gives scikit-learn's text.
 */
export interface ClassificationReport {
  /** Part of the rows that were given their own class. */
  readonly accuracy: number;
  readonly perClass: readonly ClassScores[];
  /** Plain mean over the classes. */
  readonly macro: AverageScores;
  /** Mean over the classes, weighted by their support. */
  readonly weighted: AverageScores;
  /** `confusionMatrix[true class][predicted class]` is a number of rows. */
  readonly confusionMatrix: readonly (readonly number[])[];
  /** The text of scikit-learn's `classification_report(digits=2)`, its line ends included. */
  toString(): string;
}

/**
 * Compares predicted with true classes. Equal to scikit-learn 1.9's `classification_report` with
 * `labels=range(classes)`, `target_names=class_labels` and `zero_division=0`, figures and text.
 *
 * @param trueClasses for each row the index of its class in `classLabels`
 * @param predictedClasses for each row the index of the class that was predicted
 * @throws InvalidArgumentError if the two differ in length, are empty, or hold something that is not a class
 */
export function classificationReport(
  trueClasses: ArrayLike<number>,
  predictedClasses: ArrayLike<number>,
  classLabels: readonly string[],
): ClassificationReport {
  checkNumbers("trueClasses", trueClasses, "the class of each row");
  checkNumbers("predictedClasses", predictedClasses, "the class that each row was given");
  checkTexts("classLabels", classLabels, '["cat", "dog"]');
  const confusionMatrix = countPairs(trueClasses, predictedClasses, classLabels);
  const rows = trueClasses.length;
  const perClass = classLabels.map((label, index): ClassScores => {
    const hits = confusionMatrix[index]?.[index] ?? 0;
    const support = (confusionMatrix[index] ?? []).reduce((sum, count) => sum + count, 0);
    const predicted = confusionMatrix.reduce((sum, line) => sum + (line[index] ?? 0), 0);
    return {
      label,
      precision: ratio(hits, predicted),
      recall: ratio(hits, support),
      f1: ratio(2 * hits, support + predicted),
      support,
    };
  });
  const hits = confusionMatrix.reduce((sum, line, index) => sum + (line[index] ?? 0), 0);
  const report = {
    accuracy: hits / rows,
    perClass,
    macro: average(perClass, () => 1, rows),
    weighted: average(perClass, ({ support }) => support, rows),
    confusionMatrix,
  };
  return { ...report, toString: () => reportText(report) };
}

function countPairs(
  trueClasses: ArrayLike<number>,
  predictedClasses: ArrayLike<number>,
  classLabels: readonly string[],
): number[][] {
  const classes = classLabels.length;
  if (trueClasses.length !== predictedClasses.length) {
    throw new InvalidArgumentError(
      `Cannot compare ${trueClasses.length} true with ${predictedClasses.length} predicted classes: every row needs one of each.`,
    );
  }
  if (trueClasses.length === 0) {
    throw new InvalidArgumentError("Cannot report on predictions: there are none. Give at least one row.");
  }
  const matrix = classLabels.map(() => new Array<number>(classes).fill(0));
  for (let row = 0; row < trueClasses.length; row++) {
    const line = matrix[trueClasses[row] as number];
    const predicted = predictedClasses[row] as number;
    if (line?.[predicted] === undefined) {
      throw new InvalidArgumentError(
        `Row ${row} has true class ${trueClasses[row]} and predicted class ${predicted}, but the ${classes} class labels allow 0 to ${classes - 1}.`,
      );
    }
    line[predicted] = (line[predicted] as number) + 1;
  }
  return matrix;
}

/** A part of a whole, 0 where there is none. */
export function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function average(
  perClass: readonly ClassScores[],
  weightOf: (scores: ClassScores) => number,
  rows: number,
): AverageScores {
  const weights = perClass.map(weightOf);
  const total = pairwiseSum(weights);
  const mean = (figure: "precision" | "recall" | "f1") =>
    pairwiseSum(perClass.map((scores, index) => scores[figure] * (weights[index] as number))) / total;
  return { precision: mean("precision"), recall: mean("recall"), f1: mean("f1"), support: rows };
}

function reportText(report: Omit<ClassificationReport, "toString">): string {
  // scikit-learn counts in floats when not one prediction is right, and its text shows that.
  const rows = (support: number) => (report.accuracy === 0 ? support.toFixed(1) : String(support));
  const line = (name: string, { precision, recall, f1, support }: AverageScores): ReportLine => ({
    name,
    figures: [precision, recall, f1, rows(support)],
  });
  return formatReport(
    [
      report.perClass.map((scores) => line(scores.label, scores)),
      [
        { name: "accuracy", figures: ["", "", report.accuracy, rows(report.macro.support)] },
        line("macro avg", report.macro),
        line("weighted avg", report.weighted),
      ],
    ],
    reportWidth(report.perClass.map(({ label }) => label)),
  );
}
