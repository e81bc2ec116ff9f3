import { autoTrainable } from "./backends/auto.js";
import type { AbortOptions } from "./backends/backend.js";
import { checkTrainableBackend } from "./backends/check-backend.js";
import { describeBackend, type RunningBackend } from "./backends/running-backend.js";
import type { TrainableBackend, TrainableNetwork } from "./backends/trainable-backend.js";
import { ClosedError } from "./errors.js";
import { writeFileAtomically } from "./files/atomic-file.node.js";
import { autoEngine } from "./hdf5/auto-engine.js";
import type { HDF5Source } from "./hdf5/engine.js";
import type { NdArray, Shape } from "./ndarray.js";
import { checkNetwork } from "./network/check-network.js";
import type { Network } from "./network/network.js";
import { checkOptions } from "./options/check-options.js";
import { refuseNew } from "./options/refuse-new.js";
import { type ClassifyOptions, type ClassProbability, classifyRows } from "./training/classify-rows.js";
import { encodeHead } from "./training/encode-head.js";
import { type EvaluateOptions, evaluateHead, type TaskEvaluations } from "./training/evaluate-head.js";
import { type FitOptions, fitNetwork } from "./training/fit.js";
import { checkFeatures } from "./training/float32-rows.js";
import type {
  HeadMetadata,
  LoadHeadOptions,
  NetworkHeadOptions,
  SaveHeadOptions,
  TransferHeadOptions,
} from "./training/head-options.js";
import { type HeadParts, headOfNetwork, newHead, readHead } from "./training/head-parts.js";
import type { EpochLog } from "./training/history.js";
import {
  findLearningRate,
  type LearningRateFinderOptions,
  type LearningRateTable,
} from "./training/learning-rate-finder.js";
import { checkFitOptions, headOptionNames } from "./training/option-names.js";
import { predictRows } from "./training/predict-rows.js";
import type { Task } from "./training/target.js";
import type { TrainingData } from "./training/training-data.js";
import { TrainingTurn } from "./training/training-turn.js";
import { hasPenalty, weightPenalty } from "./training/weight-penalty.js";

/**
 * A small network that learns from features, on batches that are streamed: the second half of transfer learning. It tells
 * classes apart, or finds any number of labels, or meets numbers; and is saved as a Keras model.
 *
 * Same seed, data, backend and machine: same weights.
 *
 * @example
 * await using head = await TransferHead.create({ inputShape: [512], classLabels: ["cats", "dogs"], hidden: [256], dropout: 0.5 });
 * await head.fit(train, { epochs: 20, validation });
 * console.log((await head.evaluate(validation)).toString());
 * await head.save("my_model.h5"); // keras.models.load_model("my_model.h5")
 */
export class TransferHead<T extends Task = "classification"> implements AsyncDisposable {
  readonly #backend: TrainableBackend;
  readonly #parts: HeadParts;
  #history: readonly EpochLog[] = [];
  #loaded: TrainableNetwork | undefined;
  readonly #turn = new TrainingTurn();

  /** What it learns. */
  readonly task: T;
  /** Shape of one row of features. */
  readonly inputShape: Shape;
  /** Names of the classes, labels or numbers, in the order of the outputs. */
  readonly classLabels: readonly string[];
  /** What was given to `create`, or stood in the file. */
  readonly metadata: HeadMetadata;

  private constructor(parts: HeadParts, backend: TrainableBackend, loaded: TrainableNetwork) {
    if (loaded === undefined)
      refuseNew("TransferHead", "await TransferHead.create({ inputShape: ..., classLabels: ... })");
    this.#parts = parts;
    this.#backend = backend;
    this.#loaded = loaded;
    this.task = parts.task as T;
    this.inputShape = parts.inputShape;
    this.classLabels = parts.classLabels;
    this.metadata = parts.metadata;
  }

  /**
   * Makes a new head with random weights (Glorot uniform, seeded, the same as from
   * `numpy.random.RandomState(seed).uniform`).
   *
   * @throws InvalidArgumentError for too few class labels, or a setting out of range
   * @throws BackendUnavailableError if the backend does not start
   */
  static async create<T extends Task = "classification">(options: TransferHeadOptions<T>): Promise<TransferHead<T>> {
    checkOptions("TransferHead.create", options, headOptionNames.create);
    return TransferHead.#start<T>(newHead(options), options.backend);
  }

  /**
   * Makes a head of a network of your own, with its weights: one input of known shape, and an output that ends in a softmax
   * over the classes, in sigmoids, or for a regression in neither. `fromLayersModel` makes such a network of a tfjs model.
   *
   * @throws InvalidNetworkError if its graph or weights are not valid
   * @throws UnsupportedError if it is not of that form, or the backend cannot train a layer of it
   * @throws InvalidArgumentError for class labels of another number, or a setting out of range
   * @throws BackendUnavailableError if the backend does not start
   *
   * @example
   * const network = await fromLayersModel(tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [512], activation: "softmax" })] }));
   * await using head = await TransferHead.fromNetwork(network, { classLabels: ["cats", "dogs"] });
   */
  static async fromNetwork<T extends Task = "classification">(
    network: Network,
    options: NetworkHeadOptions<T>,
  ): Promise<TransferHead<T>> {
    checkNetwork("network", network);
    checkOptions("TransferHead.fromNetwork", options, headOptionNames.fromNetwork);
    return TransferHead.#start<T>(headOfNetwork(network, options), options.backend);
  }

  /**
   * Reads a head from a Keras `.h5` file: one that was saved here, or by Keras 2 or 3, as a Sequential or Functional model
   * whose output fits the `task`: a softmax over the classes, if nothing else is said. Predictions are equal.
   *
   * Optimizer, clipping, penalties and label smoothing are the file's where no option gives them; the optimizer's running values start anew.
   *
   * @throws FileAccessError if the file cannot be read
   * @throws InvalidDatasetError if it is not an HDF5 file
   * @throws InvalidModelError if it is not a full Keras model
   * @throws UnsupportedError if it has a layer that cannot be run, or its output does not fit the task
   * @throws InvalidWeightsError if its weights do not fit its layers
   * @throws InvalidArgumentError if it has no class labels and `classLabels` is not given, or their number is wrong
   *
   * @example
   * await using head = await TransferHead.load("my_model.h5");
   * const [row] = await head.classify(features);
   */
  static async load<T extends Task = "classification">(
    source: HDF5Source,
    options: LoadHeadOptions<T> = {},
  ): Promise<TransferHead<T>> {
    checkOptions("TransferHead.load", options, headOptionNames.load);
    const file = await (options.engine ?? autoEngine()).open(source);
    try {
      const name = typeof source === "string" ? source : "the model's bytes";
      return await TransferHead.#start<T>(await readHead(file, name, options), options.backend);
    } finally {
      await file.close();
    }
  }

  static async #start<T extends Task>(
    parts: HeadParts,
    backend: TrainableBackend = autoTrainable(),
  ): Promise<TransferHead<T>> {
    checkTrainableBackend(backend);
    await backend.init();
    return new TransferHead<T>(parts, backend, await backend.loadForTraining(parts.network, parts.training));
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
   * @returns the figures of this call's epochs; of a call that was resumed, those before the stop too
   * @throws InvalidArgumentError if an option is out of range, or data is empty, has other classes, a label out of range, or
   * features that are NaN or infinite
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   * @throws TrainingDivergedError if the loss or a weight is not finite; the head is then as it was before the epoch
   * @throws InvalidCheckpointError if the checkpoint to go on from is damaged, or of another training
   * @throws FileAccessError if a checkpoint, history or model cannot be read or written
   * @throws ClosedError after `close`
   */
  async fit(train: TrainingData, options: FitOptions = {}): Promise<readonly EpochLog[]> {
    checkFitOptions("fit", options, headOptionNames.fit);
    const network = this.#open("fit");
    const parts = this.#parts;
    return this.#turn.take("fit", parts.untrainable, () =>
      fitNetwork(network, train, options, {
        target: this,
        topology: parts.network,
        training: parts.training,
        history: this.#history,
        onHistory: (history) => {
          this.#history = history;
        },
        encodeModel: (weights) => encodeHead(parts, weights),
      }),
    );
  }

  /**
   * Finds the learning rate to train with: takes steps with ever greater rates, and puts everything back.
   *
   * @throws InvalidArgumentError if an option is out of range, and as `fit` does for the data
   * @throws ClosedError after `close`
   *
   * @example
   * const { suggestion } = await head.findLearningRate(train);
   */
  async findLearningRate(train: TrainingData, options: LearningRateFinderOptions = {}): Promise<LearningRateTable> {
    checkOptions("findLearningRate", options, headOptionNames.findLearningRate);
    const network = this.#open("findLearningRate");
    return this.#turn.take("findLearningRate", this.#parts.untrainable, async () => {
      const before = await network.readState();
      try {
        return await findLearningRate(network, train, this, options);
      } finally {
        await network.setState(before);
      }
    });
  }

  /**
   * Predicts every row once, in the order of pass 0, and compares with its labels. `toString()` of the result is
   * scikit-learn's `classification_report`, for a regression a table; its loss is that of Keras's `evaluate`, penalties
   * included. What was said of all rows is kept, in `predictions`.
   *
   * @throws InvalidArgumentError if data is empty, has other classes, a label out of range, or features that are NaN or infinite
   * @throws ShapeMismatchError if rows have another shape than `inputShape`, or are fewer or more than `length`
   * @throws ClosedError after `close`
   */
  async evaluate(data: TrainingData, options: EvaluateOptions = {}): Promise<TaskEvaluations[T]> {
    checkOptions("evaluate", options, headOptionNames.evaluate);
    const network = this.#open("evaluate");
    const { training } = this.#parts;
    const penalty = hasPenalty(training) ? weightPenalty(await network.readWeights(), training) : 0;
    const { labelSmoothing } = training;
    return evaluateHead<T>(network, data, this, { penalty, labelSmoothing, signal: options.signal }, options);
  }

  /**
   * Output for features `[rows, ...inputShape]`: probabilities of the classes or labels, or numbers, `[rows, outputs]`.
   *
   * @throws InvalidArgumentError if a feature is NaN or infinite
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   * @throws ClosedError after `close`
   */
  async predict(xs: NdArray, options: AbortOptions = {}): Promise<NdArray<"float32">> {
    checkOptions("predict", options, headOptionNames.predict);
    const network = this.#open("predict");
    return predictRows(network, checkFeatures("predict", xs, this.inputShape), this.classLabels.length, options);
  }

  /**
   * For each row of features `[rows, ...inputShape]` the most probable classes or labels, the best first.
   *
   * @throws UnsupportedError for a regression, which has no classes
   * @throws InvalidArgumentError if `top` is not a positive integer, or a feature is NaN or infinite
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   * @throws ClosedError after `close`
   */
  async classify(xs: NdArray, options: ClassifyOptions = {}): Promise<readonly (readonly ClassProbability[])[]> {
    checkOptions("classify", options, headOptionNames.classify);
    return classifyRows(this, options, () => this.predict(xs, { signal: options.signal }));
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
    checkOptions("encode", options, headOptionNames.encode);
    return encodeHead(this.#parts, await this.#open("encode").readWeights(), options.engine);
  }

  /**
   * Saves the head as a Keras model in the legacy `.h5` format: `keras.models.load_model` of Keras 2 and 3 opens it
   * compiled, with equal predictions, and `fit` goes on there with the same loss, smoothed labels included (the optimizer's running values
   * start anew; compiled with AdamW, it opens in Keras 3 only). Class labels and metadata are in the file too, where Keras does
   * not look: dataset `label_names`, root attribute `metadata`.
   *
   * The file is replaced in one step: after a crash or on a full disk the old one is still there.
   *
   * @throws FileAccessError if the file cannot be written, or exists and `overwrite` is false
   * @throws ClosedError after `close`
   */
  async save(path: string, options: SaveHeadOptions = {}): Promise<void> {
    checkOptions("save", options, headOptionNames.save);
    const bytes = await this.encode({ engine: options.engine });
    await writeFileAtomically(path, bytes, { overwrite: options.overwrite ?? true });
  }

  /** Frees the backend's memory. Safe to call twice; a `fit` that still runs rejects. */
  async close(): Promise<void> {
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
}
