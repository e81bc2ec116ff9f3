import type { OptimizerConfig } from "../trainable-backend.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";

/** Settings of Adam. */
export type AdamConfig = Extract<OptimizerConfig, { readonly name: "adam" }>;

/** A parameter under Adam, with the running means of its gradient and of the gradient's square. */
export interface AdamState {
  readonly value: Tensor;
  readonly mean: Tensor;
  readonly square: Tensor;
}

/** Step size of Keras's Adam: the corrections for the means' start at 0 are folded into it. */
export function adamStepSize({ learningRate, beta1, beta2 }: AdamConfig, step: number): number {
  // Keras computes this in float32, which shows: 1 - beta2 has few digits left there.
  const power = (beta: number) => Math.fround(Math.fround(beta) ** step);
  const numerator = Math.fround(Math.sqrt(Math.fround(1 - power(beta2))));
  return Math.fround(Math.fround(Math.fround(learningRate) * numerator) / Math.fround(1 - power(beta1)));
}

/**
 * One step of Adam in Keras's form: `value - stepSize * mean / (sqrt(square) + epsilon)`. Returns new tensors, and keeps
 * no more of the intermediate ones at a time than it needs: each is as large as the weight. Frees none of its arguments.
 *
 * Formula: D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, in the order of computation that
 * the end of section 2 gives, where epsilon stands outside of the correction.
 */
export function adamStep(
  tf: Tfjs,
  { value, mean, square }: AdamState,
  gradient: Tensor,
  { beta1, beta2, epsilon }: AdamConfig,
  stepSize: number,
): AdamState {
  const after = (operand: Tensor, result: Tensor): Tensor => {
    operand.dispose();
    return result;
  };
  const moved = (running: Tensor, current: Tensor, share: number): Tensor => {
    const difference = tf.sub(current, running);
    const part = after(difference, tf.mul(difference, share));
    return after(part, tf.add(running, part));
  };
  const newMean = moved(mean, gradient, 1 - beta1);
  const squared = tf.square(gradient);
  const newSquare = after(squared, moved(square, squared, 1 - beta2));
  const root = tf.sqrt(newSquare);
  const divisor = after(root, tf.add(root, epsilon));
  const step = tf.mul(newMean, stepSize);
  const change = after(step, after(divisor, tf.div(step, divisor)));
  return { value: after(change, tf.sub(value, change)), mean: newMean, square: newSquare };
}
