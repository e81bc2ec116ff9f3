import type { NdArray } from "../ndarray.js";
import type { Network } from "../network/network.js";

/** Options of anything that takes long enough to be stopped. */
export interface AbortOptions {
  /** Stops the work between two of its steps; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How a backend is to load a network. */
export interface LoadOptions extends AbortOptions {
  /** Layers whose values every run returns, in this order. Default: the network's own outputs. */
  readonly outputs?: readonly string[] | undefined;
}

/**
 * A runtime that can run a {@link Network}. Batching, preprocessing, pooling and life cycle are not its job: it loads a
 * network and runs one batch at a time.
 */
export interface Backend {
  readonly specVersion: 1;
  /** Short name, such as `onnx` or `tfjs-wasm`. It stands in progress events, reports and files. */
  readonly name: string;
  /** What runs, for people: library, version, device, threads. Known once `init` has resolved. */
  readonly description: string;
  /**
   * Loads the library and starts the runtime. May be called many times; a failed start can be tried again.
   *
   * @throws BackendUnavailableError if the library is missing or does not start
   */
  init(): Promise<void>;
  /**
   * Prepares a network for running.
   *
   * @throws UnsupportedError if the backend lacks a layer of it
   * @throws InvalidNetworkError if its graph or weights do not fit together
   */
  load(network: Network, options?: LoadOptions): Promise<LoadedNetwork>;
}

/** A network held by a backend. */
export interface LoadedNetwork {
  /** Shape of one row of each input, without the batch axis; `null` is an axis of any size. */
  readonly inputShapes: readonly (readonly (number | null)[])[];
  /** Names of the layers that `run` returns. */
  readonly outputs: readonly string[];
  /**
   * Whether `run` takes arrays in a `SharedArrayBuffer`, reads them in another thread without a copy, and so must be given
   * ones that nobody changes until it settles. Without it such arrays are copied before they are passed. @default false
   */
  readonly readsSharedMemory?: boolean | undefined;
  /**
   * Runs one batch: for each input an array `[batch, ...row]` of the input layer's dtype, any batch size >= 1.
   * Resolves to one float32 array `[batch, ...row]` for each of `outputs`.
   * Calls may overlap; they are served in order.
   *
   * @throws ShapeMismatchError if an input has another shape or dtype
   * @throws ClosedError after `dispose`
   */
  run(inputs: readonly NdArray[], options?: AbortOptions): Promise<readonly NdArray<"float32">[]>;
  /** Frees memory and threads. Safe to call twice. */
  dispose(): Promise<void>;
}
