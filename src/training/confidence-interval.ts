import { InvalidArgumentError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { describeValue } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { createRandom } from "../random.js";
import { checkPredictions, type Predictions } from "./predictions.js";

/** Between which values a figure lies with some confidence. */
export interface ConfidenceInterval {
  /** The figure of all rows. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How a {@link ConfidenceInterval} is found. */
export interface ConfidenceIntervalOptions {
  /** Part of the drawings that lie inside. @default 0.95 */
  readonly level?: number | undefined;
  /** Drawings. @default 1000 */
  readonly resamples?: number | undefined;
  /** @default 0 */
  readonly seed?: number | undefined;
}

/**
 * How far a figure would move with other rows of the same kind: the percentile bootstrap. The figure is computed again
 * from as many rows, drawn with repetition, and the middle part of its values is the interval.
 *
 * Rows are drawn as `floor(RandomState(seed).random_sample(rows) * rows)`, one draw after the other; quantiles are numpy's.
 *
 * Method: B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
 *
 * @param figure computes the figure from predictions, such as `(p) => probabilityScores(p).logLoss`
 * @throws ShapeMismatchError if a row has no prediction
 * @throws InvalidArgumentError if an option is out of range, there are no rows, or the figure of a drawing is not finite
 */
export function confidenceInterval(
  predictions: Predictions,
  figure: (predictions: Predictions) => number,
  options: ConfidenceIntervalOptions = {},
): ConfidenceInterval {
  checkPredictions(predictions);
  if (typeof figure !== "function") {
    throw new InvalidArgumentError(`\`figure\` is ${describeValue(figure)}: expected a function of predictions.`);
  }
  const rows = predictions.trueClasses.length;
  return bootstrap(rows, (drawn) => figure(drawn === undefined ? predictions : takeRows(predictions, drawn)), options);
}

/**
 * The interval of a figure of so many rows.
 *
 * @param figure computes it from the rows that were drawn; undefined for all rows, each once
 * @throws InvalidArgumentError if an option is out of range, or the figure of a drawing is not finite
 */
export function bootstrap(
  rows: number,
  figure: (drawn: Uint32Array | undefined) => number,
  options: ConfidenceIntervalOptions = {},
): ConfidenceInterval {
  checkOptions("confidenceInterval", options, { level: true, resamples: true, seed: true });
  const { level = 0.95, resamples = 1000, seed = 0 } = options;
  if (!(level > 0 && level < 1)) {
    throw new InvalidArgumentError(`\`level\` is ${level}: expected a part between 0 and 1, such as 0.95.`);
  }
  if (!Number.isInteger(resamples) || resamples < 2 || resamples > 1_000_000) {
    throw new InvalidArgumentError(`\`resamples\` is ${resamples}: expected an integer from 2 to 1000000.`);
  }
  const random = createRandom(seed);
  const drawn = new Uint32Array(rows);
  const values = new Float64Array(resamples);
  for (let drawing = 0; drawing < resamples; drawing++) {
    for (let row = 0; row < rows; row++) drawn[row] = Math.floor(random.double() * rows);
    const value = figure(drawn);
    if (!Number.isFinite(value)) {
      throw new InvalidArgumentError(
        `The figure of drawing ${drawing} is ${value}: a drawing may lack a class. Choose a figure that every drawing has, or give more rows.`,
      );
    }
    values[drawing] = value;
  }
  values.sort();
  return {
    value: figure(undefined),
    low: quantile(values, (1 - level) / 2),
    high: quantile(values, (1 + level) / 2),
  };
}

function takeRows(
  { trueClasses, predictedClasses, probabilities, indices }: Predictions,
  rows: Uint32Array,
): Predictions {
  const [, classes = 0] = probabilities.shape;
  const data = probabilities.data.slice(0, rows.length * classes);
  for (const [to, from] of rows.entries()) {
    data.set(probabilities.data.subarray(from * classes, (from + 1) * classes), to * classes);
  }
  return {
    trueClasses: Int32Array.from(rows, (row) => trueClasses[row] as number),
    predictedClasses: Int32Array.from(rows, (row) => predictedClasses[row] as number),
    probabilities: { ...probabilities, shape: [rows.length, classes], data } as NdArray<"float32" | "float64">,
    indices: indices && rows.map((row) => indices[row] as number),
  };
}

/** The quantile of sorted values, between two of them in proportion. */
function quantile(sorted: Float64Array, part: number): number {
  const place = part * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (high - low) * (place - below);
}
