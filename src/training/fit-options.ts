import type { AbortOptions } from "../backends/backend.js";
import type { TrainingOptions, TrainingState } from "../backends/trainable-backend.js";
import type { NetworkWeights, Topology } from "../network/network.js";
import type { CheckpointOptions } from "./checkpoint-file.js";
import type { EarlyStoppingOptions } from "./early-stopping.js";
import type { EpochLog, TrainingProgress } from "./history.js";
import type { HistoryFileOptions } from "./history-file.js";
import type { MonitorOptions } from "./monitor.js";
import type { PlateauOptions } from "./reduce-on-plateau.js";
import type { RowWeightOptions } from "./row-weights.js";
import type { LearningRateSchedule } from "./schedules.js";
import type { Target } from "./target.js";
import type { TrainingData } from "./training-data.js";

/** What a callback can do with the training that it is called from. */
export interface RunningTraining {
  /** Ends training after the epoch that is under way. To stop at once, abort the `signal`. */
  stop(): void;
  /** The weights of now, copied out. */
  readWeights(): Promise<NetworkWeights>;
}

/** Functions that are called on the way; training waits for each. What they throw ends the training. */
export interface TrainingCallback {
  /** Before the first batch of an epoch, with its number as in the history. */
  readonly onEpochBegin?: ((epoch: number, training: RunningTraining) => unknown) | undefined;
  /** After every batch. */
  readonly onBatchEnd?: ((progress: TrainingProgress, training: RunningTraining) => unknown) | undefined;
  /** After an epoch and its validation, before its checkpoint. */
  readonly onEpochEnd?: ((log: EpochLog, training: RunningTraining) => unknown) | undefined;
}

/** Where the best model so far is kept. */
export interface SaveBestOptions extends MonitorOptions {
  /** A Keras `.h5` file, replaced in one step after every epoch that is better than all before. */
  readonly path: string;
}

/** How to train. */
export interface FitOptions extends AbortOptions, RowWeightOptions {
  /** Epochs of this call. @default 10 */
  readonly epochs?: number | undefined;
  /**
   * Batches of an epoch. The next epoch goes on with the batch after them, also into the next pass. @default those of one
   * pass over the data
   */
  readonly stepsPerEpoch?: number | undefined;
  /** Rows that are not trained on; loss and accuracy on them are measured after every epoch, each row alike. */
  readonly validation?: TrainingData | undefined;
  /**
   * Name of the column that is learned instead of the labels: the numbers that a regression is to meet, or ones and zeros for
   * several labels. Open the file with it among `columns`; pictures get theirs by `withColumns`.
   */
  readonly targetColumn?: string | undefined;
  /** The learning rate of each step. @default that of the optimizer, for all steps */
  readonly schedule?: LearningRateSchedule | undefined;
  /** Lowers the learning rate where nothing gets better. Not together with `schedule`. */
  readonly reduceOnPlateau?: PlateauOptions | undefined;
  /** Ends training where nothing gets better. */
  readonly earlyStopping?: EarlyStoppingOptions | undefined;
  /** Keeps the state of training in a file, from which one that was killed goes on. */
  readonly checkpoint?: CheckpointOptions | undefined;
  /** Keeps the best model so far in a file. */
  readonly saveBest?: SaveBestOptions | undefined;
  /** Keeps the figures of all epochs in a file. */
  readonly history?: HistoryFileOptions | undefined;
  /** Called on the way, in this order. */
  readonly callbacks?: readonly TrainingCallback[] | undefined;
  /** Called after every batch, and once more after an epoch's validation. */
  readonly onProgress?: ((progress: TrainingProgress) => void) | undefined;
}

/** What the loop must know beside the user's options. */
export interface FitContext {
  readonly target: Target;
  /** The layers of the network. */
  readonly topology: Topology;
  /** How the network was loaded. */
  readonly training: TrainingOptions;
  /** The state that the network is in, where it is known: it is not copied once more. */
  readonly start?: TrainingState | undefined;
  /** Epochs that the network has behind it. */
  readonly history: readonly EpochLog[];
  /**
   * Takes the history with every epoch as soon as it is there, and that of a training that is resumed; what was measured
   * stays known if a later epoch fails.
   */
  readonly onHistory: (history: readonly EpochLog[]) => void;
  /** The network with these weights as the bytes of a Keras file, for `saveBest`. */
  readonly encodeModel?: ((weights: NetworkWeights) => Promise<Uint8Array>) | undefined;
}
