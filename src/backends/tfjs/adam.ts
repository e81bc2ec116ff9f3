import type { OptimizerConfig } from "../trainable-backend.js";
import { adamStepSize } from "../training/adam-step-size.js";
import type { OptimizerRule } from "./optimizer.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";
import { usedUp } from "./used-up.js";

type AdamConfig = Omit<Extract<OptimizerConfig, { readonly name: "adam" }>, "name">;

/**
 * Adam in Keras's form: `value - stepSize * momentum / (sqrt(velocity) + epsilon)`.
 *
 * Formula: D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, in the order of computation that
 * the end of section 2 gives, where epsilon stands outside of the correction.
 */
export function adamRule(config: AdamConfig): OptimizerRule {
  const { beta1, beta2, epsilon } = config;
  return {
    slots: ["momentum", "velocity"],
    intermediates: 3,
    next(tf, { value, slots }, gradient, settings) {
      const momentum = moved(tf, slots[0] as Tensor, gradient, 1 - beta1);
      const squared = tf.square(gradient);
      const velocity = usedUp(squared, moved(tf, slots[1] as Tensor, squared, 1 - beta2));
      const root = tf.sqrt(velocity);
      const divisor = usedUp(root, tf.add(root, epsilon));
      const scaled = tf.mul(momentum, adamStepSize(config, settings));
      const change = usedUp(scaled, usedUp(divisor, tf.div(scaled, divisor)));
      return { value: usedUp(change, tf.sub(value, change)), slots: [momentum, velocity] };
    },
  };
}

/**
 * AdamW: takes `learningRate * weightDecay` of the weight away first, and then steps as Adam.
 *
 * Formula: I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, with the learning rate as a
 * factor, as `keras.optimizers.AdamW` has it.
 */
export function adamWRule(config: AdamConfig & { readonly weightDecay: number }): OptimizerRule {
  const adam = adamRule(config);
  return {
    ...adam,
    intermediates: adam.intermediates + 1,
    next(tf, { value, slots }, gradient, settings) {
      const share = tf.mul(value, config.weightDecay);
      const lost = usedUp(share, tf.mul(share, settings.learningRate));
      const decayed = usedUp(lost, tf.sub(value, lost));
      const next = adam.next(tf, { value: decayed, slots }, gradient, settings);
      decayed.dispose();
      return next;
    },
  };
}

/** running + (current - running) * share */
function moved(tf: Tfjs, running: Tensor, current: Tensor, share: number): Tensor {
  const difference = tf.sub(current, running);
  const part = usedUp(difference, tf.mul(difference, share));
  return usedUp(part, tf.add(running, part));
}
