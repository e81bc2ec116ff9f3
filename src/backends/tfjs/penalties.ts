import type { TrainedWeight } from "../training/training-plan.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";
import { usedUp } from "./used-up.js";

/** The sum of all weights' l1 * sum(|weight|) + l2 * sum(weight^2). */
export function penalties(tf: Tfjs, values: readonly Tensor[], trained: readonly TrainedWeight[]): Tensor {
  return tf.tidy(() =>
    trained.reduce<Tensor>((total, { l1, l2 }, at) => {
      const value = values[at] as Tensor;
      const absolute =
        l1 === 0
          ? total
          : tf.add(
              total,
              tf.mul(
                tf.tidy(() => tf.sum(tf.abs(value))),
                l1,
              ),
            );
      return l2 === 0
        ? absolute
        : tf.add(
            absolute,
            tf.mul(
              tf.tidy(() => tf.sum(tf.square(value))),
              l2,
            ),
          );
    }, tf.scalar(0)),
  );
}

/** A gradient and that of the weight's own penalty. Frees what it replaces. */
export function penalizedGradient(tf: Tfjs, gradient: Tensor, value: Tensor, { l1, l2 }: TrainedWeight): Tensor {
  const add = (to: Tensor, part: Tensor, factor: number): Tensor => {
    const scaled = tf.mul(part, factor);
    return usedUp(to, usedUp(scaled, tf.add(to, scaled)));
  };
  const withL2 = l2 === 0 ? gradient : add(gradient, value, 2 * l2);
  if (l1 === 0) return withL2;
  const sign = tf.sign(value);
  return usedUp(sign, add(withL2, sign, l1));
}
