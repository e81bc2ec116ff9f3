import type { AbortOptions } from "../backends/backend.js";
import { InvalidArgumentError } from "../errors.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import { checkArray } from "../options/check-array.js";
import { checkOptions } from "../options/check-options.js";
import { createRandom } from "../random.js";
import { nextTurn } from "../threads/next-turn.node.js";
import { checkFeatures } from "./float32-rows.js";
import { symmetricEigen } from "./symmetric-eigen.js";

/** Rows seen from the directions in which they differ most. */
export interface PrincipalComponents {
  /** `[rows, components]`: scikit-learn's `PCA().fit_transform(xs)`. */
  readonly scores: NdArray<"float64">;
  /** For each component its part of the whole variance, in 0..1; 0 where all rows are equal. */
  readonly explainedVarianceRatio: readonly number[];
}

/** Vectors that are carried along beside those wanted: they bring the wanted ones out sooner. */
const extraVectors = 2;
/** How often the matrix is applied between two restarts. */
const powers = 8;
const maximumRestarts = 200;
/** A direction is found when applying the matrix turns it by no more than this part. */
const tolerance = 1e-10;

/**
 * Projects features onto their principal components. Scores are scikit-learn's `PCA(svd_solver="full")`, signs included:
 * the greatest entry of each component is positive. Exact up to rounding; only where two variances are equal to ten
 * digits are the two directions any of those that would do.
 *
 * Algorithm: restarted block Krylov iteration on the centred rows, as in C. Musco, C. Musco, "Randomized Block Krylov
 * Methods for Stronger and Faster Approximate Singular Value Decomposition", NIPS 2015, with Rayleigh-Ritz and restarts.
 *
 * @param xs `[rows, ...]`, held in memory; taken as float32
 * @throws InvalidArgumentError if `components` is not in 1..min(rows, features), or a feature is NaN or infinite
 */
export async function principalComponents(
  xs: NdArray,
  options: AbortOptions & {
    /** @default 2 */
    readonly components?: number | undefined;
  } = {},
): Promise<PrincipalComponents> {
  checkOptions("principalComponents", options, { components: true, signal: true });
  checkArray("xs", xs, "rows of features");
  const { components = 2, signal } = options;
  const features = checkFeatures("principalComponents", xs, xs?.shape?.slice(1) ?? []);
  const [rows = 0, ...row] = features.shape;
  const width = sizeOf(row);
  const rank = Math.min(rows, width);
  if (!Number.isInteger(components) || components < 1 || components > rank) {
    throw new InvalidArgumentError(
      `\`components\` is ${components}: expected an integer from 1 to ${rank}, as there are ${rows} rows of ${width} features.`,
    );
  }
  const { centered, total } = center(features.data, rows, width);
  const scores = new Float64Array(rows * components);
  if (total === 0)
    return {
      scores: { dtype: "float64", shape: [rows, components], data: scores },
      explainedVarianceRatio: new Array<number>(components).fill(0),
    };

  const block = Math.min(rank, components + extraVectors);
  // What the matrix makes of vectors lies where the directions are; there is room for no more than `rank` of them.
  let start = randomVectors(block, width).map((vector) => apply(centered, rows, width, vector));
  for (let restart = 0; ; restart++) {
    const found = await expand(centered, rows, width, start, rank, signal);
    const wanted = found.slice(0, components);
    const residual = wanted.reduce(
      (most, ritz) => Math.max(most, distance(apply(centered, rows, width, ritz.image), ritz.vector, ritz.value)),
      0,
    );
    if (residual > tolerance * (found[0]?.value ?? 0) && restart < maximumRestarts) {
      start = found.slice(0, block).map(({ vector }) => vector);
      continue;
    }
    for (const [component, { vector, image, value }] of wanted.entries()) {
      const scale = Math.sqrt(Math.max(0, value)) * signOfGreatest(image);
      for (let i = 0; i < rows; i++) scores[i * components + component] = (vector[i] as number) * scale;
    }
    return {
      scores: { dtype: "float64", shape: [rows, components], data: scores },
      explainedVarianceRatio: wanted.map(({ value }) => value / total),
    };
  }
}

/** A direction among the rows, and what it is among the features. */
interface Ritz {
  /** `[rows]`, of length 1. */
  readonly vector: Float64Array;
  /** `[width]`: the centred rows, transposed, times the vector. */
  readonly image: Float64Array;
  /** Square of the image's length: the variance times the rows. */
  readonly value: number;
}

/** The best directions in the space that `start` and what the matrix makes of it span, the strongest first. */
async function expand(
  centered: Float64Array,
  rows: number,
  width: number,
  start: readonly Float64Array[],
  rank: number,
  signal: AbortSignal | undefined,
): Promise<readonly Ritz[]> {
  const basis: Float64Array[] = [];
  const images: Float64Array[] = [];
  let candidates = start;
  for (let power = 0; power <= powers && candidates.length > 0; power++) {
    const added: Float64Array[] = [];
    for (const candidate of candidates) {
      if (basis.length >= rank) break;
      const vector = orthogonal(candidate, basis);
      if (vector === undefined) continue;
      basis.push(vector);
      const image = applyTransposed(centered, rows, width, vector);
      images.push(image);
      added.push(image);
      await nextTurn();
      signal?.throwIfAborted();
    }
    candidates = power === powers ? [] : added.map((image) => apply(centered, rows, width, image));
  }
  const count = basis.length;
  const products = new Float64Array(count * count);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      products[i * count + j] = products[j * count + i] = dot(images[i] as Float64Array, images[j] as Float64Array);
    }
  }
  return symmetricEigen(products, count).map(({ value, vector }) => ({
    value,
    vector: combine(basis, vector),
    image: combine(images, vector),
  }));
}

function center(data: Float32Array, rows: number, width: number): { centered: Float64Array; total: number } {
  const means = new Float64Array(width);
  for (let at = 0; at < data.length; at++) means[at % width] = (means[at % width] as number) + (data[at] as number);
  for (let j = 0; j < width; j++) means[j] = (means[j] as number) / rows;
  let total = 0;
  const centered = Float64Array.from(data, (value, at) => {
    const difference = value - (means[at % width] as number);
    total += difference * difference;
    return difference;
  });
  return { centered, total };
}

function randomVectors(count: number, length: number): readonly Float64Array[] {
  const random = createRandom(0);
  return Array.from({ length: count }, () => Float64Array.from({ length }, () => random.double() - 0.5));
}

/** The part of a vector that is at right angles to the basis, of length 1; undefined if nothing is left. */
function orthogonal(candidate: Float64Array, basis: readonly Float64Array[]): Float64Array | undefined {
  const vector = candidate.slice();
  const before = Math.sqrt(dot(vector, vector));
  // Twice is enough: W. Kahan's rule.
  for (let round = 0; round < 2; round++) {
    for (const other of basis) {
      const part = dot(vector, other);
      for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] as number) - part * (other[i] as number);
    }
  }
  const length = Math.sqrt(dot(vector, vector));
  if (!(length > before * 1e-12)) return undefined;
  return vector.map((value) => value / length);
}

/** The matrix `[rows, width]` times a vector `[width]`. */
function apply(matrix: Float64Array, rows: number, width: number, vector: Float64Array): Float64Array {
  return Float64Array.from({ length: rows }, (_, i) => {
    let sum = 0;
    for (let j = 0, at = i * width; j < width; j++, at++) sum += (matrix[at] as number) * (vector[j] as number);
    return sum;
  });
}

/** The matrix `[rows, width]`, transposed, times a vector `[rows]`. */
function applyTransposed(matrix: Float64Array, rows: number, width: number, vector: Float64Array): Float64Array {
  const result = new Float64Array(width);
  for (let i = 0; i < rows; i++) {
    const factor = vector[i] as number;
    for (let j = 0, at = i * width; j < width; j++, at++) {
      result[j] = (result[j] as number) + factor * (matrix[at] as number);
    }
  }
  return result;
}

function combine(vectors: readonly Float64Array[], weights: Float64Array): Float64Array {
  const result = new Float64Array(vectors[0]?.length ?? 0);
  for (const [k, vector] of vectors.entries()) {
    const weight = weights[k] as number;
    for (let i = 0; i < result.length; i++) result[i] = (result[i] as number) + weight * (vector[i] as number);
  }
  return result;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** Length of `image - value * vector`. */
function distance(image: Float64Array, vector: Float64Array, value: number): number {
  let sum = 0;
  for (let i = 0; i < image.length; i++) sum += ((image[i] as number) - value * (vector[i] as number)) ** 2;
  return Math.sqrt(sum);
}

function signOfGreatest(vector: Float64Array): number {
  const greatest = vector.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  return greatest < 0 ? -1 : 1;
}
