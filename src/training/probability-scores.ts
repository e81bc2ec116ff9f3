import { InvalidArgumentError } from "../errors.js";
import { checkPredictions, type Predictions } from "./predictions.js";

/** A figure for each class against all others, and its means; undefined where rows of a class, or of others, are missing. */
export interface OneVersusRest {
  readonly perClass: readonly (number | undefined)[];
  /** Plain mean over the classes. */
  readonly macro: number | undefined;
  /** Mean over the classes, weighted by their rows. */
  readonly weighted: number | undefined;
}

/** Figures that look at probabilities, not only at the class that was predicted; with scikit-learn's meaning. */
export interface ProbabilityScores {
  /** Part of the rows whose class is the most probable. */
  readonly rank1: number;
  /** Part of the rows whose class is among the five most probable. */
  readonly rank5: number;
  /** Area under the curve of true against false positives. */
  readonly rocAuc: OneVersusRest;
  /** Mean precision over the recalls: the step-wise area under the precision-recall curve. */
  readonly averagePrecision: OneVersusRest;
  /** Mean of -log(probability of the row's class), no probability less than the least step of the number's type. */
  readonly logLoss: number;
}

/**
 * Scores probabilities: scikit-learn 1.9's `top_k_accuracy_score`, `roc_auc_score` (one-vs-rest), `average_precision_score` and
 * `log_loss`. For two classes the figures of the second are those that scikit-learn gives.
 *
 * @throws ShapeMismatchError if a row has no prediction
 * @throws InvalidArgumentError if there are no rows, a class is unknown, or a probability is not in 0..1
 *
 * @example
 * const { predictions } = await model.evaluate(validation);
 * console.log(probabilityScores(predictions).rocAuc.macro);
 */
export function probabilityScores(predictions: Predictions): ProbabilityScores {
  const classes = checkPredictions(predictions);
  const supports = countRows(predictions, classes);
  const rankings = supports.map((support, label) => rank(predictions, classes, label, support));
  return {
    rank1: rankAccuracy(predictions, 1),
    rank5: rankAccuracy(predictions, 5),
    rocAuc: oneVersusRest(rankings.map(rocAuc), supports),
    averagePrecision: oneVersusRest(rankings.map(averagePrecision), supports),
    logLoss: logLoss(predictions, classes),
  };
}

/**
 * Part of the rows whose class is among the `k` most probable. Of equally probable classes the last counts as the more
 * probable, as in scikit-learn's `top_k_accuracy_score` and the originals' `rank5_accuracy`.
 *
 * @throws ShapeMismatchError if a row has no prediction
 * @throws InvalidArgumentError if `k` is not a positive integer, there are no rows, or a class or probability is none
 */
export function topKAccuracy(predictions: Predictions, k: number): number {
  if (!Number.isInteger(k) || k < 1)
    throw new InvalidArgumentError(`\`k\` is ${k}: expected an integer of at least 1.`);
  checkPredictions(predictions);
  return rankAccuracy(predictions, k);
}

function rankAccuracy({ trueClasses, probabilities }: Predictions, k: number): number {
  const [, classes = 0] = probabilities.shape;
  let hits = 0;
  for (const [row, label] of trueClasses.entries()) {
    const own = probabilities.data[row * classes + label] as number;
    let before = 0;
    for (let other = 0; other < classes; other++) {
      const value = probabilities.data[row * classes + other] as number;
      if (value > own || (value === own && other > label)) before++;
    }
    if (before < k) hits++;
  }
  return hits / trueClasses.length;
}

function logLoss({ trueClasses, probabilities }: Predictions, classes: number): number {
  const least = probabilities.dtype === "float64" ? Number.EPSILON : 2 ** -23;
  let sum = 0;
  for (const [row, label] of trueClasses.entries()) {
    const own = probabilities.data[row * classes + label] as number;
    sum -= Math.log(Math.min(Math.max(own, least), 1 - least));
  }
  return sum / trueClasses.length;
}

/** For each probability that a row of the class has, in falling order: how many rows come before it, and up to its end. */
interface Ranking {
  /** Rows of the class up to its end. */
  readonly positives: readonly number[];
  /** All rows up to its end. */
  readonly ends: readonly number[];
  /** All rows before it. */
  readonly starts: readonly number[];
  readonly rows: number;
}

function rank({ trueClasses, probabilities }: Predictions, classes: number, label: number, support: number): Ranking {
  const rows = trueClasses.length;
  const all = new Float64Array(rows);
  const own = new Float64Array(support);
  let found = 0;
  for (let row = 0; row < rows; row++) {
    const value = probabilities.data[row * classes + label] as number;
    all[row] = value;
    if (trueClasses[row] === label) own[found++] = value;
  }
  // Without a comparison of ours, which takes ten times as long: of rising numbers, read from the end.
  all.sort();
  own.sort();
  const [positives, ends, starts]: [number[], number[], number[]] = [[], [], []];
  let at = rows;
  for (let last = support; last > 0; ) {
    const value = own[last - 1] as number;
    while ((all[at - 1] as number) > value) at--;
    starts.push(rows - at);
    while (at > 0 && all[at - 1] === value) at--;
    while (last > 0 && own[last - 1] === value) last--;
    positives.push(support - last);
    ends.push(rows - at);
  }
  return { positives, ends, starts, rows };
}

function countRows({ trueClasses }: Predictions, classes: number): readonly number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of trueClasses) counts[label] = (counts[label] as number) + 1;
  return counts;
}

function oneVersusRest(perClass: readonly (number | undefined)[], supports: readonly number[]): OneVersusRest {
  const mean = (weights: readonly number[]): number | undefined => {
    let [sum, total] = [0, 0];
    for (const [label, value] of perClass.entries()) {
      const weight = weights[label] as number;
      if (weight === 0) continue;
      if (value === undefined) return undefined;
      sum += weight * value;
      total += weight;
    }
    return sum / total;
  };
  return { perClass, macro: mean(supports.map(() => 1)), weighted: mean(supports) };
}

/** Part of the pairs of a row of the class and another in which the former is the more probable; equals count half. */
function rocAuc({ positives, ends, starts, rows }: Ranking): number | undefined {
  const all = positives.at(-1) ?? 0;
  const others = rows - all;
  if (all === 0 || others === 0) return undefined;
  let pairs = 0;
  let hits = 0;
  for (const [run, found] of positives.entries()) {
    const above = (starts[run] as number) - hits;
    const equal = (ends[run] as number) - found - above;
    pairs += (found - hits) * (others - above - equal / 2);
    hits = found;
  }
  return pairs / (all * others);
}

/** Sum over the runs of precision times the recall that they add. */
function averagePrecision({ positives, ends }: Ranking): number | undefined {
  const all = positives.at(-1) ?? 0;
  if (all === 0) return undefined;
  let sum = 0;
  let hits = 0;
  for (const [run, found] of positives.entries()) {
    sum += ((found - hits) / all) * (found / (ends[run] as number));
    hits = found;
  }
  return sum;
}
