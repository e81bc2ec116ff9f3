import type { OptimizerConfig } from "../backend.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";

/** A parameter under Adam, with the running means of its gradient and of the gradient's square. */
export interface AdamState {
  readonly value: Tensor;
  readonly mean: Tensor;
  readonly square: Tensor;
}

/** Step size of Keras's Adam: the corrections for the means' start at 0 are folded into it. */
export function adamStepSize({ learningRate, beta1, beta2 }: OptimizerConfig, step: number): number {
  // Keras computes this in float32, which shows: 1 - beta2 has few digits left there.
  const power = (beta: number) => Math.fround(Math.fround(beta) ** step);
  const numerator = Math.fround(Math.sqrt(Math.fround(1 - power(beta2))));
  return Math.fround(Math.fround(Math.fround(learningRate) * numerator) / Math.fround(1 - power(beta1)));
}

/**
 * One step of Adam in Keras's form: `value - stepSize * mean / (sqrt(square) + epsilon)`. Returns new tensors and frees
 * none.
 *
 * Formula: D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, the variant before section 2.1
 * ends, where epsilon stands outside of the correction.
 */
export function adamStep(
  tf: Tfjs,
  { value, mean, square }: AdamState,
  gradient: Tensor,
  { beta1, beta2, epsilon }: OptimizerConfig,
  stepSize: number,
): AdamState {
  const newMean = tf.add(mean, tf.mul(tf.sub(gradient, mean), 1 - beta1));
  const newSquare = tf.add(square, tf.mul(tf.sub(tf.square(gradient), square), 1 - beta2));
  const change = tf.div(tf.mul(newMean, stepSize), tf.add(tf.sqrt(newSquare), epsilon));
  return { value: tf.sub(value, change), mean: newMean, square: newSquare };
}
