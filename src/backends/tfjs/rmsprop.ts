import type { OptimizerConfig } from "../trainable-backend.js";
import type { OptimizerRule } from "./optimizer.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";
import { usedUp } from "./used-up.js";

/**
 * RMSprop: the gradient is divided by the root of the running mean of its square, less the square of its running mean
 * where it is centered. Formulas: `keras.optimizers.RMSprop`, where epsilon stands under the root.
 */
export function rmspropRule(config: Extract<OptimizerConfig, { readonly name: "rmsprop" }>): OptimizerRule {
  const { rho, momentum, epsilon, centered } = config;
  const hasMomentum = momentum > 0;
  return {
    slots: ["velocity", ...(hasMomentum ? ["momentum"] : []), ...(centered ? ["average_gradient"] : [])],
    intermediates: 3,
    next(tf, { value, slots }, gradient, { learningRate }) {
      const squared = tf.square(gradient);
      const velocity = usedUp(squared, mixed(tf, slots[0] as Tensor, squared, rho));
      const average = centered ? mixed(tf, slots.at(-1) as Tensor, gradient, rho) : undefined;
      const spread = average === undefined ? tf.clone(velocity) : spreadAround(tf, velocity, average);
      const least = usedUp(spread, tf.add(spread, epsilon));
      const root = usedUp(least, tf.sqrt(least));
      const scaled = tf.mul(gradient, learningRate);
      const change = usedUp(scaled, usedUp(root, tf.div(scaled, root)));
      const averages = average === undefined ? [] : [average];
      if (!hasMomentum) {
        return { value: usedUp(change, tf.sub(value, change)), slots: [velocity, ...averages] };
      }
      const kept = tf.mul(slots[1] as Tensor, momentum);
      const moving = usedUp(change, usedUp(kept, tf.add(kept, change)));
      return { value: tf.sub(value, moving), slots: [velocity, moving, ...averages] };
    },
  };
}

/** rho * running + (1 - rho) * current */
function mixed(tf: Tfjs, running: Tensor, current: Tensor, rho: number): Tensor {
  const kept = tf.mul(running, rho);
  const taken = tf.mul(current, 1 - rho);
  return usedUp(kept, usedUp(taken, tf.add(kept, taken)));
}

function spreadAround(tf: Tfjs, velocity: Tensor, average: Tensor): Tensor {
  const squared = tf.square(average);
  return usedUp(squared, tf.sub(velocity, squared));
}
