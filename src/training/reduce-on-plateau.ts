import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import type { EpochFigure, EpochLog } from "./history.js";
import { checkEpochs, checkNotNegative, createMonitor, type MonitorOptions } from "./monitor.js";

/** When the learning rate is lowered because nothing gets better: Keras's `ReduceLROnPlateau`. */
export interface PlateauOptions extends MonitorOptions {
  /** Smallest difference that counts as better. @default 0.0001 */
  readonly minDelta?: number | undefined;
  /** The new rate is this times the old one. Above 0 and below 1. @default 0.1 */
  readonly factor?: number | undefined;
  /** Epochs without anything better before the rate is lowered. @default 10 */
  readonly patience?: number | undefined;
  /** Epochs after it was lowered in which none are counted. @default 0 */
  readonly cooldown?: number | undefined;
  /** @default 0 */
  readonly minLearningRate?: number | undefined;
}

/** What is remembered from epoch to epoch; plain data. */
export interface PlateauState {
  readonly best?: number | undefined;
  readonly wait: number;
  readonly cooldown: number;
  readonly learningRate: number;
}

/** A learning rate that waits for epochs that are no better. */
export interface Plateau {
  start(learningRate: number): PlateauState;
  /** The state, and with it the rate, after an epoch. */
  judge(state: PlateauState, log: EpochLog): PlateauState;
}

/** @throws InvalidArgumentError for a setting out of range, or a figure that epochs do not have */
export function createPlateau(options: PlateauOptions, figures: readonly EpochFigure[]): Plateau {
  const { factor = 0.1, patience = 10, cooldown = 0, minLearningRate = 0, minDelta = 1e-4 } = options;
  const monitor = createMonitor("reduceOnPlateau", { ...options, minDelta }, figures);
  if (!(factor > 0 && factor < 1)) {
    throw new InvalidArgumentError(
      `\`reduceOnPlateau.factor\` is ${describeValue(factor)}: expected a number above 0 and below 1, such as 0.1.`,
    );
  }
  checkEpochs("reduceOnPlateau.patience", patience);
  checkEpochs("reduceOnPlateau.cooldown", cooldown);
  checkNotNegative("reduceOnPlateau.minLearningRate", minLearningRate);
  return {
    start: (learningRate) => ({ wait: 0, cooldown: 0, learningRate }),
    judge(before, log) {
      const value = log[monitor.figure];
      if (value === undefined) return before;
      const state = before.cooldown > 0 ? { ...before, cooldown: before.cooldown - 1, wait: 0 } : before;
      if (monitor.isBetter(value, state.best)) return { ...state, best: value, wait: 0 };
      if (state.cooldown > 0) return state;
      const wait = state.wait + 1;
      if (wait < patience || state.learningRate <= minLearningRate) return { ...state, wait };
      const learningRate = Math.max(state.learningRate * factor, minLearningRate);
      return { ...state, learningRate, cooldown, wait: 0 };
    },
  };
}
