import { InvalidArgumentError, InvalidDatasetError } from "../errors.js";
import type { NdArray, Shape } from "../ndarray.js";
import { createRandom } from "../random.js";
import { checkSeed, foldRows, splitRows } from "../training/split.js";
import { createFitDataset, type FitDataset, type FitDatasetOptions } from "./fit-dataset.js";
import type { OpenDataset } from "./open-dataset.js";
import { rowsAsFloat32 } from "./row-reader.js";

/** Element types in which rows can be given out. */
export type BatchDType = "float32" | "uint8";

/**
 * Some rows with their labels. The arrays are the receiver's own and never written to again, unless the pass was begun
 * with `reuse: true`: then `xs` is valid until the next batch is asked for.
 */
export interface DatasetBatch<D extends BatchDType = BatchDType> {
  /** `[rows, ...rowShape]` */
  readonly xs: NdArray<D>;
  /** `[rows]` class indices; `[0]` if the data set has no labels. */
  readonly ys: NdArray<"int32">;
  /** Where each row stands in the file. */
  readonly indices: Uint32Array;
}

/** How rows are given out. */
export interface BatchOptions {
  /** @default 32 */
  readonly batchSize?: number | undefined;
  /** A new random order of the rows for every pass. @default false */
  readonly shuffle?: boolean | undefined;
  /** Seed of the orders and splits. @default 0 */
  readonly seed?: number | undefined;
  /** Leaves out the rows that do not fill a last batch. @default false */
  readonly dropLast?: boolean | undefined;
  /** Batches that are read ahead while the receiver works. @default 1 */
  readonly prefetch?: number | undefined;
}

/** How one pass is to run. */
export interface PassOptions {
  /** Stops the pass between two batches; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Number of the pass, which decides its order. @default counted from 0 */
  readonly pass?: number | undefined;
  /** Uses the memory of a batch again once the next is asked for. @default false */
  readonly reuse?: boolean | undefined;
}

/** Sizes of the parts of a data set. A fraction of its rows (rounded up), or a number of rows. */
export interface PartOptions {
  readonly validation: number;
  readonly test?: number | undefined;
  /** Gives each part every class in proportion. @default false */
  readonly stratify?: boolean | undefined;
  /** @default the seed of the view */
  readonly seed?: number | undefined;
}

/** Options with their defaults filled in. */
export interface ResolvedBatchOptions {
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly dropLast: boolean;
  readonly prefetch: number;
}

/** Fills in defaults and checks ranges. */
export function resolveBatchOptions(options: BatchOptions): ResolvedBatchOptions {
  const { batchSize = 32, shuffle = false, seed = 0, dropLast = false, prefetch = 1 } = options;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new InvalidArgumentError(`\`batchSize\` must be a number of rows, at least 1; received ${batchSize}.`);
  }
  if (!Number.isSafeInteger(prefetch) || prefetch < 0 || prefetch > 64) {
    throw new InvalidArgumentError(`\`prefetch\` must be a number of batches from 0 to 64; received ${prefetch}.`);
  }
  return { batchSize, shuffle, seed: checkSeed(seed), dropLast, prefetch };
}

/**
 * Rows of an open data set: all, or a part of them. Parts share the open file and end when it is closed. Any number of
 * passes can run at once.
 */
export class DatasetView<D extends BatchDType = "float32"> {
  /** Shape of one row. */
  readonly rowShape: Shape;
  /** Names of the classes; empty if the file has none. */
  readonly classLabels: readonly string[];
  /** Where each row of this view stands in the file, in the order of a pass that is not shuffled. */
  readonly indices: Uint32Array;
  protected readonly source: OpenDataset;
  protected readonly dtype: D;
  readonly #options: ResolvedBatchOptions;
  #passes = 0;

  constructor(source: OpenDataset, indices: Uint32Array, dtype: D, options: ResolvedBatchOptions) {
    this.source = source;
    this.indices = indices;
    this.dtype = dtype;
    this.rowShape = source.rowShape;
    this.classLabels = source.classLabels;
    this.#options = options;
  }

  /** Number of rows of a pass. */
  get length(): number {
    const { batchSize, dropLast } = this.#options;
    return dropLast ? Math.floor(this.indices.length / batchSize) * batchSize : this.indices.length;
  }

  /** Number of batches of a pass. */
  get batchesPerPass(): number {
    return Math.ceil(this.length / this.#options.batchSize);
  }

  /** Class index of each row, in the order of `indices`; `undefined` if the data set has no labels. */
  get labels(): Int32Array | undefined {
    const { labels } = this.source;
    return labels && Int32Array.from(this.indices, (index) => labels[index] as number);
  }

  /** One pass: the same as {@link DatasetView.batches} without options. */
  [Symbol.asyncIterator](): AsyncGenerator<DatasetBatch<D>, void, undefined> {
    return this.batches();
  }

  /**
   * One pass over the rows, each of them once. The next batch is read while the receiver works with the current one.
   *
   * Without `shuffle` rows come in the order of `indices`. With it, pass `p` has the order of
   * `numpy.random.RandomState(seed + p).shuffle` on them, where passes count from 0 in the order in which they are
   * begun, or as `pass` says.
   *
   * With `reuse: true` each `xs` is valid only until the next batch is asked for: its memory is used again. That saves
   * most of the time of large batches that are done with at once.
   *
   * @throws ClosedError if the file is closed
   * @throws InvalidDatasetError if rows cannot be read
   */
  async *batches(options: PassOptions = {}): AsyncGenerator<DatasetBatch<D>, void, undefined> {
    const { signal, pass = this.#passes++, reuse = false } = options;
    const { batchSize, prefetch } = this.#options;
    const order = this.#order(pass);
    const rows = this.length;
    const reads: Promise<DatasetBatch<D>>[] = [];
    const buffers: NdArray[] = [];
    let next = 0;
    try {
      for (let start = 0; start < rows; start += batchSize) {
        signal?.throwIfAborted();
        for (; next < rows && reads.length <= prefetch; next += batchSize) {
          const read = this.#read(order.slice(next, Math.min(next + batchSize, rows)), buffers.pop());
          // A read ahead may fail before anybody waits for it; the error is kept until then.
          read.catch(() => undefined);
          reads.push(read);
        }
        const batch = await (reads.shift() as Promise<DatasetBatch<D>>);
        yield batch;
        if (reuse) buffers.push(batch.xs as NdArray);
      }
    } finally {
      await Promise.allSettled(reads);
    }
  }

  /**
   * Divides the rows at random. Equal, index for index, to scikit-learn's `train_test_split` with `random_state=seed`,
   * where `train` and `validation` are its train and test; with `test`, that part is split off first and `validation`
   * from the rest, both sizes counted from all rows.
   *
   * @throws InvalidArgumentError if a part would be empty, or a class has too few rows for `stratify`
   */
  split(options: PartOptions & { readonly test: number }): DatasetParts<D> & { readonly test: DatasetView<D> };
  split(options: PartOptions): DatasetParts<D>;
  split(options: PartOptions): DatasetParts<D> & { readonly test?: DatasetView<D> } {
    const { seed = this.#options.seed, stratify = false } = options;
    const labels = stratify ? this.#labelsFor("split") : undefined;
    const part = (rows: Uint32Array) => this.#part(rows);
    const divide = (rows: Uint32Array, size: number) => {
      const strata = labels && Array.from(rows, (row) => labels[row] as number);
      const { first, second } = splitRows(rows.length, { size, stratify: strata, seed });
      return {
        first: first.map((at) => rows[at] as number),
        second: second.map((at) => rows[at] as number),
      };
    };
    const all = Uint32Array.from({ length: this.indices.length }, (_, i) => i);
    const count = (size: number) => (size > 0 && size < 1 ? Math.ceil(size * all.length) : size);
    if (options.test === undefined) {
      const { first, second } = divide(all, options.validation);
      return { train: part(first), validation: part(second) };
    }
    const outer = divide(all, options.test);
    const inner = divide(outer.first, count(options.validation));
    return { train: part(inner.first), validation: part(inner.second), test: part(outer.second) };
  }

  /**
   * Divides the rows into `folds` parts for cross-validation: each is the validation part once. Equal to scikit-learn's
   * `KFold(folds, shuffle=True, random_state=seed)`, with `stratify` to `StratifiedKFold`.
   *
   * @throws InvalidArgumentError if there are too few rows
   */
  kFold(
    folds: number,
    options: { readonly stratify?: boolean | undefined; readonly seed?: number | undefined } = {},
  ): readonly DatasetParts<D>[] {
    const { seed = this.#options.seed, stratify = false } = options;
    const labels = stratify ? this.#labelsFor("kFold") : undefined;
    return foldRows(this.indices.length, { folds, stratify: labels, seed }).map(({ train, validation }) => ({
      train: this.#part(train),
      validation: this.#part(validation),
    }));
  }

  /**
   * Only some rows, by their place in this view. A row may stand there more than once.
   *
   * @throws InvalidArgumentError for a place outside of the view
   */
  subset(places: ArrayLike<number>): DatasetView<D> {
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
   * What `fitDataset` and `evaluateDataset` of an app's own TensorFlow.js model take.
   *
   * @example
   * await model.fitDataset(train.dataset({ tf }), { epochs: 20, validationData: validation.dataset({ tf }) });
   *
   * @throws InvalidDatasetError if the data set has no labels
   */
  dataset<T = unknown>(options: FitDatasetOptions<T> = {}): FitDataset<T> {
    const labels = this.#labelsFor("dataset");
    const used = labels.reduce((greatest, label) => Math.max(greatest, label), -1) + 1;
    return createFitDataset(
      {
        batchesPerPass: this.batchesPerPass,
        classes: Math.max(this.classLabels.length, used),
        batches: () => this.batches() as AsyncIterator<DatasetBatch>,
      },
      options,
    );
  }

  #part(places: Uint32Array): DatasetView<D> {
    const indices = places.map((place) => this.indices[place] as number);
    return new DatasetView(this.source, indices, this.dtype, this.#options);
  }

  #labelsFor(method: string): Int32Array {
    const { labels } = this;
    if (labels) return labels;
    throw new InvalidDatasetError(
      this.source.name,
      `\`${method}\` needs labels, but "${this.source.name}" was opened without. Name them with \`labelKey\`.`,
    );
  }

  #order(pass: number): Uint32Array {
    const { shuffle, seed } = this.#options;
    if (!shuffle) return this.indices;
    const order = this.indices.slice();
    createRandom((seed + pass) >>> 0).shuffle(order);
    return order;
  }

  async #read(indices: Uint32Array, buffer?: NdArray): Promise<DatasetBatch<D>> {
    const { source } = this;
    const rows = await source.read(indices, buffer);
    const xs = this.dtype === "uint8" ? rows : rowsAsFloat32(rows, source.name, source.path);
    const labels = source.labels;
    const ys = labels ? Int32Array.from(indices, (index) => labels[index] as number) : new Int32Array(0);
    return { xs: xs as NdArray<D>, ys: { dtype: "int32", shape: [ys.length], data: ys }, indices };
  }
}

/** Parts of a data set. */
export interface DatasetParts<D extends BatchDType = "float32"> {
  readonly train: DatasetView<D>;
  readonly validation: DatasetView<D>;
}
