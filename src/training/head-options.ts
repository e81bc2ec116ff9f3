import type { GradientClipping, TrainableBackend } from "../backends/trainable-backend.js";
import type { HDF5Engine, WritableHDF5Engine } from "../hdf5/engine.js";
import type { HeadShape } from "./head-network.js";
import type { OptimizerOptions } from "./optimizer-options.js";
import type { Task } from "./target.js";

/** How a head learns. */
export interface LearningOptions {
  /** @default "adam", with Keras's settings */
  readonly optimizer?: OptimizerOptions | undefined;
  /** Step size, where `optimizer` names none. @default Keras's for the optimizer: 0.001, of "sgd" 0.01 */
  readonly learningRate?: number | undefined;
  /** Strength of the L1 penalty l1 * sum(|kernel|) on every kernel. @default 0 */
  readonly l1?: number | undefined;
  /** Strength of the L2 penalty l2 * sum(kernel^2) on every kernel. @default 0 */
  readonly l2?: number | undefined;
  /** Keeps gradients small before the optimizer has them. @default as they are */
  readonly clipping?: GradientClipping | undefined;
  /**
   * Part of every target that is spread evenly over the classes (0.5 for each of several labels), as in Keras's losses. Not
   * for a regression. @default 0
   */
  readonly labelSmoothing?: number | undefined;
  /** What trains and predicts. @default autoTrainable(): the best that starts and can train the network */
  readonly backend?: TrainableBackend | undefined;
}

/** Text and numbers that stay with a head and its file, such as where its features come from. */
export type HeadMetadata = Readonly<Record<string, string | number>>;

/** Options of `TransferHead.create`. */
export interface TransferHeadOptions<T extends Task = "classification"> extends HeadShape<T>, LearningOptions {
  /** Kept in the saved file; `extractor.attributes` belongs here. */
  readonly metadata?: HeadMetadata | undefined;
}

/** Options of `TransferHead.fromNetwork`. */
export interface NetworkHeadOptions<T extends Task = "classification"> extends LearningOptions {
  /** What it learns. Its last layer has to end in a softmax, a sigmoid or (for a regression) neither. @default "classification" */
  readonly task?: T | undefined;
  /** Names of the classes or labels, one for each output; of a regression those of its outputs. */
  readonly classLabels: readonly string[];
  /** Seeds dropout. @default 0 */
  readonly seed?: number | undefined;
  /** Kept in the saved file; `extractor.attributes` belongs here. */
  readonly metadata?: HeadMetadata | undefined;
}

/** Options of `TransferHead.load`. */
export interface LoadHeadOptions<T extends Task = "classification"> extends LearningOptions {
  /** What the head in the file has learned. @default "classification" */
  readonly task?: T | undefined;
  /** Names of the classes. Needed for files without them: those that Keras itself has saved. */
  readonly classLabels?: readonly string[] | undefined;
  /** Reads the file. @default the library's own reader, and h5wasm for what that does not know */
  readonly engine?: HDF5Engine | undefined;
  /** Seeds dropout. @default 0 */
  readonly seed?: number | undefined;
}

/** Options of `TransferHead.save`. */
export interface SaveHeadOptions {
  /** Whether a file at the path is replaced, as Keras does. @default true */
  readonly overwrite?: boolean | undefined;
  /** Writes the file. @default h5wasm() */
  readonly engine?: WritableHDF5Engine | undefined;
}
