import type { AbortOptions } from "../backends/backend.js";
import type { TrainableNetwork } from "../backends/trainable-backend.js";
import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import { checkTargetColumn } from "./row-labels.js";
import { prepareRowWeights, type RowWeightOptions } from "./row-weights.js";
import { type Target, targetRows } from "./target.js";
import { checkData, type TrainingData } from "./training-data.js";
import { openTrainingStream } from "./training-stream.js";

/** How to look for a learning rate. */
export interface LearningRateFinderOptions extends AbortOptions, RowWeightOptions {
  /** The first rate. @default 1e-7 */
  readonly minimum?: number | undefined;
  /** The last rate, where the loss does not grow too large before. @default 10 */
  readonly maximum?: number | undefined;
  /** Steps from the first rate to the last. @default 100 */
  readonly steps?: number | undefined;
  /** Name of the column that is learned instead of the labels, as of `fit`. */
  readonly targetColumn?: string | undefined;
}

/** What a step with one rate came to. */
export interface LearningRateTrial {
  readonly learningRate: number;
  /** The batch's loss before the step with this rate. */
  readonly loss: number;
  /** Mean of the losses so far, recent ones more, without the bias of the start. */
  readonly smoothedLoss: number;
}

/** Losses by learning rate. */
export interface LearningRateTable {
  /** In the order of the steps; it ends where the loss is four times its least, or not finite. */
  readonly trials: readonly LearningRateTrial[];
  /** A rate in the middle of the longest fall of the smoothed loss, to train with. Undefined if it never falls. */
  readonly suggestion: number | undefined;
}

/** Weight of the past in the smoothed loss. */
const memory = 0.95;

/**
 * Takes steps with rates that grow exponentially, and looks at the losses. The network is of no use after that: what it was
 * before is the caller's to put back.
 *
 * Source: L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017; smoothing, end
 * and suggestion as in fastai's `lr_find`.
 *
 * @throws InvalidArgumentError if an option is out of range, or data is empty or of other classes
 * @throws ShapeMismatchError if rows have another shape
 */
export async function findLearningRate(
  network: TrainableNetwork,
  train: TrainingData,
  target: Target,
  options: LearningRateFinderOptions,
): Promise<LearningRateTable> {
  const { minimum = 1e-7, maximum = 10, steps = 100 } = options;
  if (!(minimum > 0 && maximum > minimum && Number.isFinite(maximum))) {
    throw new InvalidArgumentError(
      `\`minimum\` is ${describeValue(minimum)} and \`maximum\` ${describeValue(maximum)}: expected rates above 0, the first less than the last.`,
    );
  }
  if (!Number.isSafeInteger(steps) || steps < 3) {
    throw new InvalidArgumentError(`\`steps\` is ${describeValue(steps)}: expected an integer of at least 3.`);
  }
  checkTargetColumn(options.targetColumn, target);
  checkData("train", train, target, options.targetColumn);
  const weigh = await prepareRowWeights(train, target, options, options.signal);
  const stream = openTrainingStream(train, target, { pass: 0, batch: 0 }, options);
  const trials: LearningRateTrial[] = [];
  let mean = 0;
  let least = Number.POSITIVE_INFINITY;
  try {
    for await (const batch of stream.epoch(steps)) {
      const learningRate = minimum * (maximum / minimum) ** (trials.length / (steps - 1));
      const sampleWeights = weigh(batch);
      const ys = targetRows(batch.labels, target);
      const { loss } = await network.step(batch.xs, ys, { learningRate, sampleWeights });
      if (!Number.isFinite(loss)) break;
      mean = memory * mean + (1 - memory) * loss;
      const smoothedLoss = mean / (1 - memory ** (trials.length + 1));
      trials.push({ learningRate, loss, smoothedLoss });
      least = Math.min(least, smoothedLoss);
      if (smoothedLoss > 4 * least) break;
    }
  } finally {
    await stream.close();
  }
  return { trials, suggestion: valley(trials) };
}

/**
 * The rate in the middle of the longest fall, as fastai's `valley` finds it: the longest series of losses, each less than the
 * one before, not necessarily neighbours; half-way into the part between a third of it and two thirds.
 */
function valley(trials: readonly LearningRateTrial[]): number | undefined {
  const lengths: number[] = [];
  let end = 0;
  for (const [at, { smoothedLoss }] of trials.entries()) {
    let length = 1;
    for (let before = 0; before < at; before++) {
      const higher = (trials[before] as LearningRateTrial).smoothedLoss > smoothedLoss;
      if (higher) length = Math.max(length, (lengths[before] as number) + 1);
    }
    lengths.push(length);
    if (length > (lengths[end] as number)) end = at;
  }
  const longest = lengths[end] ?? 0;
  if (longest < 2) return undefined;
  const third = longest / 3;
  return trials[Math.max(0, end - longest) + Math.floor(third) + Math.floor(third / 2)]?.learningRate;
}
