import type { GradientClipping } from "../trainable-backend.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";
import { usedUp } from "./used-up.js";

/** Clips gradients, in Keras's order and form. Frees those that it replaces; returns as many, in the same order. */
export function clipGradients(
  tf: Tfjs,
  gradients: readonly Tensor[],
  { clipnorm, globalClipnorm, clipvalue }: GradientClipping,
): readonly Tensor[] {
  if (clipnorm !== undefined) return gradients.map((gradient) => usedUp(gradient, clipByNorm(tf, gradient, clipnorm)));
  if (globalClipnorm !== undefined) {
    const scale = tf.tidy(() => globalScale(tf, gradients, globalClipnorm));
    const clipped = gradients.map((gradient) => usedUp(gradient, tf.mul(gradient, scale)));
    scale.dispose();
    return clipped;
  }
  if (clipvalue === undefined) return gradients;
  return gradients.map((gradient) => usedUp(gradient, tf.clipByValue(gradient, -clipvalue, clipvalue)));
}

function clipByNorm(tf: Tfjs, gradient: Tensor, limit: number): Tensor {
  return tf.tidy(() => {
    const norm = tf.sqrt(tf.sum(tf.square(gradient)));
    const grown = tf.mul(gradient, limit);
    return usedUp(grown, tf.div(grown, tf.maximum(norm, limit)));
  });
}

function globalScale(tf: Tfjs, gradients: readonly Tensor[], limit: number): Tensor {
  const squares = gradients.map((gradient) => tf.tidy(() => tf.sum(tf.square(gradient))));
  const norm = tf.sqrt(tf.addN(squares));
  const scale = tf.mul(tf.minimum(tf.div(1, norm), 1 / limit), limit);
  // 0 where the norm is finite, and NaN otherwise, so that an infinite gradient is not mistaken for none.
  return tf.add(scale, tf.sub(norm, norm));
}
