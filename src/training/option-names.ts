import { checkOptions, type OptionNames } from "../options/check-options.js";
import type { FitOptions } from "./fit-options.js";
import type { LearningOptions, LoadHeadOptions, NetworkHeadOptions, TransferHeadOptions } from "./head-options.js";
import type { LearningRateFinderOptions } from "./learning-rate-finder.js";
import type { LogisticSolverOptions } from "./logistic/logistic-options.js";
import type { RowWeightOptions } from "./row-weights.js";
import type { Task } from "./target.js";

/** Names of the options that heads and models of every kind have. */
export const learningOptionNames: OptionNames<LearningOptions> = {
  ...{ optimizer: true, learningRate: true, l1: true, l2: true, clipping: true, labelSmoothing: true, backend: true },
};
const monitor = { monitor: true, mode: true, minDelta: true } as const;
const rowWeights: OptionNames<RowWeightOptions> = { classWeight: true, sampleWeight: true };
/** Names of the options that every `fit` by steps has. */
export const fitOptionNames: OptionNames<Omit<FitOptions, "validation" | "targetColumn">> = {
  ...rowWeights,
  ...{ epochs: true, stepsPerEpoch: true, schedule: true, reduceOnPlateau: true, earlyStopping: true },
  ...{ checkpoint: true, saveBest: true, history: true, callbacks: true, onProgress: true, signal: true },
};

/** Names of the options of `findLearningRate`. */
export const rateFinderOptionNames: OptionNames<LearningRateFinderOptions> = {
  ...rowWeights,
  ...{ minimum: true, maximum: true, steps: true, targetColumn: true, signal: true },
};

/** Names of the options of each method of `TransferHead`. */
export const headOptionNames = {
  create: {
    ...learningOptionNames,
    ...{ task: true, inputShape: true, classLabels: true, hidden: true, activation: true, batchNormalization: true },
    ...{ dropout: true, normalize: true, seed: true, metadata: true },
  } satisfies OptionNames<TransferHeadOptions<Task>>,
  fromNetwork: {
    ...learningOptionNames,
    ...{ task: true, classLabels: true, seed: true, metadata: true },
  } satisfies OptionNames<NetworkHeadOptions<Task>>,
  load: {
    ...learningOptionNames,
    ...{ task: true, classLabels: true, engine: true, seed: true },
  } satisfies OptionNames<LoadHeadOptions<Task>>,
  fit: { ...fitOptionNames, validation: true, targetColumn: true } satisfies OptionNames<FitOptions>,
  findLearningRate: rateFinderOptionNames,
  evaluate: { targetColumn: true, threshold: true, signal: true },
  predict: { signal: true },
  classify: { top: true, signal: true },
  encode: { engine: true },
  save: { engine: true, overwrite: true },
} as const;

const solver: OptionNames<LogisticSolverOptions> = {
  ...{ tol: true, maxIter: true, fitIntercept: true, standardize: true, classWeight: true, cacheBytes: true },
  ...{ classLabels: true, inputShape: true, metadata: true, signal: true },
};

/** Names of the options of each method of `LogisticRegression`. */
export const logisticOptionNames = {
  fit: { ...solver, C: true, onProgress: true },
  gridSearch: { ...solver, Cs: true, folds: true, shuffle: true, seed: true, warmStart: true, onProgress: true },
  load: { classLabels: true, engine: true },
} as const;

/**
 * Checks the names of the options of a `fit`, and of those that are in them.
 *
 * @throws InvalidArgumentError for a name that is not known
 */
export function checkFitOptions<T extends Omit<FitOptions, "validation">>(
  receiver: string,
  options: T,
  names: OptionNames<T>,
): void {
  checkOptions<T>(receiver, options, names);
  const { earlyStopping, reduceOnPlateau, checkpoint, saveBest, history } = options;
  if (earlyStopping !== undefined) {
    const own = { patience: true, baseline: true, restoreBest: true, startFromEpoch: true } as const;
    checkOptions("earlyStopping", earlyStopping, { ...monitor, ...own });
  }
  if (reduceOnPlateau !== undefined) {
    const own = { factor: true, patience: true, cooldown: true, minLearningRate: true } as const;
    checkOptions("reduceOnPlateau", reduceOnPlateau, { ...monitor, ...own });
  }
  if (saveBest !== undefined) checkOptions("saveBest", saveBest, { ...monitor, path: true });
  if (history !== undefined) checkOptions("history", history, { path: true, startAt: true });
  if (checkpoint !== undefined) {
    checkOptions("checkpoint", checkpoint, { path: true, every: true, resume: true, engine: true });
  }
}
