import { InvalidArgumentError } from "../errors.js";
import { checkBoolean, checkOneOf, describeValue } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";

/** Where training is, for a schedule. A training that is resumed counts on. */
export interface SchedulePlace {
  /** Steps of this call of `fit` that are done. */
  readonly step: number;
  /** Epochs of this call of `fit` that are done. */
  readonly epoch: number;
}

/**
 * The learning rate of each step: any function that gives the same rate for the same place. It is asked before every
 * step.
 */
export type LearningRateSchedule = (place: SchedulePlace) => number;

/**
 * Multiplies the rate by `factor` after every so many epochs: PyTorch's `StepLR`.
 *
 * Formula: initialLearningRate * factor ^ floor(epoch / epochs).
 *
 * @throws InvalidArgumentError for a setting out of range
 */
export function stepDecay(options: {
  readonly initialLearningRate: number;
  /** Epochs between two drops. */
  readonly epochs: number;
  /** Above 0 and below 1. @default 0.5 */
  readonly factor?: number | undefined;
}): LearningRateSchedule {
  checkOptions("stepDecay", options, { initialLearningRate: true, epochs: true, factor: true });
  const { initialLearningRate, epochs, factor = 0.5 } = options;
  checkAbove0("initialLearningRate", initialLearningRate);
  checkCount("epochs", epochs);
  if (!(factor > 0 && factor < 1)) refuse("factor", factor, "a number above 0 and below 1, such as 0.5");
  return ({ epoch }) => initialLearningRate * factor ** Math.floor(epoch / epochs);
}

/**
 * A rate that falls exponentially, step by step: Keras's `ExponentialDecay`.
 *
 * Formula: initialLearningRate * decayRate ^ (step / decaySteps), with `staircase` the exponent rounded down.
 *
 * @throws InvalidArgumentError for a setting out of range
 */
export function exponentialDecay(options: {
  readonly initialLearningRate: number;
  /** Steps after which the rate is `decayRate` times what it was. */
  readonly decaySteps: number;
  readonly decayRate: number;
  /** @default false */
  readonly staircase?: boolean | undefined;
}): LearningRateSchedule {
  checkOptions("exponentialDecay", options, {
    initialLearningRate: true,
    decaySteps: true,
    decayRate: true,
    staircase: true,
  });
  const { initialLearningRate, decaySteps, decayRate, staircase = false } = options;
  checkAbove0("initialLearningRate", initialLearningRate);
  checkCount("decaySteps", decaySteps);
  checkAbove0("decayRate", decayRate);
  checkBoolean("staircase", staircase);
  return ({ step }) => {
    const exponent = step / decaySteps;
    return initialLearningRate * decayRate ** (staircase ? Math.floor(exponent) : exponent);
  };
}

/**
 * Half a cosine wave down from the initial rate, after a straight way up where `warmupTarget` is given: Keras's
 * `CosineDecay`. After its steps the rate stays where it is.
 *
 * Source: I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.
 *
 * @throws InvalidArgumentError for a setting out of range
 */
export function cosineDecay(options: {
  /** Rate at the start: of the warm-up where there is one. May be 0 then. */
  readonly initialLearningRate: number;
  /** Steps of the decay, after those of the warm-up. */
  readonly decaySteps: number;
  /** Last rate as a part of the greatest. @default 0 */
  readonly alpha?: number | undefined;
  /** Rate at the end of the warm-up. @default none */
  readonly warmupTarget?: number | undefined;
  /** Steps of the warm-up. Needed with `warmupTarget`. */
  readonly warmupSteps?: number | undefined;
}): LearningRateSchedule {
  checkOptions("cosineDecay", options, {
    initialLearningRate: true,
    decaySteps: true,
    alpha: true,
    warmupTarget: true,
    warmupSteps: true,
  });
  const { initialLearningRate, decaySteps, alpha = 0, warmupTarget, warmupSteps } = options;
  checkCount("decaySteps", decaySteps);
  if (!(alpha >= 0 && alpha <= 1)) refuse("alpha", alpha, "a number from 0 to 1");
  const decay = (from: number, step: number) => {
    const cosine = 0.5 * (1 + Math.cos((Math.PI * Math.min(step, decaySteps)) / decaySteps));
    return from * ((1 - alpha) * cosine + alpha);
  };
  if (warmupTarget === undefined) {
    checkAbove0("initialLearningRate", initialLearningRate);
    if (warmupSteps !== undefined) {
      throw new InvalidArgumentError("`warmupSteps` needs `warmupTarget`, the rate at the end of the warm-up.");
    }
    return ({ step }) => decay(initialLearningRate, step);
  }
  if (!(initialLearningRate >= 0 && Number.isFinite(initialLearningRate))) {
    refuse("initialLearningRate", initialLearningRate, "0 or a number above it");
  }
  checkAbove0("warmupTarget", warmupTarget);
  checkCount("warmupSteps", warmupSteps);
  return ({ step }) =>
    step < warmupSteps
      ? initialLearningRate + (warmupTarget - initialLearningRate) * (step / warmupSteps)
      : decay(warmupTarget, step - warmupSteps);
}

/**
 * Up to the greatest rate and down to a very small one, over a known number of steps: PyTorch's `OneCycleLR` with its
 * defaults, but with `cycle_momentum=False`.
 *
 * Source: L. N. Smith, N. Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates",
 * 2018.
 *
 * @throws InvalidArgumentError for a setting out of range; from the schedule itself for a step beyond `totalSteps`
 */
export function oneCycle(options: {
  readonly maxLearningRate: number;
  /** Steps of the whole cycle: epochs times batches of an epoch. */
  readonly totalSteps: number;
  /** Part of the steps in which the rate rises. @default 0.3 */
  readonly riseFraction?: number | undefined;
  /** The first rate is `maxLearningRate / divFactor`. @default 25 */
  readonly divFactor?: number | undefined;
  /** The last rate is the first one divided by this. @default 10000 */
  readonly finalDivFactor?: number | undefined;
  /** How the rate gets from one to the other. @default "cosine" */
  readonly anneal?: "cosine" | "linear" | undefined;
}): LearningRateSchedule {
  checkOptions("oneCycle", options, {
    maxLearningRate: true,
    totalSteps: true,
    riseFraction: true,
    divFactor: true,
    finalDivFactor: true,
    anneal: true,
  });
  const { maxLearningRate, totalSteps, riseFraction = 0.3, divFactor = 25, finalDivFactor = 1e4 } = options;
  const { anneal = "cosine" } = options;
  checkAbove0("maxLearningRate", maxLearningRate);
  checkCount("totalSteps", totalSteps);
  checkAbove0("divFactor", divFactor);
  checkAbove0("finalDivFactor", finalDivFactor);
  checkOneOf("anneal", anneal, ["cosine", "linear"]);
  const top = riseFraction * totalSteps - 1;
  if (!(riseFraction > 0 && riseFraction < 1 && top > 0)) {
    refuse(
      "riseFraction",
      riseFraction,
      `a number above 0 and below 1 that makes more than one of ${totalSteps} steps`,
    );
  }
  const first = maxLearningRate / divFactor;
  const last = first / finalDivFactor;
  const between = (start: number, end: number, part: number) =>
    anneal === "linear" ? start + (end - start) * part : end + ((start - end) / 2) * (1 + Math.cos(Math.PI * part));
  return ({ step }) => {
    if (step >= totalSteps) {
      throw new InvalidArgumentError(
        `\`oneCycle\` was made for ${totalSteps} steps, but training takes a step number ${step + 1}: expected \`totalSteps\` to be the epochs times the batches of an epoch.`,
      );
    }
    return step <= top
      ? between(first, maxLearningRate, step / top)
      : between(maxLearningRate, last, (step - top) / (totalSteps - 1 - top));
  };
}

function checkAbove0(option: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) refuse(option, value, "a number above 0");
}

function checkCount(option: string, value: number | undefined): asserts value is number {
  if (!(Number.isSafeInteger(value) && (value as number) >= 1)) refuse(option, value, "an integer of at least 1");
}

function refuse(option: string, value: unknown, expected: string): never {
  throw new InvalidArgumentError(`\`${option}\` is ${describeValue(value)}: expected ${expected}.`);
}
