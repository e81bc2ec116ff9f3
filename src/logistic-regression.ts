import type { AbortOptions } from "./backends/backend.js";
import { writeFileAtomically } from "./files/atomic-file.node.js";
import { autoEngine } from "./hdf5/auto-engine.js";
import type { HDF5Engine, HDF5Source } from "./hdf5/engine.js";
import { defaultWritableEngine } from "./hdf5/writable-engine.js";
import { encodeKerasModel } from "./keras/write-model.js";
import type { NdArray, Shape } from "./ndarray.js";
import type { Network } from "./network/network.js";
import { checkOptions } from "./options/check-options.js";
import { refuseNew } from "./options/refuse-new.js";
import { type ClassifyOptions, type ClassProbability, classifyRows } from "./training/classify-rows.js";
import { type Evaluation, evaluatePredictor } from "./training/evaluate.js";
import { checkFeatures } from "./training/float32-rows.js";
import type { HeadMetadata, SaveHeadOptions } from "./training/head-options.js";
import { checkMetadata, readHead } from "./training/head-parts.js";
import { type LogisticFit, prepareFit } from "./training/logistic/fit-logistic.js";
import {
  type FoldableData,
  type GridSearchOptions,
  type GridTable,
  searchGrid,
} from "./training/logistic/grid-search.js";
import { logisticClasses, logisticProbabilities } from "./training/logistic/logistic-loss.js";
import { logisticNetwork, logisticParameters } from "./training/logistic/logistic-network.js";
import { checkC, type LogisticRegressionOptions, type LogisticSolution } from "./training/logistic/logistic-options.js";
import { scoreInTurns } from "./training/logistic/score-in-turns.js";
import { logisticOptionNames } from "./training/option-names.js";
import type { Target } from "./training/target.js";
import type { TrainingData } from "./training/training-data.js";

/** What a {@link LogisticRegression} consists of. */
interface LogisticParts extends Omit<LogisticFit, "solution"> {
  readonly target: Target;
  readonly metadata: HeadMetadata;
  readonly solution: LogisticSolution | undefined;
}

/** What {@link LogisticRegression.gridSearch} gives. */
export interface GridSearch extends GridTable {
  /** The best C, fitted to all rows. */
  readonly model: LogisticRegression;
  /** The table as text: a line for each C. */
  toString(): string;
}

/** Options of {@link LogisticRegression.load}. */
export interface LoadLogisticOptions {
  /** Names of the classes. Needed for files without them: those that Keras itself has saved. */
  readonly classLabels?: readonly string[] | undefined;
  /** Reads the file. @default the library's own reader, and h5wasm for what that does not know */
  readonly engine?: HDF5Engine | undefined;
}

/**
 * Logistic regression with an L2 penalty, fitted by L-BFGS: the classifier of the Python originals, and the first to try
 * on features. It has one setting, `C`, no randomness, and needs no backend.
 *
 * What is minimised, when it is done, and so its coefficients, are those of scikit-learn 1.9's `LogisticRegression`:
 * multinomial, and for two classes one vector of coefficients, whose score is the log-odds of the second. All arithmetic
 * is in 64 bits; features are the float32 rows that the data gives. The data is read in passes, batch by batch: it may be
 * larger than memory.
 *
 * @example
 * const model = await LogisticRegression.fit(train, { C: 0.1 });
 * console.log((await model.evaluate(validation)).toString());
 * await model.save("my_model.h5"); // keras.models.load_model("my_model.h5")
 */
export class LogisticRegression {
  readonly #parts: LogisticParts;

  /** Shape of one row of features. */
  readonly inputShape: Shape;
  /** Names of the classes, in the order of the probabilities. */
  readonly classLabels: readonly string[];
  /** `[1, features]` for two classes, else `[classes, features]`: scikit-learn's `coef_`. For features as they come, also if they were standardised. */
  readonly coefficients: NdArray<"float64">;
  /** `[1]` for two classes, else `[classes]`: scikit-learn's `intercept_`. */
  readonly intercepts: NdArray<"float64">;
  /** How the fit ended; undefined for a model that was loaded. */
  readonly solution: LogisticSolution | undefined;
  /** What was given to `fit`, or stood in the file. */
  readonly metadata: HeadMetadata;

  private constructor(parts: LogisticParts) {
    if (parts?.target === undefined) refuseNew("LogisticRegression", "await LogisticRegression.fit(data)");
    const units = parts.intercepts.length;
    this.#parts = parts;
    this.inputShape = parts.target.inputShape;
    this.classLabels = parts.target.classLabels;
    this.coefficients = { dtype: "float64", shape: [units, parts.weights.length / units], data: parts.weights };
    this.intercepts = { dtype: "float64", shape: [units], data: parts.intercepts };
    this.solution = parts.solution;
    this.metadata = parts.metadata;
  }

  /**
   * Fits to all rows of `data`. Order and size of its batches do not matter; batches of some megabytes are the quickest.
   *
   * A fit that has not converged is not an error: look at `solution`.
   *
   * @throws InvalidArgumentError for options out of range, data that is empty or not the same in each pass, a class
   * without rows, features that are NaN or infinite, or too many of them to be solved for in memory
   * @throws ShapeMismatchError if rows have another shape than `inputShape`, or are fewer or more than `length`
   */
  static async fit(data: TrainingData, options: LogisticRegressionOptions = {}): Promise<LogisticRegression> {
    checkOptions("LogisticRegression.fit", options, logisticOptionNames.fit);
    const C = checkC(options.C ?? 1);
    const metadata = checkMetadata(options.metadata ?? {});
    const fitter = await prepareFit("data", data, options);
    const fit = await fitter.fit(C, false, options.onProgress);
    return new LogisticRegression({ ...fit, target: fitter.target, metadata });
  }

  /**
   * Finds the best `C` by cross-validation, as the originals do with `GridSearchCV(LogisticRegression(), { C: [...] }, cv=3)`:
   * divides the rows into stratified folds, fits each C to all folds but one and measures its accuracy on that one, and
   * fits the C with the best mean to all rows. With `standardize` each fit has the means of its own rows.
   *
   * Folds are those of scikit-learn's `StratifiedKFold`; rows in the order of the view.
   *
   * @throws InvalidArgumentError for options out of range, a class with fewer rows than folds, and as `fit` does
   * @throws ShapeMismatchError as `fit` does
   * @throws InvalidDatasetError if the rows have no labels, or cannot be read
   *
   * @example
   * const { model, best } = await LogisticRegression.gridSearch(train, { Cs: [0.1, 1, 10, 100] });
   * console.log(best.C, best.mean);
   */
  static async gridSearch(data: FoldableData, options: GridSearchOptions = {}): Promise<GridSearch> {
    checkOptions("LogisticRegression.gridSearch", options, logisticOptionNames.gridSearch);
    const metadata = checkMetadata(options.metadata ?? {});
    const { table, fit, fitter } = await searchGrid(data, options, async (own, { target }, validation) => {
      const model = new LogisticRegression({ ...own, target, metadata });
      const { accuracy } = await model.evaluate(validation, { signal: options.signal });
      return accuracy;
    });
    const model = new LogisticRegression({ ...fit, target: fitter.target, metadata });
    return { ...table, model, toString: () => formatTable(table) };
  }

  /**
   * Reads a model from a Keras `.h5` file: one that was saved here, or any that is a single Dense layer with a softmax over
   * the classes, such as a `TransferHead` without hidden layers.
   *
   * @throws FileAccessError if the file cannot be read
   * @throws InvalidDatasetError if it is not an HDF5 file
   * @throws InvalidModelError if it is not a full Keras model
   * @throws UnsupportedError if the model does more
   * @throws InvalidWeightsError if its weights do not fit its layers
   * @throws InvalidArgumentError if it has no class labels and `classLabels` is not given, or their number is wrong
   */
  static async load(source: HDF5Source, options: LoadLogisticOptions = {}): Promise<LogisticRegression> {
    checkOptions("LogisticRegression.load", options, logisticOptionNames.load);
    const file = await (options.engine ?? autoEngine()).open(source);
    try {
      const name = typeof source === "string" ? source : "the model's bytes";
      const { network, inputShape, classLabels, metadata } = await readHead(file, name, {
        classLabels: options.classLabels,
        l2: 0,
        learningRate: 1,
      });
      const target = { inputShape, classLabels };
      const parameters = logisticParameters(network, target, name);
      return new LogisticRegression({ ...parameters, target, metadata, solution: undefined });
    } finally {
      await file.close();
    }
  }

  /**
   * For each row of features `[rows, ...inputShape]` the index of the most probable class, `[rows]`.
   *
   * @throws InvalidArgumentError if a feature is NaN or infinite
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   */
  async predict(xs: NdArray, options: AbortOptions = {}): Promise<NdArray<"int32">> {
    checkOptions("predict", options, { signal: true });
    const scores = await this.#scores(checkFeatures("predict", xs, this.inputShape), options.signal);
    const data = logisticClasses(scores, this.#parts.intercepts.length);
    return { dtype: "int32", shape: [data.length], data };
  }

  /**
   * Probabilities of the classes, `[rows, classes]`, for features `[rows, ...inputShape]`.
   *
   * @throws InvalidArgumentError if a feature is NaN or infinite
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   */
  async predictProbabilities(xs: NdArray, options: AbortOptions = {}): Promise<NdArray<"float64">> {
    checkOptions("predictProbabilities", options, { signal: true });
    const scores = await this.#scores(checkFeatures("predictProbabilities", xs, this.inputShape), options.signal);
    return this.#probabilities(scores);
  }

  /**
   * For each row of features `[rows, ...inputShape]` the most probable classes, the best first.
   *
   * @throws InvalidArgumentError if `top` is not a positive integer, or a feature is NaN or infinite
   * @throws ShapeMismatchError if rows have another shape than `inputShape`
   */
  async classify(xs: NdArray, options: ClassifyOptions = {}): Promise<readonly (readonly ClassProbability[])[]> {
    checkOptions("classify", options, { top: true, signal: true });
    const scores = await this.#scores(checkFeatures("classify", xs, this.inputShape), options.signal);
    return classifyRows(this, options, async () => this.#probabilities(scores));
  }

  /**
   * Predicts every row once and compares with its class, as `TransferHead.evaluate` does; the loss is the mean
   * cross-entropy, without the penalty.
   *
   * @throws InvalidArgumentError if data is empty, has other classes, a class out of range, or features that are NaN or infinite
   * @throws ShapeMismatchError if rows have another shape than `inputShape`, or are fewer or more than `length`
   */
  async evaluate(data: TrainingData, options: AbortOptions = {}): Promise<Evaluation> {
    checkOptions("evaluate", options, { signal: true });
    return evaluatePredictor(
      async (xs, signal) => {
        const scores = await this.#scores(xs, signal);
        const classes = logisticClasses(scores, this.#parts.intercepts.length);
        return { probabilities: this.#probabilities(scores), classes };
      },
      "data",
      data,
      this.#parts.target,
      { penalty: 0, signal: options.signal },
    );
  }

  /**
   * The model as plain data: a Dense layer with a softmax, in 32 bits. Of two classes the first has weights of 0, so that
   * the probabilities are those of the sigmoid.
   *
   * @throws InvalidArgumentError if a coefficient is beyond the range of 32 bits
   */
  network(): Network {
    return logisticNetwork(this.#parts, this.#parts.target);
  }

  /** The model as the bytes of a Keras `.h5` file; see {@link save}. */
  async encode(options: Pick<SaveHeadOptions, "engine"> = {}): Promise<Uint8Array> {
    checkOptions("encode", options, { engine: true });
    return encodeKerasModel(this.network(), {
      engine: options.engine ?? defaultWritableEngine(),
      compile: {
        loss: "categorical_crossentropy",
        optimizer: { name: "adam", learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
      },
      classLabels: this.classLabels,
      metadata: this.metadata,
    });
  }

  /**
   * Saves the model as a Keras model in the legacy `.h5` format: `keras.models.load_model` of Keras 2 and 3 opens it, with
   * probabilities equal within 32 bits. `TransferHead.load` opens it too, and can train it further. Class labels and
   * metadata are in the file where Keras does not look.
   *
   * The file is replaced in one step: after a crash or on a full disk the old one is still there.
   *
   * @throws FileAccessError if the file cannot be written, or exists and `overwrite` is false
   * @throws InvalidArgumentError if a coefficient is beyond the range of 32 bits
   */
  async save(path: string, options: SaveHeadOptions = {}): Promise<void> {
    checkOptions("save", options, { engine: true, overwrite: true });
    const bytes = await this.encode({ engine: options.engine });
    await writeFileAtomically(path, bytes, { overwrite: options.overwrite ?? true });
  }

  #probabilities(scores: Float64Array): NdArray<"float64"> {
    const data = logisticProbabilities(scores, this.#parts.intercepts.length);
    const classes = this.classLabels.length;
    return { dtype: "float64", shape: [data.length / classes, classes], data };
  }

  async #scores(xs: NdArray<"float32">, signal: AbortSignal | undefined): Promise<Float64Array> {
    return scoreInTurns(xs, this.#parts.weights, this.#parts.intercepts, signal);
  }
}

function formatTable({ scores, best }: GridTable): string {
  const width = Math.max(...scores.map(({ C }) => String(C).length), 1);
  const line = ({ C, mean, std, scores: folds, converged }: GridTable["best"]) => {
    const each = folds.map((score) => score.toFixed(4)).join("  ");
    const remark = converged ? "" : "  not converged";
    return `${String(C).padStart(width)}  ${mean.toFixed(4)}  ${std.toFixed(4)}  ${each}${C === best.C ? "  best" : ""}${remark}`;
  };
  return [`${"C".padStart(width)}  mean    std     folds`, ...scores.map(line)].join("\n");
}
