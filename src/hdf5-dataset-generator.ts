import { InvalidArgumentError, InvalidDatasetError } from "./errors.js";
import { type BatchOptions, batchOptionNames, resolveBatchOptions } from "./hdf5/batch-options.js";
import type { AttributeValue } from "./hdf5/dataset-attributes.js";
import type { BatchDType } from "./hdf5/dataset-batch.js";
import { DatasetView } from "./hdf5/dataset-view.js";
import type { HDF5Engine, HDF5Source } from "./hdf5/engine.js";
import { openDataset } from "./hdf5/open-dataset.js";
import { openDatasets } from "./hdf5/open-datasets.js";
import type { Verification } from "./hdf5/verify-dataset.js";
import { checkOptions } from "./options/check-options.js";

export type { Verification } from "./hdf5/verify-dataset.js";

/** How a data set is to be opened and given out. */
export interface HDF5DatasetGeneratorOptions extends BatchOptions {
  /** Dataset of the rows. @default `features` or `images`, or the only dataset that can be meant */
  readonly dataKey?: string | undefined;
  /**
   * Dataset of the labels; `null` if there are none. One class for each row, or labels of any shape: several for each
   * row, or multi-hot ones. @default `labels`, or the only one with a single label for each row
   */
  readonly labelKey?: string | null | undefined;
  /**
   * Further datasets with values for each row, such as sample weights or names of files: each batch then has those of
   * its rows in `columns`. Of several files each must have them. Texts are kept in memory. @default none
   */
  readonly columns?: readonly string[] | undefined;
  /** Names of the classes, instead of those in the file. */
  readonly classLabels?: readonly string[] | undefined;
  /**
   * What reads the file. @default the library's own reader, and h5wasm for what that does not know, such as compressed
   * datasets
   */
  readonly engine?: HDF5Engine | undefined;
  /** Opens files whose writer was not closed, for the rows there are. @default false */
  readonly allowIncomplete?: boolean | undefined;
}

/**
 * Streams batches out of an HDF5 file that may be larger than memory: a file of {@link HDF5DatasetWriter}, of h5py and
 * the Python classes of the same name, or any other with one row per index.
 *
 * Every pass gives each row exactly once, the last, smaller batch included; `shuffle` mixes single rows, not batches.
 * Batches are plain arrays and belong to whoever receives them.
 *
 * @example
 * await using data = await HDF5DatasetGenerator.open("features.hdf5", { batchSize: 32, shuffle: true, seed: 1 });
 * const { train, validation } = data.split({ validation: 0.25, stratify: true });
 * for await (const { xs, ys } of train) console.log(xs.shape, ys.data);
 */
export class HDF5DatasetGenerator<D extends BatchDType = "float32"> extends DatasetView<D> implements AsyncDisposable {
  /**
   * Opens a file, or several as one data set: their rows follow each other in the order of the list. They must have the
   * same shape of rows, type and names of classes.
   *
   * Rows come as float32 whatever their type in the file: 64-bit floats are rounded, integers must be exact. With
   * `dtype: "uint8"` a file of bytes, such as images, comes as it is.
   *
   * @throws FileAccessError if the file cannot be read
   * @throws InvalidDatasetError if it is not HDF5, is damaged or incomplete, its datasets do not fit together, or one of several
   *   files does not fit to the first
   * @throws InvalidArgumentError for options out of range
   */
  static async open(
    source: HDF5Source | readonly HDF5Source[],
    options?: HDF5DatasetGeneratorOptions & { readonly dtype?: "float32" | undefined },
  ): Promise<HDF5DatasetGenerator<"float32">>;
  static async open(
    source: HDF5Source | readonly HDF5Source[],
    options: HDF5DatasetGeneratorOptions & { readonly dtype: "uint8" },
  ): Promise<HDF5DatasetGenerator<"uint8">>;
  static async open(
    source: HDF5Source | readonly HDF5Source[],
    options: HDF5DatasetGeneratorOptions & { readonly dtype?: BatchDType | undefined } = {},
  ): Promise<HDF5DatasetGenerator<BatchDType>> {
    checkOptions("HDF5DatasetGenerator.open", options, {
      ...batchOptionNames,
      ...{
        dataKey: true,
        labelKey: true,
        columns: true,
        classLabels: true,
        engine: true,
        allowIncomplete: true,
        dtype: true,
      },
    });
    const { dtype = "float32" } = options;
    if (dtype !== "float32" && dtype !== "uint8") {
      throw new InvalidArgumentError(`\`dtype\` must be "float32" or "uint8", received "${String(dtype)}".`);
    }
    const batches = resolveBatchOptions(options);
    const opened = isList(source) ? await openDatasets(source, options) : await openDataset(source, options);
    try {
      if (dtype === "uint8" && opened.dtype !== "uint8") {
        throw new InvalidDatasetError(
          opened.name,
          `"${opened.path}" in "${opened.name}" holds ${opened.dtype}, not uint8. Leave \`dtype\` out to read it as float32.`,
        );
      }
      const all = Uint32Array.from({ length: opened.rows }, (_, i) => i);
      return new HDF5DatasetGenerator(opened, all, dtype, batches);
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /** Names stored beside the rows, such as the files of the pictures; `undefined` if not all rows have one. */
  fileNames(): Promise<readonly string[] | undefined> {
    return this.source.fileNames();
  }

  /**
   * Facts about the data: the attributes of the file's root; of several files those that are the same in all. 64-bit
   * integers beyond 2^53 are rounded.
   */
  attributes(): Promise<ReadonlyMap<string, AttributeValue>> {
    return this.source.attributes();
  }

  /**
   * Reads the whole data set, rows, labels, names and further columns, and compares each with the checksum that
   * {@link HDF5DatasetWriter} stores. What has none is told; of several files, what has none in one of them.
   *
   * @throws InvalidDatasetError if one differs, or the rows have no checksum; of several files, the first that is so
   */
  verify(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Verification> {
    checkOptions("verify", options, { signal: true });
    return this.source.verify(options.signal);
  }

  /** Closes the file. Views of it end too. Safe to call twice. */
  close(): Promise<void> {
    return this.source.close();
  }

  /** Same as {@link HDF5DatasetGenerator.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function isList(source: HDF5Source | readonly HDF5Source[]): source is readonly HDF5Source[] {
  return Array.isArray(source);
}
