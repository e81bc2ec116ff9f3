import type { AbortOptions } from "./backends/backend.js";
import { InvalidArgumentError } from "./errors.js";
import type { HDF5Engine, HDF5Source } from "./hdf5/engine.js";
import type { NdArray, Shape } from "./ndarray.js";
import { type NeighborsSettings, openNeighbors, writeNeighbors } from "./neighbors-file.js";
import { checkBoolean, checkOneOf, describeValue } from "./options/check-option.js";
import { checkOptions } from "./options/check-options.js";
import { refuseNew } from "./options/refuse-new.js";
import { type ClassifyOptions, type ClassProbability, classifyRows } from "./training/classify-rows.js";
import { type Evaluation, evaluatePredictor } from "./training/evaluate.js";
import { checkFeatures } from "./training/float32-rows.js";
import type { SaveHeadOptions } from "./training/head-options.js";
import { targetOf } from "./training/logistic/fit-logistic.js";
import { type RepeatedPasses, repeatedPasses } from "./training/logistic/repeated-passes.js";
import { predictedClasses } from "./training/metrics.js";
import { type NearRow, nearestRows } from "./training/nearest-rows.js";
import type { Target } from "./training/target.js";
import type { TrainingData } from "./training/training-data.js";

/** Options of {@link KNeighborsClassifier.fit}. */
export interface KNeighborsOptions extends AbortOptions {
  /** How many of the nearest rows have a say. @default 5 */
  readonly neighbors?: number | undefined;
  /** Whether each has the same say, or one over its distance. @default "uniform" */
  readonly weights?: "uniform" | "distance" | undefined;
  /** `"euclidean"` looks at lengths too, `"cosine"` at directions only. @default "cosine" */
  readonly metric?: "cosine" | "euclidean" | undefined;
  /** Rows up to this many bytes stay in memory between predictions; 0 keeps none. @default 268435456 (256 MiB) */
  readonly cacheBytes?: number | undefined;
  /** Names of the classes. @default those of the data */
  readonly classLabels?: readonly string[] | undefined;
  /** Shape of one row. @default that of the data */
  readonly inputShape?: Shape | undefined;
}

/** Options of {@link KNeighborsClassifier.load}. */
export interface LoadNeighborsOptions extends AbortOptions {
  /** Rows up to this many bytes stay in memory between predictions; 0 keeps none. @default 268435456 (256 MiB) */
  readonly cacheBytes?: number | undefined;
  /** Reads the file. @default the library's own reader, and h5wasm for what that does not know */
  readonly engine?: HDF5Engine | undefined;
}

/** Cosine distances below this are what rounding leaves of 0. */
const cosineRounding = 1e-14;

/**
 * The k nearest rows have a vote: a classifier for tiny sets, which learns nothing and can explain itself by pictures.
 * Equal to scikit-learn 1.9's `KNeighborsClassifier`, whose `metric` is "euclidean" by default; of rows that are equally far,
 * the one that comes first in a pass counts as the nearer.
 *
 * Rows stay where they are: those that fit into `cacheBytes` in memory, others are read again, in one pass, for each call
 * and for each batch of `evaluate`. The data has to stay open. Saved, they are in a file of the classifier's own.
 *
 * @example
 * const model = await KNeighborsClassifier.fit(train, { neighbors: 5 });
 * console.log((await model.evaluate(validation)).toString());
 */
export class KNeighborsClassifier implements AsyncDisposable {
  readonly #passes: RepeatedPasses;
  readonly #rows: number;
  readonly #target: Target;
  readonly #settings: NeighborsSettings;
  readonly #release: () => Promise<void>;

  /** Shape of one row of features. */
  readonly inputShape: Shape;
  /** Names of the classes, in the order of the probabilities. */
  readonly classLabels: readonly string[];

  private constructor(
    passes: RepeatedPasses,
    rows: number,
    target: Target,
    settings: NeighborsSettings,
    release: () => Promise<void>,
  ) {
    if (release === undefined) refuseNew("KNeighborsClassifier", "await KNeighborsClassifier.fit(data)");
    this.#passes = passes;
    this.#rows = rows;
    this.#target = target;
    this.#settings = settings;
    this.#release = release;
    this.inputShape = target.inputShape;
    this.classLabels = target.classLabels;
  }

  /**
   * Goes over the rows once, and checks them.
   *
   * @throws InvalidArgumentError for options out of range, fewer rows than `neighbors`, data that is empty, a class out of
   * range, or features that are NaN or infinite
   * @throws ShapeMismatchError if rows have another shape than `inputShape`, or are fewer or more than `length`
   */
  static async fit(data: TrainingData, options: KNeighborsOptions = {}): Promise<KNeighborsClassifier> {
    checkOptions("KNeighborsClassifier.fit", options, {
      neighbors: true,
      weights: true,
      metric: true,
      cacheBytes: true,
      classLabels: true,
      inputShape: true,
      signal: true,
    });
    return KNeighborsClassifier.#fit(data, options, async () => undefined);
  }

  static async #fit(
    data: TrainingData,
    options: KNeighborsOptions,
    release: () => Promise<void>,
  ): Promise<KNeighborsClassifier> {
    const { neighbors = 5, weights = "uniform", metric = "cosine", cacheBytes = 2 ** 28, signal } = options;
    if (!Number.isInteger(neighbors) || neighbors < 1) {
      throw new InvalidArgumentError(
        `\`neighbors\` is ${describeValue(neighbors)}: expected an integer of at least 1.`,
      );
    }
    checkOneOf("weights", weights, ["uniform", "distance"]);
    checkOneOf("metric", metric, ["cosine", "euclidean"]);
    if (!(cacheBytes >= 0)) {
      throw new InvalidArgumentError(
        `\`cacheBytes\` is ${describeValue(cacheBytes)}: expected a number of bytes, 0 to keep no rows in memory.`,
      );
    }
    const target = targetOf("data", data, options);
    if (neighbors > data.length) {
      throw new InvalidArgumentError(
        `\`neighbors\` is ${neighbors}, but \`data\` has ${data.length} rows. Ask fewer neighbours, or give more rows.`,
      );
    }
    // Later passes belong to later calls, which have signals of their own.
    const passes = repeatedPasses("data", data, target, cacheBytes, undefined);
    signal?.throwIfAborted();
    for await (const _ of passes.pass()) signal?.throwIfAborted();
    return new KNeighborsClassifier(passes, data.length, target, { neighbors, weights, metric }, release);
  }

  /**
   * Opens a classifier that was saved, and checks all of its rows. Those that do not fit into `cacheBytes` are read from the file
   * again and again, which stays open until `close`.
   *
   * @throws FileAccessError if the file cannot be read
   * @throws InvalidDatasetError if it is not HDF5, or is damaged
   * @throws InvalidModelError if it holds another classifier or none, or settings that cannot be
   *
   * @example
   * await using model = await KNeighborsClassifier.load("animals.knn.hdf5");
   */
  static async load(source: HDF5Source, options: LoadNeighborsOptions = {}): Promise<KNeighborsClassifier> {
    checkOptions("KNeighborsClassifier.load", options, { engine: true, cacheBytes: true, signal: true });
    const { data, settings } = await openNeighbors(source, options);
    try {
      const { cacheBytes, signal } = options;
      return await KNeighborsClassifier.#fit(data, { ...settings, cacheBytes, signal }, () => data.close());
    } catch (error) {
      await data.close();
      throw error;
    }
  }

  /**
   * For each row of features `[rows, ...inputShape]` the index of the most probable class, `[rows]`.
   *
   * @throws InvalidArgumentError if a feature is NaN or infinite, or with "cosine" a row is all zeros
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   */
  async predict(xs: NdArray, options: AbortOptions = {}): Promise<NdArray<"int32">> {
    checkOptions("predict", options, { signal: true });
    const data = predictedClasses(await this.#probabilities("predict", xs, options.signal));
    return { dtype: "int32", shape: [data.length], data };
  }

  /**
   * Each class's part of the neighbours' votes, `[rows, classes]`, for features `[rows, ...inputShape]`.
   *
   * @throws InvalidArgumentError if a feature is NaN or infinite, or with "cosine" a row is all zeros
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   */
  async predictProbabilities(xs: NdArray, options: AbortOptions = {}): Promise<NdArray<"float64">> {
    checkOptions("predictProbabilities", options, { signal: true });
    return this.#probabilities("predictProbabilities", xs, options.signal);
  }

  /**
   * For each row of features `[rows, ...inputShape]` the most probable classes, the best first.
   *
   * @throws InvalidArgumentError if `top` is not a positive integer, a feature is NaN or infinite, or with "cosine" a row is all zeros
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   */
  async classify(xs: NdArray, options: ClassifyOptions = {}): Promise<readonly (readonly ClassProbability[])[]> {
    checkOptions("classify", options, { top: true, signal: true });
    return classifyRows(this, options, () => this.#probabilities("classify", xs, options.signal));
  }

  /**
   * Predicts every row once and compares with its class, as `TransferHead.evaluate` does. Probabilities of 0 are common
   * here: each such row adds 87.3 to the sum behind the loss.
   *
   * @throws InvalidArgumentError if data is empty, has other classes, a class out of range, or features that are NaN,
   * infinite, or with "cosine" all zeros
   * @throws ShapeMismatchError if rows have another shape than `inputShape`, or are fewer or more than `length`
   */
  async evaluate(data: TrainingData, options: AbortOptions = {}): Promise<Evaluation> {
    checkOptions("evaluate", options, { signal: true });
    return evaluatePredictor(
      async (xs, signal) => {
        const probabilities = await this.#probabilities("evaluate", xs, signal);
        return { probabilities, classes: predictedClasses(probabilities) };
      },
      "data",
      data,
      this.#target,
      { penalty: 0, signal: options.signal },
    );
  }

  /**
   * Saves rows, classes and settings in one HDF5 file, batch by batch. It is also a data set of features, for
   * {@link HDF5DatasetGenerator} and h5py. A file at the path is replaced in one step, once the new one is whole.
   *
   * @throws FileAccessError if the file cannot be written, or exists and `overwrite` is false
   */
  async save(path: string, options: Pick<SaveHeadOptions, "overwrite"> = {}): Promise<void> {
    checkOptions("save", options, { overwrite: true });
    const { overwrite = true } = options;
    checkBoolean("overwrite", overwrite);
    const file = { rows: this.#rows, target: this.#target, settings: this.#settings, overwrite };
    await writeNeighbors(path, this.#passes.pass(), file);
  }

  /** Closes the file of a classifier that was loaded; data that was fitted stays open. Safe to call twice. */
  async close(): Promise<void> {
    await this.#release();
  }

  /** Same as {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #probabilities(method: string, xs: NdArray, signal: AbortSignal | undefined): Promise<NdArray<"float64">> {
    const queries = checkFeatures(method, xs, this.inputShape);
    const { neighbors, metric } = this.#settings;
    // Of this pass alone: data of one's own may come in another order each time.
    const labels = new Int32Array(this.#rows);
    const rows = {
      rowShape: this.inputShape,
      [Symbol.asyncIterator]: () => this.#batches(labels),
    };
    const near = await nearestRows(rows, queries, { top: neighbors, metric, signal });
    const classes = this.classLabels.length;
    const data = new Float64Array(near.length * classes);
    for (const [row, found] of near.entries())
      this.#vote(found, labels, data.subarray(row * classes, (row + 1) * classes));
    return { dtype: "float64", shape: [near.length, classes], data };
  }

  /** Rows by their place in the pass, by which `labels` gets their classes. */
  async *#batches(labels: Int32Array) {
    let passed = 0;
    for await (const { xs, classes } of this.#passes.pass()) {
      labels.set(classes, passed);
      passed += classes.length;
      yield { xs };
    }
  }

  #vote(near: readonly NearRow[], labels: Int32Array, votes: Float64Array): void {
    const { weights, metric } = this.#settings;
    const least = metric === "cosine" ? cosineRounding : 0;
    // Rows that are the same as the one asked about, if there are any, decide alone.
    const same = weights === "distance" ? near.filter(({ distance }) => distance <= least) : [];
    let sum = 0;
    for (const { index, distance } of same.length > 0 ? same : near) {
      const vote = same.length > 0 || weights === "uniform" ? 1 : 1 / distance;
      const label = labels[index] as number;
      votes[label] = (votes[label] as number) + vote;
      sum += vote;
    }
    for (const [label, vote] of votes.entries()) votes[label] = vote / sum;
  }
}
