import type { Interpolation } from "./interpolation.js";
import { resampleFilters } from "./interpolation.js";

/** Bits after the point of the fixed-point weights: 32 less 8 for a pixel and 2 for overshooting filters. */
export const precisionBits = 22;

/** What is taken of one axis: the edges of a box, in pixels of the full axis, and the wanted number of pixels. */
export interface AxisRange {
  /** Pixels along the full axis. */
  readonly size: number;
  /** Where the box starts. */
  readonly start: number;
  /** Where the box ends, not included. */
  readonly end: number;
  /** Pixels along the axis after resizing. */
  readonly target: number;
}

/** Fixed-point weights of one axis: which source pixels make each target pixel, and with what weight. */
export interface AxisWeights {
  /** First source pixel of each target pixel. */
  readonly first: Int32Array;
  /** Number of source pixels of each target pixel. */
  readonly count: Int32Array;
  /** `taps` weights for each target pixel, scaled by 2^{@link precisionBits}; those past `count` are 0. */
  readonly weights: Int32Array;
  /** Room for weights per target pixel. */
  readonly taps: number;
}

/**
 * Weights along one axis as Pillow computes them (`precompute_coeffs` and `normalize_coeffs_8bpc` of
 * `libImaging/Resample.c`). Source pixels outside the box but within the axis contribute.
 */
export function axisWeights(range: AxisRange, interpolation: Exclude<Interpolation, "nearest">): AxisWeights {
  const filter = resampleFilters[interpolation];
  const scale = (range.end - range.start) / range.target;
  const filterScale = Math.max(scale, 1);
  const support = filter.support * filterScale;
  const inverse = 1 / filterScale;
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(range.target);
  const count = new Int32Array(range.target);
  const weights = new Int32Array(range.target * taps);
  const exact = new Float64Array(taps);
  const one = 1 << precisionBits;
  for (let index = 0; index < range.target; index++) {
    const centre = range.start + (index + 0.5) * scale;
    const low = Math.max(Math.trunc(centre - support + 0.5), 0);
    const high = Math.min(Math.trunc(centre + support + 0.5), range.size);
    let sum = 0;
    for (let tap = 0; tap < high - low; tap++) {
      const weight = filter.weight((tap + low - centre + 0.5) * inverse);
      exact[tap] = weight;
      sum += weight;
    }
    const normalise = sum === 0 ? 1 : 1 / sum;
    for (let tap = 0; tap < high - low; tap++) {
      const weight = (exact[tap] as number) * normalise;
      weights[index * taps + tap] = Math.trunc(weight * one + (weight < 0 ? -0.5 : 0.5));
    }
    first[index] = low;
    count[index] = high - low;
  }
  return { first, count, weights, taps };
}

/**
 * Source pixel of each target pixel by Pillow's NEAREST: the position is accumulated step by step, not multiplied, and
 * so carries the same rounding.
 */
export function nearestIndices(range: AxisRange): Int32Array {
  const step = (range.end - range.start) / range.target;
  const indices = new Int32Array(range.target);
  let position = range.start + step * 0.5;
  for (let index = 0; index < range.target; index++) {
    indices[index] = Math.trunc(position);
    position += step;
  }
  return indices;
}
