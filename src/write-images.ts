import { InvalidArgumentError, isCnnTransferError } from "./errors.js";
import { HDF5DatasetGenerator } from "./hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "./hdf5-dataset-writer.js";
import { type ChannelSums, createChannelSums } from "./images/channel-sums.js";
import { checkImageSource } from "./images/check-image-source.js";
import type { ImageSource, SourceImage } from "./images/image-source.js";
import { type LoadImagesOptions, loadImages, loadImagesOptionNames, type SkippedImage } from "./images/load-images.js";
import { namesChecksum } from "./images/names-checksum.js";
import { checkText } from "./options/check-option.js";
import { checkOptions, type OptionNames } from "./options/check-options.js";
import { splitRows } from "./training/split.js";

/** Sizes of parts of the pictures: fractions of them (rounded up), or numbers of pictures. */
export interface ImageSplitOptions {
  readonly validation: number;
  readonly test?: number | undefined;
  /** Gives each part every class in proportion. @default true where all pictures have labels */
  readonly stratify?: boolean | undefined;
  /** @default 0 */
  readonly seed?: number | undefined;
}

/** How pictures become a data set. */
export interface WriteImagesOptions extends Omit<LoadImagesOptions, "decode"> {
  /**
   * Writes a file for each part instead of one: `animals.hdf5` becomes `animals.train.hdf5`, `animals.validation.hdf5`
   * and, with `test`, `animals.test.hdf5`. The parts are those of scikit-learn's `train_test_split`, `test` split off
   * first. @default none
   */
  readonly split?: ImageSplitOptions | undefined;
  /** Name of the dataset of the pictures. @default "images" */
  readonly dataKey?: string | undefined;
  /** Replaces files that exist, once the new ones are complete. @default false */
  readonly overwrite?: boolean | undefined;
  /** Continues where an earlier run was stopped; files that are complete already are left as they are. @default false */
  readonly resume?: boolean | undefined;
  /** Takes a file over from a process of another machine, as in `HDF5DatasetWriter`. @default false */
  readonly takeOver?: boolean | undefined;
  /** Compresses the pictures when a file is closed. @default none */
  readonly compression?: { readonly gzip: number } | undefined;
  /** Called after each batch. */
  readonly onProgress?: ((progress: WriteImagesProgress) => void) | undefined;
}

const { decode: _, ...ownLoadImagesOptionNames } = loadImagesOptionNames;
const writeImagesOptionNames: OptionNames<WriteImagesOptions> = {
  ...ownLoadImagesOptionNames,
  ...{ split: true, dataKey: true, overwrite: true, resume: true, takeOver: true, compression: true, onProgress: true },
};

/** How far the writing of pictures is. */
export interface WriteImagesProgress {
  /** File that is being written. */
  readonly path: string;
  /** Pictures of it that are done, skipped ones included. */
  readonly done: number;
  readonly total: number;
}

/** One file of pictures that was written. */
export interface WrittenImages {
  readonly part: "all" | "train" | "validation" | "test";
  readonly path: string;
  /** Pictures in it. */
  readonly rows: number;
  /** Pictures that this run left out, with the reason. */
  readonly skipped: readonly SkippedImage[];
}

/** What was written. */
export interface WriteImagesSummary {
  readonly files: readonly WrittenImages[];
  /** Means of red, green and blue over the pictures of the first file, 0 to 255: what a network subtracts from pixels. */
  readonly channelMeans: readonly [number, number, number];
}

/**
 * Turns pictures into an HDF5 data set for training without decoding: `images` `[rows, height, width, 3]` uint8 RGB,
 * `labels`, `label_names` and `file_names`, with the channel means as the attribute `channel_means` (those of the
 * training pictures in every part). Memory stays constant; a run that was stopped continues with `resume: true`.
 *
 * @example
 * const images = await imageFolder("animals/");
 * await writeImages(images, "animals.hdf5", { size: [256, 256], keepAspectRatio: true, split: { validation: 0.2 } });
 * await using train = await HDF5DatasetGenerator.open("animals.train.hdf5", { shuffle: true, dtype: "uint8" });
 *
 * @throws InvalidArgumentError if an option is out of range, `resume` meets other pictures or settings, or a shard
 *   is to be split
 * @throws FileAccessError if a file exists, or cannot be written
 * @throws ImageDecodeError if a picture cannot be decoded and `onError` is `"throw"`
 */
export async function writeImages(
  source: ImageSource,
  path: string,
  options: WriteImagesOptions,
): Promise<WriteImagesSummary> {
  checkOptions("writeImages", options, writeImagesOptionNames);
  checkImageSource("source", source);
  checkText("path", path, 'the path of a file, such as "animals.hdf5"');
  if (options.split) checkOptions("split", options.split, { validation: true, test: true, stratify: true, seed: true });
  if (options.split && source.attributes?.shard !== undefined) {
    throw new InvalidArgumentError(
      "`split` cannot divide a shard, as the parts are of all images. Write the shards without `split`, merge them, and divide the data set with its method `split`.",
    );
  }
  const items: SourceImage[] = [];
  for await (const item of source) {
    options.signal?.throwIfAborted();
    items.push(item);
  }
  const parts = divide(items, path, options.split);
  const files: WrittenImages[] = [];
  let channelMeans: readonly [number, number, number] | undefined;
  for (const { part, file, pictures } of parts) {
    const written = await writeFile(pictures, file, source, options, channelMeans);
    channelMeans = written.channelMeans;
    files.push({ part, path: file, rows: written.rows, skipped: written.skipped });
  }
  return { files, channelMeans: channelMeans ?? [0, 0, 0] };
}

interface Part {
  readonly part: WrittenImages["part"];
  readonly file: string;
  readonly pictures: readonly SourceImage[];
}

function divide(items: readonly SourceImage[], path: string, split: ImageSplitOptions | undefined): readonly Part[] {
  if (!split) return [{ part: "all", file: path, pictures: items }];
  const { seed = 0 } = split;
  const labels = items.map((item) => item.label);
  const known = labels.every((label) => label !== undefined);
  const { stratify = known } = split;
  if (stratify && !known) {
    throw new InvalidArgumentError("`split.stratify` needs a label for every picture, and some have none.");
  }
  const cut = (rows: readonly number[], size: number) => {
    const strata = stratify ? rows.map((row) => labels[row] as number) : undefined;
    const { first, second } = splitRows(rows.length, { size, stratify: strata, seed });
    return [Array.from(first, (at) => rows[at] as number), Array.from(second, (at) => rows[at] as number)] as const;
  };
  const count = (size: number) => (size > 0 && size < 1 ? Math.ceil(size * items.length) : size);
  const all = items.map((_, i) => i);
  const [rest, test] = split.test === undefined ? [all, undefined] : cut(all, split.test);
  const [train, validation] = cut(rest, count(split.validation));
  const place = (part: Part["part"], rows: readonly number[]): Part => ({
    part,
    file: /\.[^./\\]+$/u.test(path) ? path.replace(/(\.[^./\\]+)$/u, `.${part}$1`) : `${path}.${part}`,
    pictures: rows.map((row) => items[row] as SourceImage),
  });
  return [place("train", train), place("validation", validation), ...(test ? [place("test", test)] : [])];
}

async function writeFile(
  pictures: readonly SourceImage[],
  path: string,
  source: ImageSource,
  options: WriteImagesOptions,
  knownMeans: readonly [number, number, number] | undefined,
) {
  const { classLabels } = source;
  const { size, dataKey = "images", overwrite, resume, takeOver, compression, signal, onProgress } = options;
  const { interpolation = "bilinear", keepAspectRatio = false, applyOrientation = false } = options;
  const attributes = {
    ...source.attributes,
    preparation: JSON.stringify({ size, interpolation, keepAspectRatio, applyOrientation }),
    image_list_crc32: namesChecksum(pictures.map((picture) => picture.name)),
  };
  const complete = resume && !overwrite ? await readComplete(path, dataKey, attributes) : undefined;
  if (complete) return { ...complete, skipped: [] };
  await using writer = await HDF5DatasetWriter.create(path, {
    rows: pictures.length,
    rowShape: [...size, 3],
    dtype: "uint8",
    dataKey,
    classLabels,
    overwrite,
    resume,
    takeOver,
    compression,
    attributes,
  });
  const sums = createChannelSums();
  if (writer.rowsWritten > 0 && !knownMeans) await addWrittenRows(sums, `${path}.partial`, dataKey, signal);
  const begun = writer.rowsWritten + writer.rowsSkipped;
  const left: ImageSource = listSource(pictures.slice(begun), classLabels);
  const skipped: SkippedImage[] = [];
  const { batchSize, maximumPixels, workers, concurrency, onError } = options;
  const preparation = { size, interpolation, keepAspectRatio, applyOrientation, maximumPixels };
  for await (const batch of loadImages(left, { ...preparation, batchSize, workers, concurrency, onError, signal })) {
    await writer.add(batch.pixels, batch.labels, { names: batch.names, skipped: batch.skipped.length });
    sums.add(batch.pixels.data);
    skipped.push(...batch.skipped);
    onProgress?.({ path, done: writer.rowsWritten + writer.rowsSkipped, total: pictures.length });
    signal?.throwIfAborted();
  }
  const channelMeans = knownMeans ?? sums.means();
  await writer.storeAttributes({ channel_means: channelMeans });
  const rows = writer.rowsWritten;
  await writer.close();
  return { rows, skipped, channelMeans };
}

/** A file that an earlier run has completed; `undefined` if there is none. */
async function readComplete(
  path: string,
  dataKey: string,
  expected: Readonly<Record<string, string | number>>,
): Promise<{ readonly rows: number; readonly channelMeans: readonly [number, number, number] } | undefined> {
  let file: HDF5DatasetGenerator<"uint8">;
  try {
    file = await HDF5DatasetGenerator.open(path, { dataKey, labelKey: null, allowIncomplete: true, dtype: "uint8" });
  } catch (error) {
    if (isCnnTransferError(error, "FileAccessError") && error.reason === "missing") return undefined;
    throw error;
  }
  try {
    const attributes = await file.attributes();
    for (const [name, value] of Object.entries(expected)) {
      if (String(attributes.get(name)) === String(value)) continue;
      throw new InvalidArgumentError(
        `Cannot resume "${path}": it is complete, but \`${name}\` is ${String(attributes.get(name))} there and would be ${value} now. Use the same pictures and settings, or pass \`overwrite: true\`.`,
      );
    }
    const [red, green, blue] = (attributes.get("channel_means") ?? []) as readonly number[];
    return { rows: file.length, channelMeans: [Number(red), Number(green), Number(blue)] };
  } finally {
    await file.close();
  }
}

function listSource(pictures: readonly SourceImage[], classLabels: readonly string[]): ImageSource {
  return {
    length: pictures.length,
    classLabels,
    async *[Symbol.asyncIterator]() {
      yield* pictures;
    },
  };
}

/** Takes in the pictures that an earlier run has written. */
async function addWrittenRows(
  sums: ChannelSums,
  path: string,
  dataKey: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const how = { dataKey, labelKey: null, allowIncomplete: true, dtype: "uint8" } as const;
  await using written = await HDF5DatasetGenerator.open(path, how);
  for await (const { xs } of written.batches({ signal, reuse: true })) sums.add(xs.data);
}
