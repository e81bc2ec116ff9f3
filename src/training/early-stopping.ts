import { checkBoolean } from "../options/check-option.js";
import type { EpochFigure, EpochLog } from "./history.js";
import { checkEpochs, createMonitor, type MonitorOptions } from "./monitor.js";

/** When training ends before its last epoch: Keras's `EarlyStopping`. */
export interface EarlyStoppingOptions extends MonitorOptions {
  /** Epochs without anything better that are borne. @default 0 */
  readonly patience?: number | undefined;
  /** A value that has to be beaten before an epoch counts as better for `patience`. @default none */
  readonly baseline?: number | undefined;
  /** Ends with the weights of the best epoch, also where all epochs were trained. @default false */
  readonly restoreBest?: boolean | undefined;
  /** Epochs of this call of `fit` that are not judged. @default 0 */
  readonly startFromEpoch?: number | undefined;
}

/** What early stopping remembers from epoch to epoch; plain data. */
export interface EarlyStoppingState {
  readonly best?: number | undefined;
  /** Epoch of the best value, as in the history. */
  readonly bestEpoch?: number | undefined;
  readonly wait: number;
}

/** Early stopping, ready to judge epochs. */
export interface EarlyStopping {
  readonly restoreBest: boolean;
  readonly start: EarlyStoppingState;
  /**
   * Judges an epoch.
   *
   * @param index the epoch's number in this call of `fit`, from 0
   */
  judge(
    state: EarlyStoppingState,
    log: EpochLog,
    index: number,
  ): {
    readonly state: EarlyStoppingState;
    /** Whether these are the weights to be restored, so far. */
    readonly isBest: boolean;
    readonly stop: boolean;
  };
}

/** @throws InvalidArgumentError for a setting out of range, or a figure that epochs do not have */
export function createEarlyStopping(options: EarlyStoppingOptions, figures: readonly EpochFigure[]): EarlyStopping {
  const { patience = 0, baseline, restoreBest = false, startFromEpoch = 0 } = options;
  const monitor = createMonitor("earlyStopping", options, figures);
  checkEpochs("earlyStopping.patience", patience);
  checkEpochs("earlyStopping.startFromEpoch", startFromEpoch);
  checkBoolean("earlyStopping.restoreBest", restoreBest);
  return {
    restoreBest,
    start: { wait: 0 },
    judge(state, log, index) {
      const value = log[monitor.figure];
      if (value === undefined || index < startFromEpoch) return { state, isBest: false, stop: false };
      const wait = state.wait + 1;
      if (monitor.isBetter(value, state.best)) {
        const beaten = baseline === undefined || monitor.isBetter(value, baseline);
        return { state: { best: value, bestEpoch: log.epoch, wait: beaten ? 0 : wait }, isBest: true, stop: false };
      }
      return { state: { ...state, wait }, isBest: false, stop: wait >= patience && index > 0 };
    },
  };
}
