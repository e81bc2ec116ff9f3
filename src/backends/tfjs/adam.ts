import type { OptimizerConfig } from "../trainable-backend.js";
import { adamStepSize } from "../training/adam-step-size.js";
import { fusedAdamStep } from "./fused-adam.js";
import type { OptimizerRule } from "./optimizer.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";
import { usedUp } from "./used-up.js";

type AdamConfig = Omit<Extract<OptimizerConfig, { readonly name: "adam" }>, "name">;

/**
 * Adam in Keras's form: `value - stepSize * momentum / (sqrt(velocity) + epsilon)`. AdamW takes
 * `learningRate * weightDecay` of the weight away first.
 *
 * Formula: D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, in the order of computation that
 * the end of section 2 gives, where epsilon stands outside of the correction. Decay: I. Loshchilov, F. Hutter, "Decoupled
 * Weight Decay Regularization", ICLR 2019, with the learning rate as a factor, as `keras.optimizers.AdamW` has it.
 *
 * @param weightDecay 0 for plain Adam
 */
export function adamRule(config: AdamConfig, weightDecay = 0): OptimizerRule {
  const { beta1, beta2, epsilon } = config;
  return {
    slots: ["momentum", "velocity"],
    intermediates: 4,
    next(tf, { value, slots }, gradient, settings) {
      const [oldMomentum, oldVelocity] = slots as readonly [Tensor, Tensor];
      const numbers = { beta1, beta2, epsilon, stepSize: adamStepSize(config, settings) };
      const decay = weightDecay * settings.learningRate;
      const tensors = { value, momentum: oldMomentum, velocity: oldVelocity, gradient };
      const fused = fusedAdamStep(tf, tensors, { ...numbers, decay });
      if (fused !== undefined) return { value: fused[0], slots: fused.slice(1) };
      const momentum = moved(tf, oldMomentum, gradient, 1 - beta1);
      const squared = tf.square(gradient);
      const velocity = usedUp(squared, moved(tf, oldVelocity, squared, 1 - beta2));
      const root = tf.sqrt(velocity);
      const divisor = usedUp(root, tf.add(root, epsilon));
      const scaled = tf.mul(momentum, numbers.stepSize);
      const change = usedUp(scaled, usedUp(divisor, tf.div(scaled, divisor)));
      const kept = decay === 0 ? tf.clone(value) : decayed(tf, value, decay);
      return { value: usedUp(change, usedUp(kept, tf.sub(kept, change))), slots: [momentum, velocity] };
    },
  };
}

function decayed(tf: Tfjs, value: Tensor, decay: number): Tensor {
  const lost = tf.mul(value, decay);
  return usedUp(lost, tf.sub(value, lost));
}

/** running + (current - running) * share */
function moved(tf: Tfjs, running: Tensor, current: Tensor, share: number): Tensor {
  const difference = tf.sub(current, running);
  const part = usedUp(difference, tf.mul(difference, share));
  return usedUp(part, tf.add(running, part));
}
