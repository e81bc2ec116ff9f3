import { autoTrainable } from "./backends/auto.js";
import type { Backend } from "./backends/backend.js";
import { checkTrainableBackend } from "./backends/check-backend.js";
import type { GradientBackend } from "./backends/gradient-backend.js";
import { describeBackend, type RunningBackend } from "./backends/running-backend.js";
import type { TrainableBackend } from "./backends/trainable-backend.js";
import { ClosedError, InvalidArgumentError, UnsupportedError } from "./errors.js";
import { fineTune } from "./fine-tune.js";
import { type CacheFolder, openCacheFolder } from "./fine-tuning/cache-folder.node.js";
import { kerasNotes } from "./fine-tuning/encode-model.js";
import { evaluateModel, loadForInference, predictPictures } from "./fine-tuning/inference.js";
import { LentNetwork } from "./fine-tuning/lent-network.js";
import { type ModelGradCamOptions, modelGradCam, type PicturesGradCam } from "./fine-tuning/model-grad-cam.js";
import { type ModelParts, newModel, readModel } from "./fine-tuning/model-parts.js";
import type { OptimizerState } from "./fine-tuning/train-model.js";
import { frozenLayers, unfrozenLayers } from "./fine-tuning/trained-layers.js";
import type {
  LabelledPictures,
  LoadModelOptions,
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
import type { Evaluation } from "./training/evaluate.js";
import type { HeadMetadata, SaveHeadOptions } from "./training/head-options.js";
import type { EpochLog } from "./training/history.js";
import { type ClassProbability, checkTop, mostProbable } from "./training/most-probable.js";
import { resolveOptimizer } from "./training/optimizer-options.js";

/**
 * A pretrained network and a head as one classifier of pictures, of which as much is trained as one likes: first the head
 * alone, then the last layers of the network too. It is saved as one Keras model.
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
export class TransferModel implements AsyncDisposable {
  readonly #backend: TrainableBackend;
  readonly #stop = new AbortController();
  #parts: ModelParts;
  #history: readonly EpochLog[] = [];
  /** Where the optimizer goes on: undefined at the beginning, and where other layers are to be trained. */
  #optimizer: OptimizerState | undefined;
  #inference: LentNetwork | undefined;
  #retired: Promise<unknown> = Promise.resolve();
  #folder: Promise<CacheFolder> | undefined;
  #fitting: Promise<unknown> | undefined;

  private constructor(parts: ModelParts, backend: TrainableBackend) {
    this.#parts = parts;
    this.#backend = backend;
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
  static async create(options: TransferModelOptions): Promise<TransferModel> {
    const backend = await TransferModel.#start(options.backend);
    return new TransferModel(await newModel(options), backend);
  }

  /**
   * Reads a model from a Keras file, saved here or by Keras: one input of pictures, a softmax over classes at the end. What was
   * frozen stays so, and `fit` goes on with the optimizer of the file, which starts anew.
   *
   * @throws FileAccessError, InvalidModelError, InvalidWeightsError or UnsupportedError as `loadKeras` does
   * @throws UnsupportedError if it does not end in a softmax over classes
   * @throws InvalidArgumentError if class labels or `preprocess` are neither in the file nor given
   */
  static async load(source: KerasSource, options: LoadModelOptions = {}): Promise<TransferModel> {
    const backend = await TransferModel.#start(options.backend);
    return new TransferModel(await readModel(source, options), backend);
  }

  static async #start(backend: TrainableBackend = autoTrainable()): Promise<TrainableBackend> {
    checkTrainableBackend(backend);
    await backend.init();
    return backend;
  }

  /** The backend that trains and predicts, and by default why better ones do not. */
  get backend(): RunningBackend {
    return describeBackend(this.#backend);
  }

  /** `[height, width]` that pictures are brought to. */
  get imageSize(): readonly [number, number] {
    return this.#parts.pictures.size;
  }

  /** Names of the classes, in the order of the probabilities. */
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
    this.#open("unfreeze");
    if (this.#fitting !== undefined) throw new InvalidArgumentError("`unfreeze` was called while `fit` runs.");
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
    this.#open("fit");
    if (this.#parts.untrainable !== undefined) throw new UnsupportedError(this.#parts.untrainable);
    if (this.#fitting !== undefined) {
      throw new InvalidArgumentError(
        "`fit` was called while another `fit` of this model runs. Wait for the first one.",
      );
    }
    const { signal: stop } = this.#stop;
    const running = fineTune(
      {
        parts: this.#parts,
        backend: this.#backend,
        optimizer: this.#optimizer,
        history: this.#history,
        stop,
        openFolder: (path) => (path === undefined ? this.#ownFolder() : openCacheFolder(path)),
        onHistory: (history) => {
          this.#history = history;
        },
        onEnd: (parts, optimizer) => {
          this.#parts = parts;
          this.#optimizer = optimizer;
        },
      },
      train,
      options,
    );
    this.#fitting = running.catch(() => undefined);
    try {
      return await running;
    } finally {
      this.#fitting = undefined;
      // Not waited for: who predicts may take long, and goes on with the weights from before. `close` tells of a failure.
      this.#retire().catch(() => undefined);
    }
  }

  /**
   * Predicts every picture once and compares with its class. `toString()` of the result is scikit-learn's
   * `classification_report`; `predictions.indices` are places in the source.
   *
   * @throws InvalidArgumentError if there are no pictures, or they have no label or other classes
   * @throws ShapeMismatchError if rows of pixels have another shape
   * @throws ImageDecodeError or FileAccessError for a picture that cannot be opened
   * @throws ClosedError after `close`
   */
  async evaluate(pictures: LabelledPictures, options: PredictOptions = {}): Promise<Evaluation> {
    const parts = this.#parts;
    return this.#lend("evaluate").use((network) => evaluateModel(network, parts, pictures, options));
  }

  /**
   * Probabilities of the classes, `[pictures, classes]`, in the order of the pictures.
   *
   * @throws ImageDecodeError or FileAccessError for a picture that cannot be opened
   * @throws ClosedError after `close`
   */
  async predict(
    pictures: readonly ImageInput[] | ImageSource,
    options: PredictOptions = {},
  ): Promise<NdArray<"float32">> {
    const parts = this.#parts;
    const source = Symbol.asyncIterator in pictures ? pictures : imageList(pictures);
    return this.#lend("predict").use((network) => predictPictures(network, parts, source, options));
  }

  /**
   * For each picture the most probable classes, the best first.
   *
   * @throws InvalidArgumentError if `top` is not a positive integer
   * @throws ImageDecodeError or FileAccessError for a picture that cannot be opened
   * @throws ClosedError after `close`
   */
  async classify(
    pictures: readonly ImageInput[] | ImageSource,
    options: PredictOptions & {
      /** How many classes, at most. @default 5 */
      readonly top?: number | undefined;
    } = {},
  ): Promise<readonly (readonly ClassProbability[])[]> {
    const top = checkTop(options.top);
    return mostProbable(await this.predict(pictures, options), this.classLabels, top);
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
    this.#open("gradCam");
    const source = Symbol.asyncIterator in pictures ? pictures : imageList(pictures);
    // One that cannot differentiate is refused by name.
    const { backend = this.#backend as Backend as GradientBackend } = options;
    return modelGradCam(this.#parts, source, { ...options, backend });
  }

  /**
   * The whole model as plain data, with its weights of now: one flat network for pixels that `preprocess_input` has prepared, as
   * Keras has it.
   *
   * @throws ClosedError after `close`
   */
  network(): Network {
    this.#open("network");
    return this.#parts.network;
  }

  /** The model as the bytes of a Keras file; see {@link save}. @throws ClosedError after `close` */
  async encode(options: Pick<EncodeModelOptions, "engine" | "format"> = {}): Promise<Uint8Array> {
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
    await saveKeras(this.network(), path, { ...kerasNotes(this.#parts), ...options });
  }

  /** Frees all memory and removes temporary files. Safe to call twice; a `fit` that still runs rejects. */
  async close(): Promise<void> {
    this.#stop.abort(new ClosedError("TransferModel is closed: `fit` was still running."));
    await this.#fitting;
    await this.#retire();
    const folder = this.#folder;
    this.#folder = undefined;
    await (await folder)?.remove();
  }

  /** Same as {@link close}: `await using model = ...` frees it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(method: string): void {
    if (this.#stop.signal.aborted)
      throw new ClosedError(`TransferModel is closed: \`${method}\` was called after \`close\`.`);
  }

  /** The network with its weights of now. */
  #lend(method: string): LentNetwork {
    this.#open(method);
    const parts = this.#parts;
    this.#inference ??= new LentNetwork(() => loadForInference(parts, this.#backend));
    return this.#inference;
  }

  async #retire(): Promise<void> {
    this.#retired = Promise.all([this.#retired, this.#inference?.retire()]);
    this.#inference = undefined;
    await this.#retired;
  }

  #ownFolder(): Promise<CacheFolder> {
    this.#folder ??= openCacheFolder(undefined);
    return this.#folder;
  }
}
