import type { OptimizerConfig } from "../trainable-backend.js";
import type { OptimizerRule } from "./optimizer.js";
import type { Tensor } from "./shared-tfjs.js";
import { usedUp } from "./used-up.js";

/**
 * Gradient descent, with momentum `m = momentum * m - learningRate * gradient` where it is not 0. The weight moves by m, or
 * with Nesterov's look ahead by `momentum * m - learningRate * gradient`. Formulas: `keras.optimizers.SGD`.
 */
export function sgdRule({ momentum, nesterov }: Extract<OptimizerConfig, { readonly name: "sgd" }>): OptimizerRule {
  return {
    slots: momentum === 0 ? [] : ["momentum"],
    intermediates: 2,
    next(tf, { value, slots: [moving] }, gradient, { learningRate }) {
      const change = tf.mul(gradient, learningRate);
      if (moving === undefined) return { value: usedUp(change, tf.sub(value, change)), slots: [] };
      const pushed = (by: Tensor): Tensor => {
        const kept = tf.mul(by, momentum);
        return usedUp(kept, tf.sub(kept, change));
      };
      const next = pushed(moving);
      if (!nesterov) return { value: usedUp(change, tf.add(value, next)), slots: [next] };
      const ahead = pushed(next);
      return { value: usedUp(change, usedUp(ahead, tf.add(value, ahead))), slots: [next] };
    },
  };
}
