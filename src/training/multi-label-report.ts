import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { checkArray } from "../options/check-array.js";
import { checkNumbers, checkTexts } from "../options/check-option.js";
import { type AverageScores, type ClassScores, ratio } from "./classification-report.js";
import { pairwiseSum } from "./pairwise-sum.js";
import { formatReport, type ReportLine, reportWidth } from "./report-text.js";

/**
 * Figures about rows that each have any number of labels, with scikit-learn's meaning and rounding. Plain data, except that
 * `toString()` gives scikit-learn's text.
 */
export interface MultiLabelReport {
  /** Part of all labels of all rows that are right: Keras's `binary_accuracy`. */
  readonly accuracy: number;
  /** Part of the rows of which every label is right: scikit-learn's `accuracy_score`. */
  readonly exactMatch: number;
  readonly perLabel: readonly ClassScores[];
  /** Over all labels of all rows together. */
  readonly micro: AverageScores;
  /** Plain mean over the labels. */
  readonly macro: AverageScores;
  /** Mean over the labels, weighted by their support. */
  readonly weighted: AverageScores;
  /** Mean over the rows. */
  readonly samples: AverageScores;
  /** The text of scikit-learn's `classification_report(digits=2)`, its line ends included. */
  toString(): string;
}

/** Hits and what they are parts of. */
interface Counts {
  readonly hits: number;
  readonly predicted: number;
  readonly support: number;
}

/**
 * Compares probabilities of labels with the labels: one that is above the threshold counts as given. Equal to scikit-learn
 * 1.9's `classification_report` on `probabilities > threshold` with `zero_division=0`, figures and text.
 *
 * @param labels `[rows, labels]` ones and zeros, row by row
 * @param probabilities `[rows, labels]`
 * @throws ShapeMismatchError if there is not one probability for each label of each row
 * @throws InvalidArgumentError if there are no rows, or the threshold is not in 0..1
 */
export function multiLabelReport(
  labels: ArrayLike<number>,
  probabilities: NdArray<"float32" | "float64">,
  labelNames: readonly string[],
  threshold = 0.5,
): MultiLabelReport {
  checkNumbers("labels", labels, "ones and zeros, row by row");
  checkArray("probabilities", probabilities, "probabilities [rows, labels]");
  checkTexts("labelNames", labelNames, '["has tail", "has wings"]');
  const width = labelNames.length;
  const rows = labels.length / width;
  if (!(threshold >= 0 && threshold <= 1)) {
    throw new InvalidArgumentError(`\`threshold\` is ${threshold}: expected a probability, 0 to 1.`);
  }
  if (!(rows >= 1))
    throw new InvalidArgumentError("Cannot report on predictions: there are none. Give at least one row.");
  if (probabilities.shape.join() !== [rows, width].join()) {
    throw new ShapeMismatchError(
      `Cannot compare ${labels.length} labels with probabilities of shape [${probabilities.shape.join(", ")}]: expected [${rows}, ${width}].`,
      { expected: [rows, width], received: probabilities.shape },
    );
  }
  const count = (first: number, step: number, length: number): Counts => {
    const sums = { hits: 0, predicted: 0, support: 0 };
    for (let i = 0, at = first; i < length; i++, at += step) {
      const given = (probabilities.data[at] as number) > threshold;
      const has = labels[at] === 1;
      if (given && has) sums.hits++;
      if (given) sums.predicted++;
      if (has) sums.support++;
    }
    return sums;
  };
  const perLabel = labelNames.map((label, at): ClassScores => ({ label, ...scores(count(at, width, rows)) }));
  const perRow = Array.from({ length: rows }, (_, row) => count(row * width, 1, width));
  const all = count(0, 1, labels.length);
  const { support } = all;
  const wrong = perRow.map(({ hits, predicted, support: own }) => predicted + own - 2 * hits);
  const report = {
    accuracy: 1 - wrong.reduce((sum, value) => sum + value, 0) / labels.length,
    exactMatch: wrong.filter((value) => value === 0).length / rows,
    perLabel,
    micro: scores(all),
    macro: mean(perLabel, () => 1, support),
    weighted: mean(perLabel, (label) => label.support, support),
    samples: mean(perRow.map(scores), () => 1, support),
  };
  return { ...report, toString: () => reportText(report) };
}

function scores({ hits, predicted, support }: Counts): AverageScores {
  return {
    precision: ratio(hits, predicted),
    recall: ratio(hits, support),
    f1: ratio(2 * hits, support + predicted),
    support,
  };
}

function mean(
  parts: readonly AverageScores[],
  weightOf: (scores: AverageScores) => number,
  support: number,
): AverageScores {
  const weights = parts.map(weightOf);
  const total = pairwiseSum(weights);
  const figure = (name: "precision" | "recall" | "f1") =>
    ratio(pairwiseSum(parts.map((part, at) => part[name] * (weights[at] as number))), total);
  return { precision: figure("precision"), recall: figure("recall"), f1: figure("f1"), support };
}

function reportText(report: Omit<MultiLabelReport, "toString">): string {
  const line = (name: string, { precision, recall, f1, support }: AverageScores): ReportLine => ({
    name,
    figures: [precision, recall, f1, String(support)],
  });
  return formatReport(
    [
      report.perLabel.map((label) => line(label.label, label)),
      [
        line("micro avg", report.micro),
        line("macro avg", report.macro),
        line("weighted avg", report.weighted),
        line("samples avg", report.samples),
      ],
    ],
    reportWidth(report.perLabel.map(({ label }) => label)),
  );
}
