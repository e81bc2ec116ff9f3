import { InvalidArgumentError, UnsupportedError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import { createEarlyStopping, type EarlyStopping, type EarlyStoppingState } from "./early-stopping.js";
import type { FitContext, FitOptions } from "./fit-options.js";
import type { EpochFigure, EpochLog } from "./history.js";
import { createMonitor, type Monitor } from "./monitor.js";
import { createPlateau, type Plateau, type PlateauState } from "./reduce-on-plateau.js";
import { checkTargetColumn } from "./row-labels.js";
import type { LearningRateSchedule } from "./schedules.js";
import { taskRules } from "./target.js";
import { checkData, type TrainingData } from "./training-data.js";
import type { StreamPlace } from "./training-stream.js";

/** How a call of `fit` runs: its options, checked. */
export interface FitPlan {
  readonly epochs: number;
  readonly stepsPerEpoch: number | undefined;
  /** Batches of an epoch; undefined if the data does not say. */
  readonly batches: number | undefined;
  readonly schedule: LearningRateSchedule | undefined;
  readonly earlyStopping: EarlyStopping | undefined;
  readonly plateau: Plateau | undefined;
  readonly best: Monitor | undefined;
}

/** Where a call of `fit` is between two epochs, beside the network's own state: plain data. */
export interface FitState {
  /** Epochs that the network had behind it before this call. */
  readonly epochsBefore: number;
  /** Steps of this call. */
  readonly steps: number;
  readonly place: StreamPlace;
  /** All epochs, also those of earlier calls. */
  readonly history: readonly EpochLog[];
  /** Whether early stopping or a callback has ended it. */
  readonly stopped: boolean;
  readonly earlyStopping: EarlyStoppingState | undefined;
  readonly plateau: PlateauState | undefined;
  /** Best figure of a model that was saved as the best. */
  readonly best: number | undefined;
}

/**
 * Checks everything that can be known before the first batch.
 *
 * @throws InvalidArgumentError for an option out of range, or data that is empty or of other classes
 * @throws ShapeMismatchError if rows have another shape
 */
export function planFit(train: TrainingData, options: FitOptions, context: FitContext): FitPlan {
  const { validation, schedule, stepsPerEpoch, targetColumn } = options;
  const { target } = context;
  const epochs = options.epochs ?? 10;
  checkCount("epochs", epochs);
  if (stepsPerEpoch !== undefined) checkCount("stepsPerEpoch", stepsPerEpoch);
  checkTargetColumn(targetColumn, target);
  checkData("train", train, target, targetColumn);
  if (validation !== undefined) checkData("validation", validation, target, targetColumn);
  const { metric } = taskRules(target.task);
  const figures: readonly EpochFigure[] = [
    "loss",
    metric,
    ...(validation === undefined ? [] : (["valLoss", validated[metric]] as const)),
  ];
  if (schedule !== undefined && options.reduceOnPlateau !== undefined) {
    throw new InvalidArgumentError(
      "`schedule` and `reduceOnPlateau` were both given: only one of them can decide the learning rate.",
    );
  }
  if (options.saveBest !== undefined && context.encodeModel === undefined) {
    throw new UnsupportedError("`saveBest` was given, but this network cannot be written as a Keras file.");
  }
  const plan: FitPlan = {
    epochs,
    stepsPerEpoch,
    batches: stepsPerEpoch ?? train.batchesPerPass,
    schedule,
    earlyStopping: options.earlyStopping && createEarlyStopping(options.earlyStopping, figures),
    plateau: options.reduceOnPlateau && createPlateau(options.reduceOnPlateau, figures),
    best: options.saveBest && createMonitor("saveBest", options.saveBest, figures),
  };
  checkSchedule(plan);
  return plan;
}

/** Where a call of `fit` begins. */
export function startOfFit(plan: FitPlan, { history, training }: FitContext): FitState {
  const epochsBefore = history.at(-1)?.epoch ?? 0;
  return {
    epochsBefore,
    steps: 0,
    place: { pass: epochsBefore, batch: 0 },
    history,
    stopped: false,
    earlyStopping: plan.earlyStopping?.start,
    plateau: plan.plateau?.start(training.optimizer.learningRate),
    best: undefined,
  };
}

/** Epochs of this call that are done. */
export function epochsDone({ history, epochsBefore }: FitState): number {
  return (history.at(-1)?.epoch ?? 0) - epochsBefore;
}

/**
 * The learning rate of a step.
 *
 * @throws InvalidArgumentError if a schedule gives what is no rate
 */
export function rateOf(
  { schedule }: FitPlan,
  { plateau }: FitState,
  place: { readonly step: number; readonly epoch: number },
  fallback: number,
): number {
  if (schedule === undefined) return plateau?.learningRate ?? fallback;
  const rate = schedule(place);
  if (typeof rate === "number" && rate >= 0 && Number.isFinite(rate)) return rate;
  throw new InvalidArgumentError(
    `\`schedule\` gave ${describeValue(rate)} for step ${place.step} of epoch ${place.epoch}: expected a learning rate, 0 or a number above it.`,
  );
}

/** Figures of an epoch by their names. */
export function epochLog(
  metric: "accuracy" | "meanAbsoluteError",
  log: Pick<EpochLog, "epoch" | "learningRate">,
  trained: { readonly loss: number; readonly metric: number },
  validation: { readonly loss: number; readonly metric: number } | undefined,
): EpochLog {
  const { epoch, learningRate } = log;
  return {
    epoch,
    loss: trained.loss,
    [metric]: trained.metric,
    ...(validation && { valLoss: validation.loss, [validated[metric]]: validation.metric }),
    learningRate,
  };
}

const validated = { accuracy: "valAccuracy", meanAbsoluteError: "valMeanAbsoluteError" } as const;

/** A schedule that does not reach the end is found before the first step, not after hours. */
function checkSchedule(plan: FitPlan): void {
  if (plan.schedule === undefined) return;
  if (typeof plan.schedule !== "function") {
    throw new InvalidArgumentError(
      `\`schedule\` is ${describeValue(plan.schedule)}: expected a function from a place to a learning rate, such as cosineDecay({ ... }).`,
    );
  }
  const { epochs, batches } = plan;
  const state = { plateau: undefined } as FitState;
  rateOf(plan, state, { step: 0, epoch: 0 }, 0);
  if (batches !== undefined) rateOf(plan, state, { step: epochs * batches - 1, epoch: epochs - 1 }, 0);
}

function checkCount(option: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new InvalidArgumentError(`\`${option}\` is ${describeValue(value)}: expected an integer of at least 1.`);
}
