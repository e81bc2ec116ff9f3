import { InvalidArgumentError, InvalidDatasetError } from "../errors.js";
import type { Shape } from "../ndarray.js";
import { checkBoolean, describeValue } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { refuseNew } from "../options/refuse-new.js";
import { foldRows } from "../training/folds.js";
import { divideRows } from "../training/split.js";
import {
  type BatchOptions,
  batchOptionNames,
  type PartOptions,
  type PassOptions,
  type ResolvedBatchOptions,
  resolveBatchOptions,
} from "./batch-options.js";
import { type BatchDType, type DatasetBatch, type OneHotBatch, oneHot } from "./dataset-batch.js";
import { DatasetPasses } from "./dataset-passes.js";
import { createFitDataset, type FitDataset, type FitDatasetOptions } from "./fit-dataset.js";
import type { OpenDataset } from "./open-dataset.js";
import { balancedLength } from "./row-order.js";
import { createRowPipeline } from "./row-pipeline.js";
import { shuffleWarnings } from "./shuffle-warnings.js";

export type { BatchOptions, BlockShuffle, PartOptions, PassOptions, ResolvedBatchOptions } from "./batch-options.js";
export type { BatchColumn } from "./column-reader.js";
export type { BatchDType, DatasetBatch, OneHotBatch } from "./dataset-batch.js";

/**
 * Rows of an open data set: all, or a part of them. Parts share the open file and end when it is closed. Any number of
 * passes can run at once.
 *
 * @example
 * const { train, validation } = data.split({ validation: 0.25, stratify: true }); // two views of an HDF5DatasetGenerator
 * for await (const { xs, ys } of train.with({ batchSize: 64 })) console.log(xs.shape, ys.data);
 */
export class DatasetView<D extends BatchDType = "float32"> {
  /** Shape of one row of a batch. */
  readonly rowShape: Shape;
  /**
   * Shape of the labels of one row: `[]` for a class, `[k]` for k labels or multi-hot ones; `undefined` if the data set
   * has no labels.
   */
  readonly labelShape: Shape | undefined;
  /** Names of the classes; empty if the file has none. */
  readonly classLabels: readonly string[];
  /** Where each row of this view stands in the file, in the order of a pass that is not shuffled. */
  readonly indices: Uint32Array;
  protected readonly source: OpenDataset;
  protected readonly dtype: D;
  readonly #options: ResolvedBatchOptions;
  readonly #passRows: number;
  readonly #passes: DatasetPasses<D>;

  constructor(source: OpenDataset, indices: Uint32Array, dtype: D, options: ResolvedBatchOptions) {
    if (options === undefined) refuseNew("HDF5DatasetGenerator", "await HDF5DatasetGenerator.open(path)");
    this.source = source;
    this.indices = indices;
    this.dtype = dtype;
    const { augment, preprocessors } = options;
    const transforms = augment ? [augment, ...preprocessors] : preprocessors;
    const stored = { dtype: source.dtype === "uint8" ? "uint8" : "float32", shape: source.rowShape } as const;
    const pipeline = transforms.length > 0 ? createRowPipeline(transforms, stored, dtype) : undefined;
    this.#passes = new DatasetPasses(source, indices, dtype, options, pipeline);
    this.rowShape = pipeline?.rowShape ?? source.rowShape;
    this.labelShape = source.labelShape;
    this.classLabels = source.classLabels;
    this.#options = options;
    this.#passRows =
      options.sampling === "balanced" ? balancedLength(indices, this.#sourceLabels("sampling")) : indices.length;
  }

  /** Number of rows of a pass. */
  get length(): number {
    const { batchSize, dropLast } = this.#options;
    return dropLast ? Math.floor(this.#passRows / batchSize) * batchSize : this.#passRows;
  }

  /** Number of batches of a pass. */
  get batchesPerPass(): number {
    return Math.ceil(this.length / this.#options.batchSize);
  }

  /**
   * Class index of each row, in the order of `indices`; `undefined` if the data set has no labels, or several for each
   * row: those come with the batches only.
   */
  get labels(): Int32Array | undefined {
    const { labels } = this.source;
    return labels && Int32Array.from(this.indices, (index) => labels[index] as number);
  }

  /**
   * What makes passes many times slower than they need to be, in sentences that say what to do; empty if nothing does.
   * So far there is one such thing: `shuffle` of a chunked or compressed file larger than memory kept for it, where each
   * row costs a whole block. It is never said in another way, so print it where it will be seen.
   */
  get warnings(): readonly string[] {
    return shuffleWarnings(this.source, this.#options.shuffle);
  }

  /** How rows are given out, with every default filled in. */
  get settings(): ResolvedBatchOptions & { readonly dtype: D } {
    return { ...this.#options, dtype: this.dtype };
  }

  /** One pass: the same as {@link DatasetView.batches} without options. */
  [Symbol.asyncIterator](): AsyncGenerator<DatasetBatch<D>, void, undefined> {
    return this.batches();
  }

  /**
   * One pass over the rows, each of them once. The next batch is read while the receiver works with the current one.
   *
   * Without `shuffle` rows come in the order of `indices`. With `shuffle: true`, pass `p` has the order of
   * `numpy.random.RandomState(seed + p).shuffle` on them, where passes count from 0 in the order in which they are
   * begun, or as `pass` says.
   *
   * With `binarize: true` labels come as one-hot rows `[rows, classes]`; there are as many classes as names, or labels.
   *
   * With `reuse: true` each `xs` is valid only until the next batch is asked for: its memory is used again. That saves
   * most of the time of large batches that are done with at once.
   *
   * @throws ClosedError if the file is closed
   * @throws InvalidDatasetError if rows cannot be read, or with `binarize` there is not one class for each row
   */
  batches(options: PassOptions & { readonly binarize: true }): AsyncGenerator<OneHotBatch<D>, void, undefined>;
  batches(
    options?: PassOptions & { readonly binarize?: false | undefined },
  ): AsyncGenerator<DatasetBatch<D>, void, undefined>;
  batches(
    options: PassOptions & { readonly binarize?: boolean | undefined } = {},
  ): AsyncGenerator<DatasetBatch<D> | OneHotBatch<D>, void, undefined> {
    checkOptions("batches", options, { binarize: true, pass: true, reuse: true, signal: true });
    checkBoolean("binarize", options.binarize ?? false);
    return options.binarize ? this.#binarized(options) : this.#passes.batches(this.length, options);
  }

  async *#binarized(options: PassOptions): AsyncGenerator<OneHotBatch<D>, void, undefined> {
    const classes = this.#classes("binarize");
    for await (const batch of this.#passes.batches(this.length, options))
      yield { ...batch, ys: oneHot(batch.ys.data, classes) };
  }

  /**
   * Divides the rows at random. Equal, index for index, to scikit-learn's `train_test_split` with `random_state=seed`,
   * where `train` and `validation` are its train and test; with `test`, that part is split off first and `validation`
   * from the rest, both sizes counted from all rows. Balanced sampling and `augment` stay with `train`.
   *
   * @throws InvalidArgumentError if a part would be empty, or a class has too few rows for `stratify`
   */
  split(options: PartOptions & { readonly test: number }): DatasetParts<D> & { readonly test: DatasetView<D> };
  split(options: PartOptions): DatasetParts<D>;
  split(options: PartOptions): DatasetParts<D> & { readonly test?: DatasetView<D> } {
    checkOptions("split", options, { validation: true, test: true, stratify: true, seed: true });
    const { seed = this.#options.seed, stratify = false } = options;
    const labels = stratify ? this.#labelsFor("split") : undefined;
    const { train, validation, test } = divideRows(this.indices.length, { ...options, seed, labels });
    const parts = { train: this.#part(train), validation: this.#heldOut(validation) };
    return test ? { ...parts, test: this.#heldOut(test) } : parts;
  }

  /**
   * Divides the rows into `folds` parts for cross-validation: each is the validation part once. Equal to scikit-learn's
   * `KFold(folds, shuffle=True, random_state=seed)`, with `stratify` to `StratifiedKFold`, and with `shuffle: false` to those
   * without `shuffle`.
   *
   * @throws InvalidArgumentError if there are too few rows
   */
  kFold(
    folds: number,
    options: {
      readonly stratify?: boolean | undefined;
      readonly seed?: number | undefined;
      /** @default true */
      readonly shuffle?: boolean | undefined;
    } = {},
  ): readonly DatasetParts<D>[] {
    checkOptions("kFold", options, { stratify: true, seed: true, shuffle: true });
    const { seed = this.#options.seed, stratify = false, shuffle = true } = options;
    const labels = stratify ? this.#labelsFor("kFold") : undefined;
    return foldRows(this.indices.length, { folds, stratify: labels, seed, shuffle }).map(({ train, validation }) => ({
      train: this.#part(train),
      validation: this.#heldOut(validation),
    }));
  }

  /**
   * Only some rows, by their place in this view. A row may stand there more than once.
   *
   * @throws InvalidArgumentError for a place outside of the view
   */
  subset(places: ArrayLike<number>): DatasetView<D> {
    if (!Number.isInteger((places as Partial<ArrayLike<number>> | null | undefined)?.length)) {
      throw new InvalidArgumentError(
        `\`places\` is ${describeValue(places)}: expected a list of places of rows, such as [0, 1].`,
      );
    }
    return this.#part(
      Uint32Array.from(places, (place) => {
        if (!Number.isInteger(place) || place < 0 || place >= this.indices.length) {
          throw new InvalidArgumentError(`\`subset\`: there is no row ${place} among ${this.indices.length}.`);
        }
        return place;
      }),
    );
  }

  /**
   * What `fitDataset` and `evaluateDataset` of an app's own TensorFlow.js model take. Labels of several values come as
   * they are, `[batch, ...labelShape]`: multi-hot ones fit `binaryCrossentropy`.
   *
   * @example
   * await model.fitDataset(train.dataset({ tf }), { epochs: 20, validationData: validation.dataset({ tf }) });
   *
   * @throws InvalidDatasetError if the data set has no labels
   * @throws InvalidArgumentError if labels of several values are to be one-hot rows
   */
  dataset<T = unknown>(options: FitDatasetOptions<T> = {}): FitDataset<T> {
    checkOptions("dataset", options, { tf: true, binarize: true, classes: true, repeat: true });
    const several = (this.labelShape?.length ?? 0) > 0;
    return createFitDataset(
      {
        batchesPerPass: this.batchesPerPass,
        classes: several ? undefined : this.#classes("dataset"),
        batches: () => this.batches() as AsyncIterator<DatasetBatch>,
      },
      options,
    );
  }

  /**
   * The same rows, given out in another way. What is left out stays as it is.
   *
   * @throws InvalidArgumentError for options out of range
   */
  with(options: BatchOptions): DatasetView<D> {
    checkOptions("with", options, batchOptionNames);
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    return new DatasetView(this.source, this.indices, this.dtype, resolveBatchOptions({ ...this.#options, ...given }));
  }

  #part(places: Uint32Array, options = this.#options): DatasetView<D> {
    const indices = places.map((place) => this.indices[place] as number);
    return new DatasetView(this.source, indices, this.dtype, options);
  }

  /** A part that measures: every row once, as it is. */
  #heldOut(places: Uint32Array): DatasetView<D> {
    return this.#part(places, { ...this.#options, sampling: "each", augment: undefined });
  }

  /** Number of classes of one-hot rows. */
  #classes(method: string): number {
    const used = this.#labelsFor(method).reduce((greatest, label) => Math.max(greatest, label), -1) + 1;
    return Math.max(this.classLabels.length, used);
  }

  #labelsFor(method: string): Int32Array {
    const labels = this.#sourceLabels(method);
    return Int32Array.from(this.indices, (index) => labels[index] as number);
  }

  #sourceLabels(what: string): Int32Array {
    const { name, labels, labelShape } = this.source;
    if (labels) return labels;
    if (labelShape) {
      throw new InvalidDatasetError(
        name,
        `\`${what}\` needs one class for each row, but the labels of a row of "${name}" have shape [${labelShape.join(", ")}]. They come with the batches as they are; \`labelKey\` may name a dataset with one class for each row.`,
      );
    }
    throw new InvalidDatasetError(
      name,
      `\`${what}\` needs labels, but "${name}" was opened without. Name them with \`labelKey\`.`,
    );
  }
}

/** Parts of a data set. */
export interface DatasetParts<D extends BatchDType = "float32"> {
  readonly train: DatasetView<D>;
  readonly validation: DatasetView<D>;
}
