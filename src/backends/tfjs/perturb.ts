import type { Perturbation } from "../operations.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";

/** Random numbers of one layer in one step. */
export interface LayerNoise {
  /** Dropout's mask: 0 or 1 / (1 - rate) for each value of a tensor of this shape. */
  mask(shape: readonly number[], rate: number): Tensor;
  /** Normally distributed, of mean 0 and variance 1. */
  normal(shape: readonly number[]): Tensor;
}

/** Changes a value at random, as layers do while training. Formulas: `keras.layers`. */
export function perturb(tf: Tfjs, x: Tensor, perturbation: Perturbation, noise: LayerNoise): Tensor {
  switch (perturbation.kind) {
    case "dropout": {
      const { rate, per } = perturbation;
      if (rate === 0) return tf.clone(x);
      const last = x.rank - 1;
      const varies = (axis: number) => per === "value" || axis === 0 || (per === "channel" && axis === last);
      const shape = x.shape.map((size, axis) => (varies(axis) ? size : 1));
      return tf.mul(x, noise.mask(shape, rate));
    }
    case "gaussianDropout": {
      const { rate } = perturbation;
      if (rate === 0) return tf.clone(x);
      return tf.mul(x, tf.add(tf.mul(noise.normal(x.shape), Math.sqrt(rate / (1 - rate))), 1));
    }
    case "gaussianNoise":
      if (perturbation.stddev === 0) return tf.clone(x);
      return tf.add(x, tf.mul(noise.normal(x.shape), perturbation.stddev));
    case "alphaDropout": {
      const { rate } = perturbation;
      if (rate === 0) return tf.clone(x);
      const kept = tf.sign(noise.mask(x.shape, rate));
      const a = ((1 - rate) * (1 + rate * dropped ** 2)) ** -0.5;
      const mixed = tf.add(tf.mul(x, kept), tf.mul(tf.sub(1, kept), dropped));
      return tf.add(tf.mul(mixed, a), -a * dropped * rate);
    }
  }
}

/** What AlphaDropout puts in place of a value: the lower end of SELU. */
const dropped = -1.6732632423543772 * 1.0507009873554805;
