import { autoTrainable } from "./backends/auto.js";
import type { Backend } from "./backends/backend.js";
import { checkTrainableBackend } from "./backends/check-backend.js";
import type { GradientBackend } from "./backends/gradient-backend.js";
import { describeBackend, type RunningBackend } from "./backends/running-backend.js";
import type { TrainableBackend } from "./backends/trainable-backend.js";
import { InvalidArgumentError } from "./errors.js";
import { fineTune } from "./fine-tune.js";
import { kerasNotes } from "./fine-tuning/encode-model.js";
import { findModelRate } from "./fine-tuning/find-model-rate.js";
import { evaluateModel, predictPictures } from "./fine-tuning/inference.js";
import type { LentNetwork } from "./fine-tuning/lent-network.js";
import { type ModelGradCamOptions, modelGradCam, type PicturesGradCam } from "./fine-tuning/model-grad-cam.js";
import { type ModelParts, newModel, readModel } from "./fine-tuning/model-parts.js";
import { ModelResources } from "./fine-tuning/model-resources.js";
import { modelOptionNames } from "./fine-tuning/option-names.js";
import type { OptimizerState } from "./fine-tuning/train-model.js";
import { frozenLayers, unfrozenLayers } from "./fine-tuning/trained-layers.js";
import type {
  EvaluatePicturesOptions,
  LabelledPictures,
  LoadModelOptions,
  ModelRateFinderOptions,
  PredictOptions,
  TransferFitOptions,
  TransferModelOptions,
  UnfreezeOptions,
} from "./fine-tuning/transfer-model-options.js";
import { imageList } from "./images/image-list.js";
import type { ImageInput, ImageSource } from "./images/image-source.js";
import type { KerasSource } from "./keras/keras-source.js";
import { saveKeras } from "./keras/save-keras.js";
import { type EncodeModelOptions, encodeKerasModel } from "./keras/write-model.js";
import type { NdArray } from "./ndarray.js";
import type { Network } from "./network/network.js";
import { describeValue } from "./options/check-option.js";
import { checkOptions } from "./options/check-options.js";
import { refuseNew } from "./options/refuse-new.js";
import { type ClassifyOptions, type ClassProbability, classifyRows } from "./training/classify-rows.js";
import type { TaskEvaluations } from "./training/evaluate-head.js";
import type { HeadMetadata, SaveHeadOptions } from "./training/head-options.js";
import type { EpochLog } from "./training/history.js";
import type { LearningRateTable } from "./training/learning-rate-finder.js";
import { resolveOptimizer } from "./training/optimizer-options.js";
import { checkFitOptions } from "./training/option-names.js";
import type { Task } from "./training/target.js";
import { TrainingTurn } from "./training/training-turn.js";

/**
 * A pretrained network and a head as one model of pictures, of which as much is trained as one likes: first the head alone, then the
 * last layers of the network too. It tells classes apart, finds any number of labels, or meets numbers, and is saved as one Keras
 * model.
 *
 * Layers that are frozen stay as they are to the last bit, and a frozen BatchNormalization normalises with its moving
 * statistics, as in Keras. Same seed, pictures, backends and machine: same weights.
 *
 * @example
 * await using model = await TransferModel.create({ backbone: "vgg16", classLabels: ["cats", "dogs"], hidden: [256], dropout: 0.5 });
 * await model.fit(train, { epochs: 10, validation });
 * model.unfreeze({ from: "block5_conv1" });
 * await model.fit(train, { epochs: 10, validation, learningRate: 1e-5 });
 * console.log((await model.evaluate(validation)).toString());
 * await model.save("my_model.h5"); // keras.models.load_model("my_model.h5")
 */
export class TransferModel<T extends Task = "classification"> implements AsyncDisposable {
  readonly #resources: ModelResources;
  readonly #turn = new TrainingTurn();
  #parts: ModelParts;
  #history: readonly EpochLog[] = [];
  /** Where the optimizer goes on: undefined at the beginning, and where other layers are to be trained. */
  #optimizer: OptimizerState | undefined;

  /** What it learns. */
  readonly task: T;

  private constructor(parts: ModelParts, backend: TrainableBackend) {
    if (parts?.training === undefined)
      refuseNew("TransferModel", "await TransferModel.create({ backbone: ..., classLabels: ... })");
    this.#parts = parts;
    this.#resources = new ModelResources(backend);
    this.task = parts.task as T;
  }

  /**
   * Gets the weights of the backbone, and puts a head behind it.
   *
   * @throws InvalidArgumentError for an unknown backbone, layer, pooling or size, or a setting of the head out of range
   * @throws ShapeMismatchError if a ready head takes features of another shape
   * @throws WeightsDownloadError if the weights are not in the cache and cannot be downloaded
   * @throws InvalidWeightsError if the weights file is another network's
   * @throws BackendUnavailableError if the backend does not start
   */
  static async create<T extends Task = "classification">(options: TransferModelOptions<T>): Promise<TransferModel<T>> {
    checkOptions("TransferModel.create", options, modelOptionNames.create);
    const backend = await TransferModel.#start(options.backend);
    return new TransferModel<T>(await newModel(options), backend);
  }

  /**
   * Reads a model from a Keras file, saved here or by Keras: one input of pictures, and an output that fits the `task`: a softmax
   * over classes, if nothing else is said. What was frozen stays so, and `fit` goes on with the optimizer of the file, which
   * starts anew.
   *
   * @throws FileAccessError, InvalidModelError, InvalidWeightsError or UnsupportedError as `loadKeras` does
   * @throws UnsupportedError if its output does not fit the task
   * @throws InvalidArgumentError if class labels or `preprocess` are neither in the file nor given
   */
  static async load<T extends Task = "classification">(
    source: KerasSource,
    options: LoadModelOptions<T> = {},
  ): Promise<TransferModel<T>> {
    checkOptions("TransferModel.load", options, modelOptionNames.load);
    const backend = await TransferModel.#start(options.backend);
    return new TransferModel<T>(await readModel(source, options), backend);
  }

  static async #start(backend: TrainableBackend = autoTrainable()): Promise<TrainableBackend> {
    checkTrainableBackend(backend);
    await backend.init();
    return backend;
  }

  /** The backend that trains and predicts, and by default why better ones do not. */
  get backend(): RunningBackend {
    return describeBackend(this.#resources.backend);
  }

  /** `[height, width]` that pictures are brought to. */
  get imageSize(): readonly [number, number] {
    return this.#parts.pictures.size;
  }

  /** Names of the classes, labels or numbers, in the order of the outputs. */
  get classLabels(): readonly string[] {
    return this.#parts.classLabels;
  }

  /** What was given to `create`, or stood in the file. */
  get metadata(): HeadMetadata {
    return this.#parts.metadata;
  }

  /** Names of the layers with weights that stand still. */
  get frozen(): readonly string[] {
    return frozenLayers(this.#parts.network, new Set(this.#parts.trained));
  }

  /** Figures of every epoch so far, over all calls of `fit`; plain data, ready for JSON. */
  get history(): readonly EpochLog[] {
    return [...this.#history];
  }

  /**
   * Lets more layers be trained by the next call of `fit`, whose optimizer then starts anew, as after `compile` in Keras. Layers
   * that are trained already go on.
   *
   * @throws InvalidArgumentError if there is no such layer, or `fit` is running
   * @throws ClosedError after `close`
   */
  unfreeze(options: UnfreezeOptions): void {
    checkOptions("unfreeze", options, modelOptionNames.unfreeze);
    this.#resources.checkOpen("unfreeze");
    if (this.#turn.isTaken) throw new InvalidArgumentError("`unfreeze` was called while `fit` runs.");
    const trained = unfrozenLayers(this.#parts.network, this.#parts.trained, options);
    if (trained.length === this.#parts.trained.length && options.optimizer === undefined) return;
    const optimizer = options.optimizer && resolveOptimizer(options.optimizer);
    this.#parts = { ...this.#parts, trained, training: { ...this.#parts.training, ...(optimizer && { optimizer }) } };
    this.#optimizer = undefined;
  }

  /**
   * Trains for some epochs. Called again, it goes on where it stopped: weights, optimizer and the count of epochs stay.
   * After an abort the model has the weights of the last batch and can be used. While it runs, `predict` and the like use the
   * weights from before.
   *
   * @returns the figures of this call's epochs
   * @throws InvalidArgumentError if an option is out of range, or pictures have no label or other classes
   * @throws ShapeMismatchError if rows of pixels have another shape
   * @throws ImageDecodeError or FileAccessError for a picture that cannot be opened
   * @throws TrainingDivergedError if the loss or a weight is not finite; the weights are then those from before the epoch
   * @throws ClosedError after `close`
   */
  async fit(train: LabelledPictures, options: TransferFitOptions = {}): Promise<readonly EpochLog[]> {
    checkFitOptions("fit", options, modelOptionNames.fit);
    this.#resources.checkOpen("fit");
    return this.#turn.take("fit", this.#parts.untrainable, () => this.#fit(train, options));
  }

  async #fit(train: LabelledPictures, options: TransferFitOptions): Promise<readonly EpochLog[]> {
    const resources = this.#resources;
    const model = {
      parts: this.#parts,
      backend: resources.backend,
      optimizer: this.#optimizer,
      history: this.#history,
      stop: resources.signal,
      openFolder: (path: string | undefined) => resources.openFolder(path),
      onHistory: (history: readonly EpochLog[]) => {
        this.#history = history;
      },
      onEnd: (parts: ModelParts, optimizer: OptimizerState) => {
        this.#parts = parts;
        this.#optimizer = optimizer;
      },
    };
    try {
      return await fineTune(model, train, options);
    } finally {
      // Not waited for: who predicts may take long, and goes on with the weights from before. `close` tells of a failure.
      resources.retire().catch(() => undefined);
    }
  }

  /**
   * Finds the learning rate to train with: takes steps with ever greater rates on a copy of the model. The model and its optimizer
   * stay as they are.
   *
   * @throws InvalidArgumentError if an option is out of range, and as `fit` does for the pictures
   * @throws ClosedError after `close`
   *
   * @example
   * const { suggestion } = await model.findLearningRate(train, { augment: { horizontalFlip: true } });
   * await model.fit(train, { augment: { horizontalFlip: true }, learningRate: suggestion });
   */
  async findLearningRate(train: LabelledPictures, options: ModelRateFinderOptions = {}): Promise<LearningRateTable> {
    checkOptions("findLearningRate", options, modelOptionNames.findLearningRate);
    const { backend, signal: stop } = this.#resources;
    this.#resources.checkOpen("findLearningRate");
    const signal = options.signal === undefined ? stop : AbortSignal.any([stop, options.signal]);
    const model = { parts: this.#parts, backend, optimizer: this.#optimizer, signal };
    return this.#turn.take("findLearningRate", this.#parts.untrainable, () => findModelRate(model, train, options));
  }

  /**
   * Predicts every picture once and compares with its class, labels or numbers. `toString()` of the result is scikit-learn's
   * `classification_report`, for a regression a table; `predictions.indices` are places in the source.
   *
   * @throws InvalidArgumentError if there are no pictures, or they have no label or other classes
   * @throws ShapeMismatchError if rows of pixels have another shape
   * @throws ImageDecodeError or FileAccessError for a picture that cannot be opened
   * @throws ClosedError after `close`
   */
  async evaluate(pictures: LabelledPictures, options: EvaluatePicturesOptions = {}): Promise<TaskEvaluations[T]> {
    checkOptions("evaluate", options, modelOptionNames.evaluate);
    const parts = { ...this.#parts, task: this.task };
    return this.#lend("evaluate").use((network) => evaluateModel<T>(network, parts, pictures, options));
  }

  /**
   * Output for pictures, in their order: probabilities of the classes or labels, or numbers, `[pictures, outputs]`.
   *
   * @throws ImageDecodeError or FileAccessError for a picture that cannot be opened
   * @throws ClosedError after `close`
   */
  async predict(
    pictures: readonly ImageInput[] | ImageSource,
    options: PredictOptions = {},
  ): Promise<NdArray<"float32">> {
    checkOptions("predict", options, modelOptionNames.predict);
    const parts = this.#parts;
    const source = sourceOf(pictures);
    return this.#lend("predict").use((network) => predictPictures(network, parts, source, options));
  }

  /**
   * For each picture the most probable classes or labels, the best first.
   *
   * @throws UnsupportedError for a regression, which has no classes
   * @throws InvalidArgumentError if `top` is not a positive integer
   * @throws ImageDecodeError or FileAccessError for a picture that cannot be opened
   * @throws ClosedError after `close`
   */
  async classify(
    pictures: readonly ImageInput[] | ImageSource,
    options: PredictOptions & ClassifyOptions = {},
  ): Promise<readonly (readonly ClassProbability[])[]> {
    checkOptions("classify", options, modelOptionNames.classify);
    return classifyRows(this, options, () =>
      this.predict(pictures, { batchSize: options.batchSize, signal: options.signal }),
    );
  }

  /**
   * Grad-CAM: which places of pictures speak for a class. {@link overlayHeatmap} lays the maps over `images`, the pictures as the
   * network sees them; {@link writeReport} does so for a whole run.
   *
   * @throws InvalidArgumentError if there are no pictures, no such layer or class, or the backend cannot differentiate
   * @throws UnsupportedError if the backend cannot differentiate a layer behind the one that is looked at
   * @throws ImageDecodeError or FileAccessError for a picture that cannot be opened
   * @throws ClosedError after `close`
   */
  async gradCam(
    pictures: readonly ImageInput[] | ImageSource,
    options: ModelGradCamOptions = {},
  ): Promise<PicturesGradCam> {
    checkOptions("gradCam", options, modelOptionNames.gradCam);
    this.#resources.checkOpen("gradCam");
    const source = sourceOf(pictures);
    // One that cannot differentiate is refused by name.
    const { backend = this.#resources.backend as Backend as GradientBackend } = options;
    return modelGradCam(this.#parts, source, { ...options, backend });
  }

  /**
   * The whole model as plain data, with its weights of now: one flat network for pixels that `preprocess_input` has prepared, as
   * Keras has it.
   *
   * @throws ClosedError after `close`
   */
  network(): Network {
    this.#resources.checkOpen("network");
    return this.#parts.network;
  }

  /** The model as the bytes of a Keras file; see {@link save}. @throws ClosedError after `close` */
  async encode(options: Pick<EncodeModelOptions, "engine" | "format"> = {}): Promise<Uint8Array> {
    checkOptions("encode", options, modelOptionNames.encode);
    return encodeKerasModel(this.network(), { ...kerasNotes(this.#parts), ...options });
  }

  /**
   * Saves the model as one Keras model: `.h5` (Keras 2 and 3) or `.keras`. `load_model` opens it compiled, with the layers that
   * are frozen here not trainable, and `fit` goes on there (the optimizer starts anew). It takes pixels as
   * `preprocess_input` gives them: metadata `preprocess_input` says in which mode.
   *
   * The file is replaced in one step: after a crash or on a full disk the old one is still there.
   *
   * @throws InvalidArgumentError if the path ends in none of these
   * @throws FileAccessError if the file cannot be written, or exists and `overwrite` is false
   * @throws ClosedError after `close`
   */
  async save(path: string, options: SaveHeadOptions = {}): Promise<void> {
    checkOptions("save", options, modelOptionNames.save);
    await saveKeras(this.network(), path, { ...kerasNotes(this.#parts), ...options });
  }

  /** Frees all memory and removes temporary files. Safe to call twice; a `fit` that still runs rejects. */
  async close(): Promise<void> {
    this.#resources.stop();
    await this.#turn.ended();
    await this.#resources.release();
  }

  /** Same as {@link close}: `await using model = ...` frees it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The network with its weights of now. */
  #lend(method: string): LentNetwork {
    this.#resources.checkOpen(method);
    return this.#resources.lend(this.#parts);
  }
}

function sourceOf(pictures: readonly ImageInput[] | ImageSource): ImageSource {
  if (typeof pictures === "object" && pictures !== null) {
    if (Symbol.asyncIterator in pictures) return pictures;
    if (Array.isArray(pictures)) return imageList(pictures);
  }
  throw new InvalidArgumentError(
    `\`pictures\` is ${describeValue(pictures)}: expected a list of pictures, such as ["cat.jpg"], or a source of them.`,
  );
}
