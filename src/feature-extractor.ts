import { auto } from "./backends/auto.js";
import type { AbortOptions, LoadedNetwork } from "./backends/backend.js";
import { ClosedError, InvalidArgumentError, ShapeMismatchError } from "./errors.js";
import { type FeatureExtractorOptions, resolveExtractionModel } from "./extraction/extraction-model.js";
import { type ExtractionProgress, progressReporter } from "./extraction/extraction-progress.js";
import { imageList } from "./images/image-list.js";
import type { ImageInput, ImageSource } from "./images/image-source.js";
import { loadImages, type SkippedImage } from "./images/load-images.js";
import type { PreprocessMode } from "./images/preprocess.js";
import type { Interpolation } from "./images/resize.js";
import type { NdArray, Shape } from "./ndarray.js";
import { type FeatureNetwork, featureNetwork } from "./network/feature-network.js";

/** How a run over many pictures behaves. */
export interface StreamOptions extends AbortOptions {
  /** Pictures per pass through the network. @default 32 */
  readonly batchSize?: number | undefined;
  /** What a picture that cannot be decoded does. @default "throw" */
  readonly onError?: "throw" | "skip" | undefined;
  /** Called after every batch. */
  readonly onProgress?: ((progress: ExtractionProgress) => void) | undefined;
}

/** Features of one batch of pictures, in the source's order. */
export interface FeatureBatch {
  /** `[batch, ...featureShape]` of the first (or only) layer. */
  readonly features: NdArray<"float32">;
  /** The same for every layer asked for, by layer name. */
  readonly byLayer: ReadonlyMap<string, NdArray<"float32">>;
  /** Index into the source's `classLabels` for each row; `undefined` where the source has no labels. */
  readonly labels: Int32Array | undefined;
  /** Name of the picture behind each row. */
  readonly names: readonly string[];
  /** Pictures before or among these that could not be decoded. */
  readonly skipped: readonly SkippedImage[];
}

/** What takes the rows of an extraction: an `HDF5DatasetWriter`, or any object of this form. */
export interface FeatureSink {
  /** Shape of one row, where the sink has one. */
  readonly rowShape?: Shape | undefined;
  /** Rows that the sink holds already, those of an earlier run included. Needed for `resume`. */
  readonly rowsWritten?: number | undefined;
  /** Pictures that an earlier run had to leave out. Needed for `resume`. */
  readonly rowsSkipped?: number | undefined;
  /**
   * Takes the rows of one batch of pictures.
   *
   * @param rows `[n, ...rowShape]`; n is 0 where all pictures of the batch were left out
   * @param options `names` of the pictures, and how many pictures were `skipped` before or among them
   */
  add(
    rows: NdArray<"float32">,
    labels: Int32Array | undefined,
    options: { readonly names: readonly string[]; readonly skipped: number },
  ): Promise<unknown>;
}

/** How a run into a writer behaves. */
export interface ExtractToOptions extends StreamOptions {
  /**
   * Goes on behind the pictures whose rows the writer has already, `rowsWritten` and `rowsSkipped` of them. The source
   * must give the same pictures in the same order as before. @default false
   */
  readonly resume?: boolean | undefined;
}

/** What an extraction did. */
export interface ExtractionSummary {
  /** Rows written by this run. */
  readonly rows: number;
  /** Pictures that this run left out, with the reason. */
  readonly skipped: readonly SkippedImage[];
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly backend: string;
}

/** How pictures are brought to the network's size. */
interface PictureOptions {
  readonly size: readonly [number, number];
  readonly interpolation: Interpolation;
  readonly keepAspectRatio: boolean;
  readonly applyOrientation: boolean;
}

/** Batches that are given to the backend before the first of them is back. */
const inFlight = 2;

/**
 * Runs pictures through a pretrained network and gives the values of one or more of its layers: the first half of
 * transfer learning. The network is frozen; decoding, resizing, preprocessing and pooling are done here and equal
 * Keras's. Pictures are decoded while the network computes.
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
  readonly #loaded: LoadedNetwork;
  readonly #features: FeatureNetwork["features"];
  readonly #decode: PictureOptions;
  #closed = false;

  /** Name and description of the backend that runs. */
  readonly backend: { readonly name: string; readonly description: string };
  /** Shape of one picture's features: those of the first layer asked for. */
  readonly featureShape: Shape;
  /** The same for every layer asked for. */
  readonly featureShapes: ReadonlyMap<string, Shape>;
  /**
   * What makes the features, as texts to be stored with them (`HDF5DatasetWriter`'s `attributes`): `network`, `weights`,
   * `layer`, `pooling`, and as `preprocess` what is done to the pictures, such as `bilinear to 224x224, caffe`.
   */
  readonly attributes: Readonly<Record<string, string>>;

  private constructor(
    loaded: LoadedNetwork,
    features: FeatureNetwork["features"],
    backend: FeatureExtractor["backend"],
    decode: PictureOptions,
    attributes: Readonly<Record<string, string>>,
  ) {
    this.#loaded = loaded;
    this.#features = features;
    this.#decode = decode;
    this.backend = backend;
    this.attributes = attributes;
    this.featureShapes = new Map(features.map((feature) => [feature.layer, feature.shape]));
    this.featureShape = features[0]?.shape ?? [];
  }

  /**
   * Gets the weights, builds the network and loads it into the backend.
   *
   * @throws InvalidArgumentError for an unknown backbone, layer, pooling or size
   * @throws WeightsDownloadError if the weights are not in the cache and cannot be downloaded
   * @throws InvalidWeightsError if the weights file is another network's
   * @throws BackendUnavailableError if the backend does not start
   */
  static async create(options: FeatureExtractorOptions): Promise<FeatureExtractor> {
    const model = await resolveExtractionModel(options);
    const { network, features, pooling } = featureNetwork(model.network, {
      layers: model.layers,
      pooling: options.pooling,
      preprocess: model.preprocess,
      imageSize: model.imageSize,
    });
    const decode = {
      size: model.imageSize,
      interpolation: options.interpolation ?? "bilinear",
      keepAspectRatio: options.keepAspectRatio ?? false,
      applyOrientation: options.applyOrientation ?? false,
    };
    const backend = options.backend ?? auto();
    await backend.init();
    options.signal?.throwIfAborted();
    const loaded = await backend.load(network, {
      outputs: features.map((feature) => feature.output),
      signal: options.signal,
    });
    const attributes = {
      network: model.network.name,
      weights: model.weights,
      layer: model.layers.join(","),
      pooling: pooling.join(","),
      preprocess: describePreparation(decode, model.preprocess),
    };
    const description = { name: backend.name, description: backend.description };
    return new FeatureExtractor(loaded, features, description, decode, attributes);
  }

  /**
   * Features of a few pictures: `[pictures, ...featureShape]`, float32, in the order given. For more than fit in memory
   * use {@link stream} or {@link extractTo}.
   *
   * @throws ImageDecodeError if one cannot be decoded
   */
  async extract(
    images: readonly ImageInput[],
    options: AbortOptions & { readonly batchSize?: number } = {},
  ): Promise<NdArray<"float32">> {
    const width = this.featureShape.reduce((product, axis) => product * axis, 1);
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
   * @throws ClosedError after `close`
   */
  stream(source: ImageSource, options: StreamOptions = {}): AsyncGenerator<FeatureBatch, void, undefined> {
    return this.#stream(source, options, 0);
  }

  async *#stream(
    source: ImageSource,
    options: StreamOptions,
    first: number,
  ): AsyncGenerator<FeatureBatch, void, undefined> {
    if (this.#closed) throw new ClosedError("FeatureExtractor is closed: `stream` was called after `close`.");
    const batchSize = options.batchSize ?? 32;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new InvalidArgumentError(`\`batchSize\` must be an integer of at least 1, received [${batchSize}].`);
    }
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
      const batches = loadImages(imagesFrom(source, first), {
        ...this.#decode,
        batchSize,
        onError: options.onError ?? "throw",
        signal,
      });
      for await (const { pixels, labels, names, skipped } of batches) {
        const features = this.#run(pixels, signal).then((byLayer) => ({
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
   * @throws ShapeMismatchError if a writer's rows have another shape than the features
   */
  async extractTo(
    writer: FeatureSink | Readonly<Record<string, FeatureSink>>,
    source: ImageSource,
    options: ExtractToOptions = {},
  ): Promise<ExtractionSummary> {
    const sinks = this.#sinks(writer).map(([layer, sink]) => ({
      layer,
      sink,
      done: options.resume ? doneIn(sink) : 0,
    }));
    const first = Math.min(...sinks.map(({ done }) => done));
    const start = performance.now();
    const skipped: SkippedImage[] = [];
    let rows = 0;
    let position = first;
    for await (const batch of this.#stream(source, options, first)) {
      const end = position + batch.names.length + batch.skipped.length;
      for (const { layer, sink, done } of sinks) {
        // After a crash one of several writers may be a batch ahead of the others.
        if (done >= end) continue;
        if (done > position) {
          throw new InvalidArgumentError(
            `Cannot resume: the writer of layer "${layer}" ends after ${done} pictures, inside of a batch. ` +
              "Pass the `batchSize` of the first run.",
          );
        }
        await sink.add(batch.byLayer.get(layer) as NdArray<"float32">, batch.labels, {
          names: batch.names,
          skipped: batch.skipped.length,
        });
      }
      position = end;
      rows += batch.names.length;
      skipped.push(...batch.skipped);
    }
    const seconds = (performance.now() - start) / 1000;
    return { rows, skipped, seconds, imagesPerSecond: rows / seconds, backend: this.backend.name };
  }

  /** Frees the network's memory and threads. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#loaded.dispose();
  }

  /** Same as {@link close}: `await using extractor = ...` frees it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(pixels: NdArray<"uint8">, signal: AbortSignal): Promise<ReadonlyMap<string, NdArray<"float32">>> {
    if (pixels.shape[0] === 0) {
      return new Map(
        this.#features.map(({ layer, shape }) => [
          layer,
          { dtype: "float32", shape: [0, ...shape], data: new Float32Array(0) },
        ]),
      );
    }
    const outputs = await this.#loaded.run([pixels], { signal });
    return new Map(this.#features.map(({ layer }, i) => [layer, outputs[i] as NdArray<"float32">]));
  }

  #sinks(writer: FeatureSink | Readonly<Record<string, FeatureSink>>): readonly (readonly [string, FeatureSink])[] {
    const layers = [...this.featureShapes.keys()];
    const sinks = isSink(writer)
      ? layers.slice(0, 1).map((layer) => [layer, writer] as const)
      : Object.entries(writer).map(([layer, sink]) => [layer, sink] as const);
    if (sinks.length !== layers.length || sinks.some(([layer]) => !this.featureShapes.has(layer))) {
      throw new InvalidArgumentError(
        `\`extractTo\` needs one writer for each of the layers [${layers.join(", ")}], ` +
          `received writers for [${sinks.map(([layer]) => layer).join(", ")}].`,
      );
    }
    for (const [layer, sink] of sinks) {
      const shape = this.featureShapes.get(layer) as Shape;
      if (sink.rowShape !== undefined && sink.rowShape.join() !== shape.join()) {
        throw new ShapeMismatchError(
          `Features of layer "${layer}" have shape [${shape.join(", ")}], but the writer's rows are ` +
            `[${sink.rowShape.join(", ")}]. Create the writer with \`rowShape: extractor.featureShape\`.`,
          { expected: shape, received: sink.rowShape },
        );
      }
    }
    return sinks;
  }
}

function isSink(writer: FeatureSink | Readonly<Record<string, FeatureSink>>): writer is FeatureSink {
  return typeof (writer as Partial<FeatureSink>).add === "function";
}

/** Pictures that an earlier run has dealt with. */
function doneIn({ rowsWritten, rowsSkipped }: FeatureSink): number {
  if (rowsWritten === undefined || rowsSkipped === undefined) {
    throw new InvalidArgumentError(
      "`resume` needs a writer with `rowsWritten` and `rowsSkipped`, as HDF5DatasetWriter.",
    );
  }
  return rowsWritten + rowsSkipped;
}

/** A source without its first pictures; they are not opened. */
function imagesFrom(source: ImageSource, first: number): ImageSource {
  if (first === 0) return source;
  return {
    length: Math.max(source.length - first, 0),
    classLabels: source.classLabels,
    async *[Symbol.asyncIterator]() {
      let position = 0;
      for await (const image of source) if (position++ >= first) yield image;
    },
  };
}

function describePreparation(pictures: PictureOptions, preprocess: PreprocessMode): string {
  return [
    `${pictures.interpolation} to ${pictures.size.join("x")}`,
    ...(pictures.keepAspectRatio ? ["aspect ratio kept"] : []),
    ...(pictures.applyOrientation ? ["orientation applied"] : []),
    preprocess,
  ].join(", ");
}
