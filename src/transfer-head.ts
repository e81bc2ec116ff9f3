import { autoTrainable } from "./backends/auto.js";
import type { AbortOptions } from "./backends/backend.js";
import { checkTrainableBackend } from "./backends/check-backend.js";
import { describeBackend, type RunningBackend } from "./backends/running-backend.js";
import type { TrainableBackend, TrainableNetwork } from "./backends/trainable-backend.js";
import { ClosedError, InvalidArgumentError, UnsupportedError } from "./errors.js";
import { writeFileAtomically } from "./files/atomic-file.node.js";
import { autoEngine } from "./hdf5/auto-engine.js";
import type { HDF5Source, WritableHDF5Engine } from "./hdf5/engine.js";
import { defaultWritableEngine } from "./hdf5/writable-engine.js";
import { encodeKerasModel } from "./keras/write-model.js";
import type { NdArray, Shape } from "./ndarray.js";
import type { Network } from "./network/network.js";
import { type Evaluation, evaluatePredictor, networkPredictor } from "./training/evaluate.js";
import { type FitOptions, fitNetwork } from "./training/fit.js";
import { checkFeatures, sliceRows } from "./training/float32-rows.js";
import type { HeadMetadata, LoadHeadOptions, TransferHeadOptions } from "./training/head-options.js";
import { type HeadParts, newHead, readHead } from "./training/head-parts.js";
import type { EpochLog } from "./training/history.js";
import { kernelPenalty } from "./training/metrics.js";
import { type ClassProbability, checkTop, mostProbable } from "./training/most-probable.js";
import { checkData, type TrainingData } from "./training/training-data.js";

/** Options of {@link TransferHead.save}. */
export interface SaveHeadOptions {
  /** Whether a file at the path is replaced, as Keras does. @default true */
  readonly overwrite?: boolean | undefined;
  /** Writes the file. @default h5wasm() */
  readonly engine?: WritableHDF5Engine | undefined;
}

/** Rows that go through the network at once in `predict`. */
const predictionRows = 256;

/**
 * A small network that learns to tell classes apart by their features: the second half of transfer learning. It trains
 * with Adam on batches that are streamed, and is saved as a Keras model.
 *
 * Same seed, data, backend and machine: same weights.
 *
 * @example
 * await using head = await TransferHead.create({ inputShape: [512], classLabels: ["cats", "dogs"], hidden: [256], dropout: 0.5 });
 * await head.fit(train, { epochs: 20, validation });
 * console.log((await head.evaluate(validation)).toString());
 * await head.save("my_model.h5"); // keras.models.load_model("my_model.h5")
 */
export class TransferHead implements AsyncDisposable {
  readonly #backend: TrainableBackend;
  readonly #parts: HeadParts;
  readonly #history: EpochLog[] = [];
  #loaded: TrainableNetwork | undefined;
  #fitting = false;
  #closed = false;

  /** Shape of one row of features. */
  readonly inputShape: Shape;
  /** Names of the classes, in the order of the probabilities. */
  readonly classLabels: readonly string[];
  /** What was given to `create`, or stood in the file. */
  readonly metadata: HeadMetadata;

  private constructor(parts: HeadParts, backend: TrainableBackend, loaded: TrainableNetwork) {
    this.#parts = parts;
    this.#backend = backend;
    this.#loaded = loaded;
    this.inputShape = parts.inputShape;
    this.classLabels = parts.classLabels;
    this.metadata = parts.metadata;
  }

  /**
   * Makes a new head with random weights (Glorot uniform, seeded, the same as from
   * `numpy.random.RandomState(seed).uniform`).
   *
   * @throws InvalidArgumentError for fewer than two classes, or a setting out of range
   * @throws BackendUnavailableError if the backend does not start
   */
  static async create(options: TransferHeadOptions): Promise<TransferHead> {
    return TransferHead.#start(newHead(options), options.backend);
  }

  /**
   * Reads a head from a Keras `.h5` file: one that was saved here, or by Keras 2 or 3, as a Sequential or Functional
   * model that ends in a softmax over the classes. Predictions are equal.
   *
   * `fit` trains with Adam in any case. Learning rate and L2 penalty are the file's (the rate only if it was compiled with
   * Adam) where no option gives them; the moments of Adam start anew.
   *
   * @throws FileAccessError if the file cannot be read
   * @throws InvalidDatasetError if it is not an HDF5 file
   * @throws InvalidModelError if it is not a full Keras model
   * @throws UnsupportedError if it has a layer that cannot be run, or does not end in a softmax over classes
   * @throws InvalidWeightsError if its weights do not fit its layers
   * @throws InvalidArgumentError if it has no class labels and `classLabels` is not given, or their number is wrong
   *
   * @example
   * await using head = await TransferHead.load("my_model.h5");
   * const [row] = await head.classify(features);
   */
  static async load(source: HDF5Source, options: LoadHeadOptions = {}): Promise<TransferHead> {
    const file = await (options.engine ?? autoEngine()).open(source);
    try {
      const name = typeof source === "string" ? source : "the model's bytes";
      return await TransferHead.#start(await readHead(file, name, options), options.backend);
    } finally {
      await file.close();
    }
  }

  static async #start(parts: HeadParts, backend: TrainableBackend = autoTrainable()): Promise<TransferHead> {
    checkTrainableBackend(backend);
    await backend.init();
    return new TransferHead(parts, backend, await backend.loadForTraining(parts.network, parts.training));
  }

  /** The backend that trains and predicts, and by default why better ones do not. */
  get backend(): RunningBackend {
    return describeBackend(this.#backend);
  }

  /** Figures of every epoch so far, over all calls of `fit`; plain data, ready for JSON. */
  get history(): readonly EpochLog[] {
    return [...this.#history];
  }

  /**
   * Trains for some epochs. Called again, it goes on where it stopped: weights, optimizer and the count of epochs stay.
   * After an abort the head has the weights of the last batch and can be used.
   *
   * @returns the figures of this call's epochs
   * @throws InvalidArgumentError if data is empty, has other classes, a class out of range, or features that are NaN or infinite
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   * @throws TrainingDivergedError if the loss or a weight is not finite; the weights are then those from before the epoch
   * @throws ClosedError after `close`
   */
  async fit(train: TrainingData, options: FitOptions = {}): Promise<readonly EpochLog[]> {
    const network = this.#open("fit");
    if (this.#parts.untrainable !== undefined) throw new UnsupportedError(this.#parts.untrainable);
    if (this.#fitting) {
      throw new InvalidArgumentError("`fit` was called while another `fit` of this head runs. Wait for the first one.");
    }
    this.#fitting = true;
    const logs: EpochLog[] = [];
    try {
      await fitNetwork(network, train, options, {
        target: this,
        l2: this.#parts.training.l2,
        epochsDone: this.#history.length,
        onEpoch: (log) => {
          logs.push(log);
          this.#history.push(log);
        },
        restart: (weights) => this.#restart({ ...this.#parts.network, weights }),
      });
    } finally {
      this.#fitting = false;
    }
    return logs;
  }

  /**
   * Predicts every row once and compares with its class. `toString()` of the result is scikit-learn's
   * `classification_report`; its loss is that of Keras's `evaluate`, penalties included. The probabilities of all rows are
   * kept, in `predictions`.
   *
   * @throws InvalidArgumentError if data is empty, has other classes, a class out of range, or features that are NaN or infinite
   * @throws ShapeMismatchError if rows have another shape than `inputShape`, or are fewer or more than `length`
   * @throws ClosedError after `close`
   */
  async evaluate(data: TrainingData, options: AbortOptions = {}): Promise<Evaluation> {
    const network = this.#open("evaluate");
    checkData("data", data, this);
    const { l2 } = this.#parts.training;
    const penalty = l2 === 0 ? 0 : kernelPenalty(await network.readWeights(), l2);
    return evaluatePredictor(networkPredictor(network, "data", this), "data", data, this, penalty, options.signal);
  }

  /**
   * Probabilities of the classes, `[rows, classes]`, for features `[rows, ...inputShape]`.
   *
   * @throws InvalidArgumentError if a feature is NaN or infinite
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   * @throws ClosedError after `close`
   */
  async predict(xs: NdArray, options: AbortOptions = {}): Promise<NdArray<"float32">> {
    const network = this.#open("predict");
    const features = checkFeatures("predict", xs, this.inputShape);
    const [rows = 0] = features.shape;
    const classes = this.classLabels.length;
    const data = new Float32Array(rows * classes);
    for (let start = 0; start < rows; start += predictionRows) {
      options.signal?.throwIfAborted();
      const batch = sliceRows(features, start, Math.min(rows, start + predictionRows));
      const [probabilities] = await network.run([batch], options);
      if (probabilities !== undefined) data.set(probabilities.data, start * classes);
    }
    return { dtype: "float32", shape: [rows, classes], data };
  }

  /**
   * For each row of features `[rows, ...inputShape]` the most probable classes, the best first.
   *
   * @throws InvalidArgumentError if `top` is not a positive integer, or a feature is NaN or infinite
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   * @throws ClosedError after `close`
   */
  async classify(
    xs: NdArray,
    options: AbortOptions & {
      /** How many classes, at most. @default 5 */
      readonly top?: number | undefined;
    } = {},
  ): Promise<readonly (readonly ClassProbability[])[]> {
    const top = checkTop(options.top);
    return mostProbable(await this.predict(xs, options), this.classLabels, top);
  }

  /** The head as plain data, with its weights of now. @throws ClosedError after `close` */
  async network(): Promise<Network> {
    return { ...this.#parts.network, weights: await this.#open("network").readWeights() };
  }

  /**
   * The head as the bytes of a Keras `.h5` file; see {@link save}.
   *
   * @throws ClosedError after `close`
   */
  async encode(options: Pick<SaveHeadOptions, "engine"> = {}): Promise<Uint8Array> {
    const { optimizer, l2 } = this.#parts.training;
    return encodeKerasModel(await this.network(), {
      engine: options.engine ?? defaultWritableEngine(),
      compile: { loss: "categorical_crossentropy", optimizer },
      l2,
      classLabels: this.classLabels,
      metadata: this.metadata,
    });
  }

  /**
   * Saves the head as a Keras model in the legacy `.h5` format: `keras.models.load_model` of Keras 2 and 3 opens it
   * compiled, with equal predictions, and `fit` goes on there (Adam starts anew). Class labels and metadata are in the
   * file too, where Keras does not look: dataset `label_names`, root attribute `metadata`.
   *
   * The file is replaced in one step: after a crash or on a full disk the old one is still there.
   *
   * @throws FileAccessError if the file cannot be written, or exists and `overwrite` is false
   * @throws ClosedError after `close`
   */
  async save(path: string, options: SaveHeadOptions = {}): Promise<void> {
    const bytes = await this.encode(options);
    await writeFileAtomically(path, bytes, { overwrite: options.overwrite ?? true });
  }

  /** Frees the backend's memory. Safe to call twice; a `fit` that still runs rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    const loaded = this.#loaded;
    this.#loaded = undefined;
    await loaded?.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(method: string): TrainableNetwork {
    if (this.#loaded === undefined) {
      throw new ClosedError(`TransferHead is closed: \`${method}\` was called after \`close\`.`);
    }
    return this.#loaded;
  }

  /** Begins again from given weights, with an optimizer that has seen nothing. */
  async #restart(network: Network): Promise<void> {
    // First out, then in: a backend may not have room for both.
    await this.#open("fit").dispose();
    this.#open("fit");
    const loaded = await this.#backend.loadForTraining(network, this.#parts.training);
    // Closed meanwhile: nobody else would free what was just loaded.
    if (this.#closed) await loaded.dispose();
    else this.#loaded = loaded;
    this.#open("fit");
  }
}
