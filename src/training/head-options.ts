import type { TrainableBackend } from "../backends/trainable-backend.js";
import type { HDF5Engine } from "../hdf5/engine.js";
import type { HeadShape } from "./head-network.js";

/** How a head learns. */
export interface LearningOptions {
  /** Step size of Adam. @default 0.001 */
  readonly learningRate?: number | undefined;
  /** Strength of the L2 penalty l2 * sum(kernel^2) on every kernel. @default 0 */
  readonly l2?: number | undefined;
  /** What trains and predicts. @default the best that starts: tfjs-node-gpu, tfjs-node, tfjs-wasm */
  readonly backend?: TrainableBackend | undefined;
}

/** Text and numbers that stay with a head and its file, such as where its features come from. */
export type HeadMetadata = Readonly<Record<string, string | number>>;

/** Options of `TransferHead.create`. */
export interface TransferHeadOptions extends HeadShape, LearningOptions {
  /** Kept in the saved file; `extractor.attributes` belongs here. */
  readonly metadata?: HeadMetadata | undefined;
}

/** Options of `TransferHead.load`. */
export interface LoadHeadOptions extends LearningOptions {
  /** Names of the classes. Needed for files without them: those that Keras itself has saved. */
  readonly classLabels?: readonly string[] | undefined;
  /** Reads the file. @default the library's own reader, and h5wasm for what that does not know */
  readonly engine?: HDF5Engine | undefined;
  /** Seeds dropout. @default 0 */
  readonly seed?: number | undefined;
}
