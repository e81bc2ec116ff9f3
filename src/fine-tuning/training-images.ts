import type { AbortOptions } from "../backends/backend.js";
import { InvalidArgumentError } from "../errors.js";
import {
  type ExtractionPictureOptions,
  pictureOptionNames,
  resolvePictureOptions,
} from "../extraction/picture-options.js";
import { type BatchOptions, resolveBatchOptions } from "../hdf5/batch-options.js";
import type { BatchColumn } from "../hdf5/column-reader.js";
import { balancedLength, orderRows } from "../hdf5/row-order.js";
import { createRowPipeline, rowSeeds } from "../hdf5/row-pipeline.js";
import { checkImageSource } from "../images/check-image-source.js";
import { type ImageSelection, imageSelection } from "../images/image-selection.js";
import type { ImageSource, SourceImage } from "../images/image-source.js";
import { type ImageBatch, loadImages } from "../images/load-images.js";
import { readPictureColumns } from "../images/picture-columns.js";
import { runAhead } from "../images/run-ahead.js";
import type { NdArray, Shape } from "../ndarray.js";
import { checkBoolean, checkList } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import type { TrainingData } from "../training/training-data.js";

/** How pictures are put into the batches that a network is trained on. */
export interface TrainingImagesOptions
  extends AbortOptions,
    ExtractionPictureOptions,
    Pick<BatchOptions, "batchSize" | "sampling" | "seed" | "augment"> {
  /** `[height, width]` that every picture is brought to. */
  readonly size: readonly [number, number];
  /** A new random order of the pictures for every pass. @default true */
  readonly shuffle?: boolean | undefined;
  /**
   * Name of the pictures' column whose numbers are learned instead of their classes: ones and zeros for several labels, or
   * numbers to be met. They become the `ys`, and pictures need no class.
   */
  readonly targetColumn?: string | undefined;
}

/** One batch of pictures. */
export interface TrainingImagesBatch {
  /** `[batch, height, width, 3]`, RGB 0..255; float32 only where `augment` makes it so. */
  readonly xs: NdArray<"uint8" | "float32">;
  /** `[batch]`: for each picture the index of its class; or its numbers of the `targetColumn`, `[batch]` or `[batch, k]`. */
  readonly ys: NdArray<"int32" | "float64">;
  /** Further numbers of the pictures by name, `[batch]` or `[batch, k]`. */
  readonly columns: Readonly<Record<string, BatchColumn>>;
  /** Place of each picture in `images`. */
  readonly indices: Uint32Array;
}

/** Labelled pictures as rows to train on; they are opened anew in every pass. */
export interface TrainingImages extends TrainingData {
  readonly rowShape: Shape;
  readonly classLabels: readonly string[];
  /** Class of every picture; empty with a `targetColumn`. */
  readonly labels: Int32Array;
  readonly batchesPerPass: number;
  /** The pictures that the rows are made of, in the order that `indices` counts in. */
  readonly images: ImageSelection;
  /** Whether every pass gives the same pixels for a picture. */
  readonly still: boolean;
  /** How the rows are given out. */
  readonly order: Pick<BatchOptions, "batchSize" | "shuffle" | "sampling" | "seed">;
  /** One pass; the same `pass` gives the same batches again. Leaving it stops all work. */
  batches(options?: {
    /** @default counted from 0 */
    readonly pass?: number | undefined;
    /** Nothing is used again: each batch belongs to its receiver. */
    readonly reuse?: boolean | undefined;
  }): AsyncGenerator<TrainingImagesBatch, void, undefined>;
  [Symbol.asyncIterator](): AsyncGenerator<TrainingImagesBatch, void, undefined>;
}

/**
 * Makes labelled pictures into rows to train on: decoded, resized and varied at random while the network works on the
 * batch before. Memory holds some three batches, however many pictures there are. The order of pass `p` is that of
 * `numpy.random.RandomState(seed + p).shuffle`, and what is varied depends on seed, pass and picture alone.
 *
 * @throws InvalidArgumentError if an option is out of range, there are no pictures, one has no label, or not all have the same
 * columns
 * @throws ImageDecodeError or FileAccessError in a pass, for a picture that cannot be opened
 *
 * @example
 * const data = await trainingImages(await imageFolder("animals/"), {
 *   size: [224, 224], seed: 1, augment: { horizontalFlip: true },
 * });
 * for await (const { xs, ys } of data) console.log(xs.shape, ys.data); // [32, 224, 224, 3]
 */
export async function trainingImages(source: ImageSource, options: TrainingImagesOptions): Promise<TrainingImages> {
  checkOptions("trainingImages", options, {
    ...pictureOptionNames,
    ...{
      batchSize: true,
      sampling: true,
      seed: true,
      augment: true,
      size: true,
      shuffle: true,
      targetColumn: true,
      signal: true,
    },
  });
  checkImageSource("source", source);
  checkList("size", options.size, "[height, width]");
  const { size, shuffle = true, targetColumn, signal } = options;
  checkBoolean("shuffle", shuffle);
  const { batchSize, sampling, seed, augment } = options;
  const batching = resolveBatchOptions({ batchSize, sampling, seed, augment, shuffle });
  const pictures = resolvePictureOptions(options);
  const classLabels = targetColumn === undefined ? source.classLabels : [];
  const images = imageSelection(await labelledImages(source, targetColumn, signal), classLabels);
  const readColumns = readPictureColumns(images.images);
  if (targetColumn !== undefined && batching.sampling === "balanced") {
    throw new InvalidArgumentError(
      '`sampling: "balanced"` was given with `targetColumn`, with which pictures have no classes: leave one of them out.',
    );
  }
  const indices = Uint32Array.from({ length: images.length }, (_, i) => i);
  const shape = [...size, 3];
  const pipeline = batching.augment && createRowPipeline([batching.augment], { dtype: "uint8", shape }, "float32");
  const length = batching.sampling === "balanced" ? balancedLength(indices, images.labels) : images.length;
  let passes = 0;

  async function* batches({ pass = passes++ } = {}): AsyncGenerator<TrainingImagesBatch, void, undefined> {
    const { rows } = orderRows(indices, batching, pass, images.labels);
    const seeds = rowSeeds(rows, batching.seed, pass);
    const decoded = loadImages(images.select(rows), { ...pictures, size, batchSize: batching.batchSize, signal });
    let start = 0;
    const prepare = async (batch: ImageBatch): Promise<TrainingImagesBatch> => {
      const end = start + batch.names.length;
      const of = { indices: rows.slice(start, end), seeds: seeds.slice(start, end) };
      start = end;
      const columns = readColumns(of.indices);
      const { labels = new Int32Array() } = batch;
      const classes: NdArray<"int32"> = { dtype: "int32", shape: [labels.length], data: labels };
      const ys = targetColumn === undefined ? classes : (columns[targetColumn] as NdArray<"float64">);
      const xs = pipeline === undefined ? batch.pixels : await pipeline.apply(batch.pixels, of.seeds);
      return { xs, ys, indices: of.indices, columns };
    };
    yield* runAhead(decoded, prepare, { concurrency: 1, ahead: 1, signal });
  }

  return {
    length,
    rowShape: pipeline?.rowShape ?? shape,
    classLabels,
    labels: images.labels,
    batchesPerPass: Math.ceil(length / batching.batchSize),
    images,
    still: pipeline === undefined,
    order: { batchSize: batching.batchSize, shuffle, sampling: batching.sampling, seed: batching.seed },
    batches,
    [Symbol.asyncIterator]: () => batches(),
  };
}

async function labelledImages(
  source: ImageSource,
  targetColumn: string | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly SourceImage[]> {
  const images: SourceImage[] = [];
  for await (const image of source) {
    signal?.throwIfAborted();
    if (targetColumn !== undefined) {
      const { label: _, ...rest } = image;
      if (rest.columns?.[targetColumn] === undefined) {
        throw new InvalidArgumentError(
          `Cannot train on "${image.name}": it has no column "${targetColumn}", which \`targetColumn\` names. Give the pictures their numbers with \`images.withColumns({ ${JSON.stringify(targetColumn)}: ... })\`.`,
        );
      }
      images.push(rest);
      continue;
    }
    if (image.label === undefined || source.classLabels.length === 0) {
      throw new InvalidArgumentError(
        `Cannot train on "${image.name}": it has no label. Give every picture the index of its class, as \`imageFolder\` and \`imageList\` with \`labels\` do, or name a column of theirs with \`targetColumn\`.`,
      );
    }
    images.push(image);
  }
  if (images.length === 0) throw new InvalidArgumentError("Cannot train on no pictures: give at least one.");
  return images;
}
