import type { AbortOptions } from "../backends/backend.js";
import { InvalidArgumentError } from "../errors.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import { checkOneOf, describeValue } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { createRandom } from "../random.js";
import { checkedBatches } from "../training/checked-batches.js";
import { targetOf } from "../training/logistic/fit-logistic.js";
import { principalComponents } from "../training/principal-components.js";
import type { TrainingData } from "../training/training-data.js";
import { umap } from "./umap.js";

/** Rows of features as points in a plane. */
export interface FeatureMap {
  readonly method: "pca" | "umap";
  /** `[rows, 2]` */
  readonly points: NdArray<"float64">;
  /** For each point the index of its class. */
  readonly classes: Int32Array;
  readonly classLabels: readonly string[];
  /** Where each row stands in the data's file; undefined if the data does not say. */
  readonly indices: Uint32Array | undefined;
  /** How many rows the data has: more than there are points if some were left out. */
  readonly allRows: number;
  /** Of "pca": the part of the features' variance that each axis shows. */
  readonly explainedVarianceRatio?: readonly number[];
}

/** How a {@link FeatureMap} is made. */
export interface FeatureMapOptions extends AbortOptions {
  /**
   * `"pca"` is quick, and distances mean something; `"umap"` shows neighbourhoods, so that classes part more clearly, but not
   * how far apart they are. It needs the package `umap-js`. @default "pca"
   */
  readonly method?: "pca" | "umap" | undefined;
  /** Rows on the map, at most: of more, so many are drawn at random. They are held in memory. @default 2000 */
  readonly rows?: number | undefined;
  /** Of "umap": rows that count as a row's neighbourhood. @default 15 */
  readonly neighbors?: number | undefined;
  /** Of the choice of rows, and of "umap". @default 0 */
  readonly seed?: number | undefined;
}

/**
 * Makes a map of features: each row a point, like rows near each other. One pass over the data.
 *
 * @throws InvalidArgumentError if an option is out of range, there are fewer rows or features than the method takes, a class
 * is unknown, or a feature is NaN or infinite
 * @throws ShapeMismatchError if rows differ in shape, or are fewer or more than `length`
 * @throws UnsupportedError if `umap-js` is needed and not installed
 *
 * @example
 * await writeFile("map.svg", plotFeatureMap(await featureMap(data)));
 */
export async function featureMap(data: TrainingData, options: FeatureMapOptions = {}): Promise<FeatureMap> {
  checkOptions("featureMap", options, { method: true, rows: true, neighbors: true, seed: true, signal: true });
  const { method = "pca", rows: most = 2000, neighbors = 15, seed = 0, signal } = options;
  checkOneOf("method", method, ["pca", "umap"]);
  for (const [name, value, least] of [
    ["rows", most, 2],
    ["neighbors", neighbors, 2],
  ] as const) {
    if (Number.isInteger(value) && value >= least) continue;
    throw new InvalidArgumentError(`\`${name}\` is ${describeValue(value)}: expected an integer of at least ${least}.`);
  }
  const target = targetOf("data", data, {});
  const width = sizeOf(target.inputShape);
  const chosen = chooseRows(data.length, most, seed);
  const count = chosen?.size ?? data.length;
  const least = method === "umap" ? neighbors + 1 : 2;
  if (count < least || width < 2) {
    throw new InvalidArgumentError(
      `Cannot map ${count} rows of ${width} features: "${method}" needs at least ${least} rows${method === "umap" ? " (more than `neighbors`)" : ""} and 2 features.`,
    );
  }
  const xs = new Float32Array(count * width);
  const classes = new Int32Array(count);
  const indices: number[] = [];
  let [passed, at] = [0, 0];
  const pass: TrainingData = {
    length: data.length,
    // Number 0, so that a view that shuffles gives the same map again.
    [Symbol.asyncIterator]: () => (data.batches?.({ pass: 0, reuse: true }) ?? data)[Symbol.asyncIterator](),
  };
  for await (const batch of checkedBatches("data", pass, target, signal)) {
    for (const [row, label] of batch.classes.entries()) {
      if (chosen && !chosen.has(passed + row)) continue;
      xs.set(batch.xs.data.subarray(row * width, (row + 1) * width), at * width);
      classes[at++] = label;
      const index = batch.indices?.[row];
      if (index !== undefined) indices.push(index);
    }
    passed += batch.classes.length;
  }
  const rows: NdArray<"float32"> = { dtype: "float32", shape: [count, width], data: xs };
  const map = {
    method,
    classes,
    classLabels: target.classLabels,
    indices: indices.length === count ? Uint32Array.from(indices) : undefined,
    allRows: data.length,
  };
  if (method === "umap") return { ...map, points: await umap(rows, { neighbors, seed, signal }) };
  const { scores, explainedVarianceRatio } = await principalComponents(rows, { signal });
  return { ...map, points: scores, explainedVarianceRatio };
}

/** Places in the pass of the rows that are taken; undefined for all. */
function chooseRows(length: number, most: number, seed: number): ReadonlySet<number> | undefined {
  if (length <= most) return undefined;
  const places = Uint32Array.from({ length }, (_, place) => place);
  createRandom(seed).shuffle(places);
  return new Set(places.subarray(0, most));
}
