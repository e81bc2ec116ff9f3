import { compileKernels, startKernels } from "../web-assembly/kernels.js";
import { createMemory } from "../web-assembly/memory.js";
import { rowKernelsBase64 } from "./row-kernels-binary.js";

/**
 * Products of float32 rows with vectors, in WebAssembly: assembly/row-products.ts. Parameters are addresses in `memory`, counts, and
 * as `bytes` what a row takes there: a multiple of 16. Counts of rows are multiples of four.
 */
export interface RowKernels {
  readonly memory: WebAssembly.Memory;
  /** `products[vector, row]`, all in 32 bits. */
  multiplyRows(
    rows: number,
    count: number,
    vectors: number,
    vectorCount: number,
    products: number,
    bytes: number,
  ): void;
  /** `squares[row]`, the sum of the squares of its numbers, in 32 bits. */
  squareRows(rows: number, count: number, squares: number, bytes: number): void;
  /** `scores[row, unit]`, weights and scores in 64 bits. */
  scoreRows(rows: number, count: number, weights: number, units: number, scores: number, bytes: number): void;
  /** `gradient[unit] += sum of residuals[row, unit] * row`, residuals and gradient in 64 bits. */
  addOuterProducts(
    rows: number,
    count: number,
    residuals: number,
    units: number,
    gradient: number,
    bytes: number,
  ): void;
}

const purpose = "Logistic regression and similarity search need";

/**
 * The kernels, with a memory of so many bytes of their own.
 *
 * @throws UnsupportedError where there is no WebAssembly with SIMD, or not so much memory
 */
export function rowKernels(bytes: number): RowKernels {
  const module = compileKernels(rowKernelsBase64, purpose);
  const memory = createMemory(bytes, purpose);
  return { memory, ...startKernels<Omit<RowKernels, "memory">>(module, memory) };
}

/** Numbers that a row of `width` takes in the kernels' memory, zeros at its end included. */
export function paddedWidth(width: number): number {
  return Math.max(4, Math.ceil(width / 4) * 4);
}

/** Rows that are worked on together: multiples of four that stay in a processor's second cache. */
export function rowsPerBlock(width: number): number {
  return 4 * Math.min(256, Math.max(1, Math.floor(2 ** 16 / (4 * paddedWidth(width)))));
}

/**
 * Copies rows to a place in the kernels' memory, where they lie `paddedWidth` apart, and fills up with rows of zeros to a multiple of
 * four. Places at the ends of rows are left as they are: zeros.
 *
 * @param to what is written, from the first row on
 * @returns how many rows there are now
 */
export function fillRows(to: Float32Array, rows: Float32Array, width: number): number {
  const padded = paddedWidth(width);
  const count = rows.length / width;
  if (padded === width) to.set(rows);
  else for (let row = 0; row < count; row++) to.set(rows.subarray(row * width, (row + 1) * width), row * padded);
  const whole = 4 * Math.ceil(count / 4);
  to.fill(0, count * padded, whole * padded);
  return whole;
}
