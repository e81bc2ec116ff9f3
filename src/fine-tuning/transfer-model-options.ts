import type { Backbone } from "../backbones/backbone.js";
import type { DownloadProgress } from "../backbones/download-progress.js";
import type { WeightsOptions } from "../backbones/load-weights.js";
import type { BackboneName } from "../backbones/resolve-backbone.js";
import type { AbortOptions, Backend } from "../backends/backend.js";
import type { ExtractionProgress } from "../extraction/extraction-progress.js";
import type { ExtractionPictureOptions } from "../extraction/picture-options.js";
import type { FetchBytesOptions } from "../files/fetch-bytes.js";
import type { BatchOptions } from "../hdf5/batch-options.js";
import type { HDF5Engine } from "../hdf5/engine.js";
import type { ImageSource } from "../images/image-source.js";
import type { PreprocessMode } from "../images/preprocess.js";
import type { Network } from "../network/network.js";
import type { Pooling } from "../network/pooling.js";
import type { EvaluateOptions } from "../training/evaluate-head.js";
import type { FitOptions } from "../training/fit-options.js";
import type { HeadShape } from "../training/head-network.js";
import type { HeadMetadata, LearningOptions } from "../training/head-options.js";
import type { LearningRateFinderOptions } from "../training/learning-rate-finder.js";
import type { OptimizerOptions } from "../training/optimizer-options.js";
import type { Task } from "../training/target.js";
import type { TrainingData } from "../training/training-data.js";
import type { LayerPlace } from "./trained-layers.js";

/** A head that is made already: a `TransferHead`, trained or not, or any object of this form. */
export interface ReadyHead<T extends Task = Task> {
  /** What it has learned. @default "classification" */
  readonly task?: T | undefined;
  readonly classLabels: readonly string[];
  /** Its layers and weights of now, which are copied. */
  network(): Promise<Network>;
}

/**
 * How a model learns and runs, whether it is new or loaded. Penalties are those of the kernels that are trained; in a saved model
 * they are on all kernels, so that Keras counts the frozen ones too: its losses are higher by a constant.
 */
export interface FineTuningOptions extends LearningOptions {
  /** Seeds a new head's weights, the order of pictures, augmentation and dropout. @default 0 */
  readonly seed?: number | undefined;
}

/** What a `TransferModel` is made of: a backbone and a head. */
export interface TransferModelOptions<T extends Task = "classification">
  extends Omit<WeightsOptions, "onProgress" | "seed">,
    Omit<HeadShape<T>, "inputShape" | "classLabels" | "seed">,
    ExtractionPictureOptions,
    FineTuningOptions {
  /** A backbone by name, a {@link Backbone}, or a network of one's own, such as one from `loadKeras`. */
  readonly backbone: BackboneName | Backbone | Network;
  /** Last layer of the backbone that is kept. @default the backbone's last before its top, or the network's output */
  readonly layer?: string | undefined;
  /** What is done with its values. @default "avg" for a layer with height and width, else "none" */
  readonly pooling?: Pooling | undefined;
  /** `[height, width]` that pictures are resized to. @default the backbone's, or the network's input size */
  readonly imageSize?: readonly [number, number] | undefined;
  /** How pixels are prepared. @default the backbone's; needed for a network of one's own */
  readonly preprocess?: PreprocessMode | undefined;
  /** Names of the classes, labels or numbers, in the order of the outputs. Needed without `head`. */
  readonly classLabels?: readonly string[] | undefined;
  /**
   * A head that is made already, in place of a new one from `classLabels`, `hidden` and so on. Its layers and weights are taken,
   * not its optimizer and penalties.
   */
  readonly head?: ReadyHead<T> | undefined;
  /** First layer of the backbone that is trained too, as in `unfreeze`. @default none: only the head is trained */
  readonly unfreezeFrom?: LayerPlace | undefined;
  /** Text and numbers that stay with the model and its file. */
  readonly metadata?: HeadMetadata | undefined;
  /** Called while weights are downloaded. */
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
}

/** Options of `TransferModel.load`. */
export interface LoadModelOptions<T extends Task = "classification">
  extends Omit<FetchBytesOptions, "onProgress">,
    ExtractionPictureOptions,
    FineTuningOptions {
  /** What the model in the file has learned. @default "classification" */
  readonly task?: T | undefined;
  /** Names of the classes. Needed for files without them: those that Keras itself has saved. */
  readonly classLabels?: readonly string[] | undefined;
  /** `[height, width]` that pictures are resized to. Needed for models that take pictures of any size. */
  readonly imageSize?: readonly [number, number] | undefined;
  /** How pixels are prepared. Needed for files that do not say so: those that Keras itself has saved. */
  readonly preprocess?: PreprocessMode | undefined;
  /** First layer of the head. Needed for files that do not say so, where a call of `fit` gives the backbone another rate. */
  readonly headFrom?: LayerPlace | undefined;
  /** Reads the file. @default the library's own reader, and h5wasm for what that does not know */
  readonly engine?: HDF5Engine | undefined;
}

/** What is to be trained from a layer on. */
export interface UnfreezeOptions {
  /**
   * The first layer that is trained, by name or by its index in Keras's `model.layers`: all from there on are, as after
   * `for layer in model.layers[from:]: layer.trainable = True`.
   */
  readonly from: LayerPlace;
  /**
   * Whether batch normalizations of the backbone are trained too. Their statistics then follow the batches, and small batches
   * spoil them; `false` leaves them frozen. @default true, as in Keras
   */
  readonly batchNormalization?: boolean | undefined;
  /** Takes the steps from now on. @default the optimizer so far, begun anew */
  readonly optimizer?: OptimizerOptions | undefined;
}

/** Pictures to train on or to be judged by: a source of labelled pictures, or rows of pixels, such as an `HDF5DatasetGenerator`. */
export type LabelledPictures = ImageSource | TrainingData;

/** How pictures come to training. */
export interface TrainingPictureOptions {
  /** Pictures of a batch, where they come from an image source. @default 32 */
  readonly batchSize?: number | undefined;
  /** `"balanced"` gives every class equally often, where pictures come from an image source. @default "each" */
  readonly sampling?: BatchOptions["sampling"];
  /** Varies the training pictures at random, in every pass anew. @default not at all */
  readonly augment?: BatchOptions["augment"];
}

/** How large the steps of layers are. */
export interface RateOptions {
  /** Step size of this and later calls. @default the optimizer's */
  readonly learningRate?: number | undefined;
  /**
   * Step size for the layers of the backbone where that of the head is `learningRate`. A schedule or plateau moves both in this
   * proportion. @default that of the head
   */
  readonly backboneLearningRate?: number | undefined;
  /** Factors of the step size for single layers, by name; they go before `backboneLearningRate`. */
  readonly learningRateFactors?: Readonly<Record<string, number>> | undefined;
}

/** How to look for a learning rate; rates of layers stay in the proportion that is given. */
export interface ModelRateFinderOptions extends LearningRateFinderOptions, TrainingPictureOptions, RateOptions {}

/** How to fine-tune. */
export interface TransferFitOptions extends Omit<FitOptions, "validation">, TrainingPictureOptions, RateOptions {
  /** Pictures that are not trained on; loss and accuracy on them are measured after every epoch. */
  readonly validation?: LabelledPictures | undefined;
  /**
   * Whether what the frozen part of the network gives is computed once and kept in HDF5 files for all epochs. That can be where
   * pictures do not change from epoch to epoch: no `augment`, and rows of bytes without `preprocessors`.
   *
   * - left out: where it can be, takes no more room than the pictures as float32, and there is more than one epoch. The
   *   files lie in a folder of their own among the system's temporary files until the model is closed;
   * - a path: where it can be, in files in this folder, which stay and are taken again by later runs. A file is only ever taken
   *   for the same weights, pictures and settings; an unfinished one is continued;
   * - `true`: as left out, but at any size, and an error where it cannot be;
   * - `false`: never.
   */
  readonly cache?: boolean | string | undefined;
  /** Computes the frozen part for the cache. @default `auto()`: the fastest that starts */
  readonly frozenBackend?: Backend | undefined;
  /** Called while the frozen part is computed, after every batch. */
  readonly onFeatures?: ((progress: ExtractionProgress) => void) | undefined;
}

/** How pictures go through a model. */
export interface PredictOptions extends AbortOptions {
  /** Pictures that go through the network at once. @default 32 */
  readonly batchSize?: number | undefined;
}

/** How pictures are compared with what is known of them. */
export interface EvaluatePicturesOptions extends PredictOptions, EvaluateOptions {}
