import { auto } from "./backends/auto.js";
import type { AbortOptions, LoadedNetwork } from "./backends/backend.js";
import { checkBackend } from "./backends/check-backend.js";
import type { Int8Calibration } from "./backends/quantizing-backend.js";
import { describeBackend, type RunningBackend } from "./backends/running-backend.js";
import { ClosedError, InvalidArgumentError } from "./errors.js";
import {
  type FeatureExtractorOptions,
  featureExtractorOptionNames,
  resolveExtractionModel,
} from "./extraction/extraction-model.js";
import { type ExtractionSummary, progressReporter } from "./extraction/extraction-progress.js";
import type { FeatureBatch } from "./extraction/feature-batch.js";
import { type FeatureSinks, withoutFirst } from "./extraction/feature-sink.js";
import { LayerSinks } from "./extraction/layer-sinks.js";
import { describePreparation, type PictureOptions, resolvePictureOptions } from "./extraction/picture-options.js";
import { PrecisionNetwork } from "./extraction/precision.js";
import { checkPrecision } from "./extraction/precision-options.js";
import {
  checkBatchSize,
  type ExtractToOptions,
  type StreamOptions,
  streamOptionNames,
} from "./extraction/stream-options.js";
import { checkImageSource } from "./images/check-image-source.js";
import { imageList } from "./images/image-list.js";
import type { ImageInput, ImageSource } from "./images/image-source.js";
import { loadBatches, pictureSettings, type SkippedImage, unshared } from "./images/load-images.js";
import type { PicturePreparation } from "./images/picture-preparation.js";
import { preparePictures } from "./images/picture-threads.node.js";
import { type NdArray, type Shape, sizeOf } from "./ndarray.js";
import type { FeatureNetwork } from "./network/feature-network.js";
import { checkBoolean, checkList } from "./options/check-option.js";
import { checkOptions } from "./options/check-options.js";
import { refuseNew } from "./options/refuse-new.js";

export type { ExtractionSummary } from "./extraction/extraction-progress.js";
export type { FeatureBatch } from "./extraction/feature-batch.js";
export type { ExtractToOptions, StreamOptions } from "./extraction/stream-options.js";

/** Batches that are given to the backend before the first of them is back. */
const inFlight = 2;

/**
 * Runs pictures through a pretrained network and gives the values of one or more of its layers: the first half of
 * transfer learning. The network is frozen; decoding, resizing, preprocessing and pooling are done here and equal
 * Keras's. Pictures are decoded and resized in threads of their own while the network computes.
 *
 * @example
 * await using extractor = await FeatureExtractor.create({ backbone: "vgg16", pooling: "avg" });
 * const features = await extractor.extract(["cat.jpg", "dog.jpg"]); // float32 [2, 512]
 *
 * @example
 * const images = await imageFolder("animals/");
 * await using writer = await HDF5DatasetWriter.create("animals.hdf5", {
 *   rows: images.length, rowShape: extractor.featureShape, classLabels: images.classLabels,
 * });
 * await extractor.extractTo(writer, images, { batchSize: 32, onProgress: console.log });
 * await writer.close();
 */
export class FeatureExtractor implements AsyncDisposable {
  readonly #network: PrecisionNetwork;
  readonly #attributes: Readonly<Record<string, string>>;
  readonly #features: FeatureNetwork["features"];
  readonly #pictures: PictureOptions;
  readonly #preparation: PicturePreparation;
  #closed = false;

  /** The backend that runs, and with `auto` why better ones do not. */
  readonly backend: RunningBackend;
  /** Shape of one picture's features: those of the first layer asked for. */
  readonly featureShape: Shape;
  /** The same for every layer asked for. */
  readonly featureShapes: ReadonlyMap<string, Shape>;
  private constructor(
    network: PrecisionNetwork,
    features: FeatureNetwork["features"],
    backend: FeatureExtractor["backend"],
    pictures: PictureOptions,
    attributes: Readonly<Record<string, string>>,
  ) {
    if (attributes === undefined) refuseNew("FeatureExtractor", "await FeatureExtractor.create({ backbone: ... })");
    this.#network = network;
    this.#features = features;
    this.#pictures = pictures;
    this.#preparation = preparePictures(pictureSettings(pictures), pictures.workers);
    this.#attributes = attributes;
    this.backend = backend;
    this.featureShapes = new Map(features.map((feature) => [feature.layer, feature.shape]));
    this.featureShape = features[0]?.shape ?? [];
  }

  /**
   * What makes the features, as texts to be stored with them (`HDF5DatasetWriter`'s `attributes`): `network`, `weights`
   * with their checksum, such as `imagenet (crc32 89abcdef)`, `layer`, `pooling`, and as `preprocess` what is done to the
   * pictures, such as `bilinear to 224x224, caffe`. With `precision: "int8"` also `precision`, with the checksum of the
   * calibration; where the first job is to calibrate, `extractTo` has the writer store that.
   */
  get attributes(): Readonly<Record<string, string>> {
    const precision = this.#network.description;
    return precision === undefined ? this.#attributes : { ...this.#attributes, precision };
  }

  /**
   * What `precision: "int8"` computes with, and in `quality` how near that comes to float32. Plain data, which another
   * extractor of the same network takes as `calibration`. Undefined in float32, and before the job that calibrates.
   */
  get calibration(): Int8Calibration | undefined {
    return this.#network.calibration;
  }

  /**
   * Gets the weights, builds the network and loads it into the backend.
   *
   * @throws InvalidArgumentError for an unknown backbone, layer, pooling or size
   * @throws WeightsDownloadError if the weights are not in the cache and cannot be downloaded
   * @throws InvalidWeightsError if the weights file is another network's
   * @throws BackendUnavailableError if the backend does not start
   * @throws UnsupportedError if the backend has not the `precision`, or too much would be lost in it
   */
  static async create(options: FeatureExtractorOptions): Promise<FeatureExtractor> {
    checkOptions("FeatureExtractor.create", options, featureExtractorOptionNames);
    const { backend = auto() } = options;
    checkBackend(backend);
    checkPrecision(options);
    const settings = resolvePictureOptions(options);
    const model = await resolveExtractionModel(options);
    const { network, features, pooling } = model.features;
    const pictures = { ...settings, size: model.imageSize };
    await backend.init();
    options.signal?.throwIfAborted();
    const loaded = await PrecisionNetwork.create(backend, {
      ...options,
      network,
      outputs: features.map((feature) => feature.output),
      pictures,
      cached: model.published,
    });
    const attributes = {
      network: model.name,
      weights: model.weights,
      layer: features.map(({ layer }) => layer).join(","),
      pooling: pooling.join(","),
      preprocess: describePreparation(pictures, model.preprocess),
    };
    return new FeatureExtractor(loaded, features, describeBackend(backend), pictures, attributes);
  }

  /**
   * Features of a few pictures: `[pictures, ...featureShape]`, float32, in the order given. For more than fit in memory
   * use {@link stream} or {@link extractTo}.
   *
   * @throws ImageDecodeError if one cannot be decoded
   * @throws InvalidArgumentError with `precision: "int8"` if no job has calibrated it yet
   */
  async extract(
    images: readonly ImageInput[],
    options: AbortOptions & { readonly batchSize?: number } = {},
  ): Promise<NdArray<"float32">> {
    checkOptions("extract", options, { batchSize: true, signal: true });
    checkList("images", images, 'a list of pictures, such as ["cat.jpg"]');
    checkBatchSize(options.batchSize);
    if (!this.#closed && !this.#network.isReady) throw notCalibrated();
    const width = sizeOf(this.featureShape);
    const data = new Float32Array(images.length * width);
    let row = 0;
    if (images.length > 0) {
      for await (const batch of this.stream(imageList(images), options)) {
        data.set(batch.features.data, row * width);
        row += batch.names.length;
      }
    }
    return { dtype: "float32", shape: [images.length, ...this.featureShape], data };
  }

  /**
   * Features of many pictures, batch by batch, in the source's order. Pictures are decoded and batches computed ahead
   * while the caller works on the last one; memory does not grow with the source. Leaving the loop stops the work.
   *
   * @throws ImageDecodeError if a picture cannot be decoded and `onError` is `"throw"`
   * @throws UnsupportedError if `precision: "int8"`, calibrated with pictures of the source, loses too much
   * @throws ClosedError after `close`
   */
  stream(source: ImageSource, options: StreamOptions = {}): AsyncGenerator<FeatureBatch, void, undefined> {
    checkOptions("stream", options, streamOptionNames);
    checkImageSource("source", source);
    return this.#stream(source, options, 0);
  }

  async *#stream(
    source: ImageSource,
    options: StreamOptions,
    first: number,
  ): AsyncGenerator<FeatureBatch, void, undefined> {
    if (this.#closed) throw new ClosedError("FeatureExtractor is closed: `stream` was called after `close`.");
    const batchSize = checkBatchSize(options.batchSize);
    const network = await this.#network.ready(source, options.signal);
    const report = progressReporter(source.length, first, this.backend.name, options.onProgress);
    const stop = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
    const running: Promise<FeatureBatch>[] = [];

    const finish = async (batch: Promise<FeatureBatch>): Promise<FeatureBatch> => {
      const done = await batch;
      options.signal?.throwIfAborted();
      report(done.names.length, done.skipped.length);
      return done;
    };

    try {
      const settings = { ...this.#pictures, batchSize, onError: options.onError ?? "throw", signal };
      const batches = loadBatches(withoutFirst(source, first), settings, this.#preparation);
      for await (const { pixels, labels, names, skipped } of batches) {
        const features = this.#run(network, pixels, signal).then((byLayer) => ({
          features: byLayer.values().next().value as NdArray<"float32">,
          byLayer,
          labels,
          names,
          skipped,
        }));
        // A failure is thrown when its turn comes; until then it must not count as unhandled.
        features.catch(() => {});
        running.push(features);
        if (running.length >= inFlight) yield await finish(running.shift() as Promise<FeatureBatch>);
      }
      while (running.length > 0) yield await finish(running.shift() as Promise<FeatureBatch>);
    } finally {
      stop.abort();
      await Promise.allSettled(running);
    }
  }

  /**
   * Streams the features of many pictures into a writer. The writer is not closed, so that more can be added.
   *
   * With several layers, pass one writer for each: `{ block4_pool: first, block5_pool: second }`.
   *
   * With `precision: "int8"` and no calibration yet, it first calibrates with some pictures of the source, or of the job
   * of which it is a shard, keeps the calibration, and has the writers store it as `precision`.
   *
   * @throws UnsupportedError if too much is lost in that precision; no row is written then
   * @throws ShapeMismatchError if a writer's rows have another shape than the features, or are fewer than the pictures
   * @throws InvalidArgumentError if a writer has other classes than the source, holds or announces rows of another precision, or `resume` meets other pictures than those that the writer has rows of
   */
  async extractTo(
    writer: FeatureSinks,
    source: ImageSource,
    options: ExtractToOptions = {},
  ): Promise<ExtractionSummary> {
    checkOptions("extractTo", options, { ...streamOptionNames, resume: true });
    checkImageSource("source", source);
    checkBoolean("resume", options.resume ?? false);
    const sinks = await LayerSinks.open(writer, this.featureShapes, source, options.resume ?? false);
    const { first } = sinks;
    if (first > 0 && !this.#network.isReady) {
      throw new InvalidArgumentError(
        "Cannot resume: the calibration of the first rows is not where `calibrationPath` says, and another one would give other numbers. " +
          "Put that file back, or begin a new file of features.",
      );
    }
    await this.#network.ready(source, options.signal);
    await sinks.storePrecision(this.attributes.precision);
    const start = performance.now();
    const skipped: SkippedImage[] = [];
    let rows = 0;
    for await (const batch of this.#stream(source, options, first)) {
      await sinks.add(batch);
      rows += batch.names.length;
      for (const image of batch.skipped) skipped.push(image);
    }
    const seconds = (performance.now() - start) / 1000;
    return { rows, skipped, seconds, imagesPerSecond: rows / seconds, backend: this.backend.name };
  }

  /** Frees the network's memory and threads. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#preparation.close(), this.#network.dispose()]);
  }

  /** Same as {@link close}: `await using extractor = ...` frees it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(
    network: LoadedNetwork,
    pixels: NdArray<"uint8">,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, NdArray<"float32">>> {
    if (pixels.shape[0] === 0) {
      return new Map(
        this.#features.map(({ layer, shape }) => [
          layer,
          { dtype: "float32", shape: [0, ...shape], data: new Float32Array(0) },
        ]),
      );
    }
    const readable = network.readsSharedMemory === true ? pixels : unshared(pixels);
    const outputs = await network.run([readable], { signal });
    // After a failure or an abort the backend may still be reading.
    this.#preparation.release(pixels.data);
    return new Map(this.#features.map(({ layer }, i) => [layer, outputs[i] as NdArray<"float32">]));
  }
}

/** A few pictures tell too little of all that are to come. */
function notCalibrated(): InvalidArgumentError {
  return new InvalidArgumentError(
    '`precision: "int8"` is not calibrated yet: run `extractTo` or `stream` over the pictures of a job first, or pass pictures as `calibration` to `create`.',
  );
}
