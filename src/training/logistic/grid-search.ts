import { InvalidArgumentError } from "../../errors.js";
import { checkBoolean, describeValue } from "../../options/check-option.js";
import { pairwiseSum } from "../pairwise-sum.js";
import type { TrainingData } from "../training-data.js";
import { type LogisticFit, type LogisticFitter, prepareFit, targetOf } from "./fit-logistic.js";
import { checkC, type LogisticProgress, type LogisticSolverOptions } from "./logistic-options.js";

/** Labelled rows that can be divided for a cross-validation, such as an `HDF5DatasetGenerator` or a part of one. */
export interface FoldableData extends TrainingData {
  /** Divides the rows into parts, each of which is the validation part once. */
  kFold(
    folds: number,
    options: { readonly stratify: boolean; readonly shuffle: boolean; readonly seed?: number | undefined },
  ): readonly { readonly train: TrainingData; readonly validation: TrainingData }[];
}

/** Options of `LogisticRegression.gridSearch`. */
export interface GridSearchOptions extends LogisticSolverOptions {
  /** Values of C to try. @default [0.1, 1, 10, 100, 1000, 10000] */
  readonly Cs?: readonly number[] | undefined;
  /** @default 3 */
  readonly folds?: number | undefined;
  /** Mixes the rows before they are divided. @default false, as scikit-learn's `GridSearchCV` */
  readonly shuffle?: boolean | undefined;
  /** Seed of the mixing. @default the data's */
  readonly seed?: number | undefined;
  /**
   * Begins the fit of each C where that of the next smaller one in the same fold has ended, as scikit-learn's
   * `LogisticRegressionCV` does; that saves passes where the values are near each other. As a fit ends anywhere within `tol` of
   * the minimum, a row now and then gets another class than with `false`, which begins each at 0, as `GridSearchCV` does.
   * @default false
   */
  readonly warmStart?: boolean | undefined;
  /** Called after every iteration. */
  readonly onProgress?: ((progress: GridSearchProgress) => void) | undefined;
}

/** Where a grid search stands. */
export interface GridSearchProgress extends LogisticProgress {
  readonly C: number;
  /** The fold that is fitted without, counted from 1; undefined while the best C is fitted to all rows. */
  readonly fold: number | undefined;
  /** Fits that are done. */
  readonly fits: number;
  /** All fits: one for each C and fold, and one more to all rows. */
  readonly allFits: number;
}

/** How well one C does. */
export interface GridScore {
  readonly C: number;
  /** Accuracy on each fold. */
  readonly scores: readonly number[];
  readonly mean: number;
  /** Standard deviation over the folds (of the population). */
  readonly std: number;
  /** 1 for the best; equals share a rank. */
  readonly rank: number;
  /** Whether the fits of all folds have converged. */
  readonly converged: boolean;
}

/** What a grid search has found. */
export interface GridTable {
  /** One for each C, in the order in which they were given. */
  readonly scores: readonly GridScore[];
  /** The one with the highest mean; the first of equals. */
  readonly best: GridScore;
}

/** What to fit and measure with; the class that holds a fit knows how. */
export type ScoreFit = (fit: LogisticFit, fitter: LogisticFitter, validation: TrainingData) => Promise<number>;

/** Tries each C on each fold, and fits the best to all rows. */
export async function searchGrid(
  data: FoldableData,
  options: GridSearchOptions,
  score: ScoreFit,
): Promise<{ readonly table: GridTable; readonly fit: LogisticFit; readonly fitter: LogisticFitter }> {
  const { folds = 3, shuffle = false, warmStart = false, onProgress } = options;
  const Cs = checkCs(options.Cs ?? [0.1, 1, 10, 100, 1000, 10_000]);
  checkBoolean("warmStart", warmStart);
  checkBoolean("shuffle", shuffle);
  if (typeof data?.kFold !== "function") {
    throw new InvalidArgumentError(
      `\`data\` is ${describeValue(data)}: expected rows that can be divided, such as an HDF5DatasetGenerator; any object with \`kFold\` will do.`,
    );
  }
  const target = targetOf("data", data, options);
  const parts = data.kFold(folds, { stratify: true, shuffle, seed: options.seed });
  const allFits = Cs.length * folds + 1;
  let fits = 0;
  const progressOf = (C: number, fold: number | undefined) =>
    onProgress && ((progress: LogisticProgress) => onProgress({ ...progress, C, fold, fits, allFits }));

  const rising = [...new Set(Cs)].sort((a, b) => a - b);
  const scores = Cs.map(() => new Array<number>(folds).fill(0));
  const converged = Cs.map(() => true);
  for (const [fold, { train, validation }] of parts.entries()) {
    const fitter = await prepareFit(`fold ${fold + 1} of data`, train, { ...options, ...target });
    for (const C of rising) {
      const fit = await fitter.fit(C, warmStart, progressOf(C, fold + 1));
      const accuracy = await score(fit, fitter, validation);
      for (const [index, given] of Cs.entries()) {
        if (given !== C) continue;
        (scores[index] as number[])[fold] = accuracy;
        converged[index] &&= fit.solution.converged;
        fits++;
      }
    }
  }
  const table = tableOf(Cs, scores, converged);
  const fitter = await prepareFit("data", data, { ...options, ...target });
  const fit = await fitter.fit(table.best.C, false, progressOf(table.best.C, undefined));
  return { table, fit, fitter };
}

function checkCs(Cs: readonly number[]): readonly number[] {
  if (!Array.isArray(Cs) || Cs.length === 0) {
    throw new InvalidArgumentError(
      `\`Cs\` is ${describeValue(Cs)}: expected a list of values of C to try, such as [0.1, 1, 10].`,
    );
  }
  return Cs.map(checkC);
}

function tableOf(
  Cs: readonly number[],
  scores: readonly (readonly number[])[],
  converged: readonly boolean[],
): GridTable {
  const means = scores.map((own) => pairwiseSum(own) / own.length);
  const rows = Cs.map((C, index): GridScore => {
    const own = scores[index] as readonly number[];
    const mean = means[index] as number;
    const std = Math.sqrt(pairwiseSum(own.map((value) => (value - mean) ** 2)) / own.length);
    const rank = 1 + means.filter((other) => other > mean).length;
    return { C, scores: own, mean, std, rank, converged: converged[index] as boolean };
  });
  return { scores: rows, best: rows.find(({ rank }) => rank === 1) as GridScore };
}
