import type { AbortOptions } from "./backends/backend.js";
import { InvalidArgumentError } from "./errors.js";
import { writeFileAtomically } from "./files/atomic-file.node.js";
import { autoEngine } from "./hdf5/auto-engine.js";
import type { HDF5Engine, HDF5Source } from "./hdf5/engine.js";
import { defaultWritableEngine } from "./hdf5/writable-engine.js";
import type { NdArray, Shape } from "./ndarray.js";
import { checkBoolean } from "./options/check-option.js";
import { checkOptions } from "./options/check-options.js";
import { refuseNew } from "./options/refuse-new.js";
import { type CentroidParts, decodeCentroids, encodeCentroids } from "./training/centroids-file.js";
import { checkedBatches } from "./training/checked-batches.js";
import { classMeans } from "./training/class-means.js";
import { nameOfSource } from "./training/classifier-file.js";
import { type ClassifyOptions, type ClassProbability, classifyRows } from "./training/classify-rows.js";
import { type Evaluation, evaluatePredictor } from "./training/evaluate.js";
import { checkFeatures } from "./training/float32-rows.js";
import type { SaveHeadOptions } from "./training/head-options.js";
import { checkClassCounts, targetOf } from "./training/logistic/fit-logistic.js";
import { logisticClasses, logisticProbabilities } from "./training/logistic/logistic-loss.js";
import { scoreInTurns } from "./training/logistic/score-in-turns.js";
import type { TrainingData } from "./training/training-data.js";
import { unitRows } from "./training/unit-rows.js";

/** Options of {@link NearestCentroid.fit}. */
export interface NearestCentroidOptions extends AbortOptions {
  /**
   * Brings every row to length 1 first, so that directions count and lengths do not, as scikit-learn's `Normalizer`.
   * @default false
   */
  readonly normalize?: boolean | undefined;
  /** Names of the classes. @default those of the data */
  readonly classLabels?: readonly string[] | undefined;
  /** Shape of one row. @default that of the data */
  readonly inputShape?: Shape | undefined;
}

/** Options of {@link NearestCentroid.load}. */
export interface LoadCentroidOptions {
  /** Reads the file. @default the library's own reader, and h5wasm for what that does not know */
  readonly engine?: HDF5Engine | undefined;
}

/** A function of features that is linear: one score for each class. */
interface Scores {
  /** `[classes, features]` */
  readonly weights: Float64Array;
  /** `[classes]` */
  readonly offsets: Float64Array;
}

/**
 * The nearest class mean: a classifier for tiny sets, one row of a class is enough. It has no settings, is fitted in one
 * pass, and new classes cost one row of memory each.
 *
 * Equal to scikit-learn 1.9's `NearestCentroid`: the predicted class is the one whose mean is nearest. Probabilities are
 * a softmax over -distance^2, with each feature divided by its standard deviation within the classes; so the most probable class may,
 * as in scikit-learn, now and then be another than the predicted one.
 *
 * Method: T. Mensink, J. Verbeek, F. Perronnin, G. Csurka, "Distance-Based Image Classification: Generalizing to New
 * Classes at Near-Zero Cost", PAMI 35 (2013).
 *
 * @example
 * const model = await NearestCentroid.fit(train, { normalize: true });
 * console.log((await model.evaluate(validation)).toString());
 */
export class NearestCentroid {
  readonly #parts: CentroidParts;
  readonly #prepare: (name: string, xs: NdArray<"float32">) => NdArray<"float32">;
  readonly #nearness: Scores;
  readonly #odds: Scores;

  /** Shape of one row of features. */
  readonly inputShape: Shape;
  /** Names of the classes, in the order of the probabilities. */
  readonly classLabels: readonly string[];
  /** `[classes, features]`: scikit-learn's `centroids_`. */
  readonly centroids: NdArray<"float64">;

  private constructor(parts: CentroidParts) {
    if (parts?.target === undefined) refuseNew("NearestCentroid", "await NearestCentroid.fit(data)");
    const { target, normalize, means, deviations } = parts;
    this.#parts = parts;
    this.#prepare = normalize ? unitRows : (_, xs) => xs;
    const classes = target.classLabels.length;
    this.#nearness = scoresOf(
      means,
      deviations.map(() => 1),
    );
    this.#odds = scoresOf(
      means,
      // A feature that is the same in all rows of a class is not divided.
      deviations.map((deviation) => (deviation === 0 ? 1 : deviation)),
    );
    this.inputShape = target.inputShape;
    this.classLabels = target.classLabels;
    this.centroids = { dtype: "float64", shape: [classes, means.length / classes], data: means };
  }

  /**
   * Finds the mean of each class in one pass.
   *
   * @throws InvalidArgumentError for data that is empty, a class without rows or out of range, features that are NaN or infinite,
   * rows that are all the same, or with `normalize` a row of zeros
   * @throws ShapeMismatchError if rows have another shape than `inputShape`, or are fewer or more than `length`
   */
  static async fit(data: TrainingData, options: NearestCentroidOptions = {}): Promise<NearestCentroid> {
    checkOptions("NearestCentroid.fit", options, {
      normalize: true,
      classLabels: true,
      inputShape: true,
      signal: true,
    });
    const { normalize = false, signal } = options;
    checkBoolean("normalize", normalize);
    const target = targetOf("data", data, options);
    const prepare = (xs: NdArray<"float32">) => (normalize ? unitRows("data", xs) : xs);
    const found = await classMeans(checkedBatches("data", data, target, signal), target, prepare);
    checkClassCounts("data", found.counts, target);
    const width = found.deviations.length;
    const isSame = found.means.every((mean, at) => mean === found.means[at % width]);
    if (isSame && found.deviations.every((deviation) => deviation === 0)) {
      throw new InvalidArgumentError(
        "All rows of `data` are the same: no class is nearer than another. Check the features.",
      );
    }
    return new NearestCentroid({ target, normalize, means: found.means, deviations: found.deviations });
  }

  /**
   * Reads a classifier that was saved.
   *
   * @throws FileAccessError if the file cannot be read
   * @throws InvalidDatasetError if it is not an HDF5 file
   * @throws InvalidModelError if it holds another classifier or none, or is damaged
   */
  static async load(source: HDF5Source, options: LoadCentroidOptions = {}): Promise<NearestCentroid> {
    checkOptions("NearestCentroid.load", options, { engine: true });
    const file = await (options.engine ?? autoEngine()).open(source);
    try {
      return new NearestCentroid(await decodeCentroids(file, nameOfSource(source)));
    } finally {
      await file.close();
    }
  }

  /**
   * For each row of features `[rows, ...inputShape]` the index of the class whose mean is nearest, `[rows]`.
   *
   * @throws InvalidArgumentError if a feature is NaN or infinite, or with `normalize` a row is all zeros
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   */
  async predict(xs: NdArray, options: AbortOptions = {}): Promise<NdArray<"int32">> {
    checkOptions("predict", options, { signal: true });
    const rows = this.#prepare("xs", checkFeatures("predict", xs, this.inputShape));
    const data = await this.#classes(rows, options.signal);
    return { dtype: "int32", shape: [data.length], data };
  }

  /**
   * Probabilities of the classes, `[rows, classes]`, for features `[rows, ...inputShape]`.
   *
   * @throws InvalidArgumentError if a feature is NaN or infinite, or with `normalize` a row is all zeros
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   */
  async predictProbabilities(xs: NdArray, options: AbortOptions = {}): Promise<NdArray<"float64">> {
    checkOptions("predictProbabilities", options, { signal: true });
    const rows = this.#prepare("xs", checkFeatures("predictProbabilities", xs, this.inputShape));
    return this.#probabilities(rows, options.signal);
  }

  /**
   * For each row of features `[rows, ...inputShape]` the most probable classes, the best first.
   *
   * @throws InvalidArgumentError if `top` is not a positive integer, a feature is NaN or infinite, or with `normalize` a row is all zeros
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   */
  async classify(xs: NdArray, options: ClassifyOptions = {}): Promise<readonly (readonly ClassProbability[])[]> {
    checkOptions("classify", options, { top: true, signal: true });
    const rows = this.#prepare("xs", checkFeatures("classify", xs, this.inputShape));
    return classifyRows(this, options, () => this.#probabilities(rows, options.signal));
  }

  /**
   * Predicts every row once and compares with its class, as `TransferHead.evaluate` does.
   *
   * @throws InvalidArgumentError if data is empty, has other classes, a class out of range, or features that are NaN,
   * infinite, or with `normalize` all zeros
   * @throws ShapeMismatchError if rows have another shape than `inputShape`, or are fewer or more than `length`
   */
  async evaluate(data: TrainingData, options: AbortOptions = {}): Promise<Evaluation> {
    checkOptions("evaluate", options, { signal: true });
    return evaluatePredictor(
      async (xs, signal) => {
        const rows = this.#prepare("data", xs);
        const classes = await this.#classes(rows, signal);
        return { probabilities: await this.#probabilities(rows, signal), classes };
      },
      "data",
      data,
      this.#parts.target,
      { penalty: 0, signal: options.signal },
    );
  }

  /** The classifier as the bytes of an HDF5 file; see {@link save}. */
  async encode(options: Pick<SaveHeadOptions, "engine"> = {}): Promise<Uint8Array> {
    checkOptions("encode", options, { engine: true });
    return (options.engine ?? defaultWritableEngine()).encode(encodeCentroids(this.#parts));
  }

  /**
   * Saves the classifier as an HDF5 file: datasets `centroids` and `deviations` in 64 bits, and `label_names`. A file at the path
   * is replaced in one step.
   *
   * @throws FileAccessError if the file cannot be written, or exists and `overwrite` is false
   */
  async save(path: string, options: SaveHeadOptions = {}): Promise<void> {
    checkOptions("save", options, { engine: true, overwrite: true });
    await writeFileAtomically(path, await this.encode({ engine: options.engine }), {
      overwrite: options.overwrite ?? true,
    });
  }

  async #classes(rows: NdArray<"float32">, signal: AbortSignal | undefined): Promise<Int32Array> {
    const { weights, offsets } = this.#nearness;
    return logisticClasses(await scoreInTurns(rows, weights, offsets, signal), offsets.length);
  }

  async #probabilities(rows: NdArray<"float32">, signal: AbortSignal | undefined): Promise<NdArray<"float64">> {
    const { weights, offsets } = this.#odds;
    const data = logisticProbabilities(await scoreInTurns(rows, weights, offsets, signal), offsets.length);
    return { dtype: "float64", shape: [data.length / offsets.length, offsets.length], data };
  }
}

/** -distance^2 of x and a mean is 2 x.mean - mean.mean, but for x.x, which is the same for all classes. */
function scoresOf(means: Float64Array, scales: Float64Array): Scores {
  const width = scales.length;
  const weights = means.map((mean, at) => (2 * mean) / (scales[at % width] as number) ** 2);
  const offsets = new Float64Array(means.length / width);
  for (const [at, mean] of means.entries()) {
    const label = Math.floor(at / width);
    offsets[label] = (offsets[label] as number) - (mean / (scales[at % width] as number)) ** 2;
  }
  return { weights, offsets };
}
