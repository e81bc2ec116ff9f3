import { checkOneOf } from "../options/check-option.js";

/** How pixels are made when an image changes its size, by the names of Keras's `load_img`. */
export type Interpolation = "nearest" | "box" | "bilinear" | "hamming" | "bicubic" | "lanczos";

/** Every interpolation that {@link Interpolation} names. */
export const interpolations: readonly Interpolation[] = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"];

/** A resampling filter: its weight at a distance, and the distance from which the weight is zero, both in pixels. */
export interface ResampleFilter {
  readonly support: number;
  weight(distance: number): number;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

const bicubicA = -0.5;

// Pillow writes these as single-precision constants, which shows in the last bit of some weights.
const hammingBase = Math.fround(0.54);
const hammingSwing = Math.fround(0.46);

/**
 * The filters as Pillow defines them (`libImaging/Resample.c`): the same intermediate values in the same order, so that
 * rounding agrees to the last bit.
 */
export const resampleFilters: Readonly<Record<Exclude<Interpolation, "nearest">, ResampleFilter>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: {
    support: 1,
    weight: (distance) => {
      const x = Math.abs(distance);
      return x < 1 ? 1 - x : 0;
    },
  },
  hamming: {
    support: 1,
    weight: (distance) => {
      const x = Math.abs(distance);
      if (x === 0) return 1;
      if (x >= 1) return 0;
      const angle = x * Math.PI;
      return (Math.sin(angle) / angle) * (hammingBase + hammingSwing * Math.cos(angle));
    },
  },
  bicubic: {
    support: 2,
    weight: (distance) => {
      const x = Math.abs(distance);
      if (x < 1) return ((bicubicA + 2) * x - (bicubicA + 3)) * x * x + 1;
      if (x < 2) return (((x - 5) * x + 8) * x - 4) * bicubicA;
      return 0;
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/**
 * Checks an `interpolation` that came from outside the type system.
 *
 * @throws InvalidArgumentError if it is not one of {@link interpolations}
 */
export function checkInterpolation(interpolation: unknown): asserts interpolation is Interpolation {
  checkOneOf("interpolation", interpolation, interpolations);
}
