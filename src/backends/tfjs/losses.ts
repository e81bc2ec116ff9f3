import type { LossName } from "../trainable-backend.js";
import { lossActivation } from "../training/loss-activation.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";

/** The network's output from what goes into its end. A tensor of its own. */
export function outputOf(tf: Tfjs, loss: LossName, logits: Tensor): Tensor {
  const activation = lossActivation(loss);
  if (activation === "softmax") return tf.softmax(logits);
  return activation === "sigmoid" ? tf.sigmoid(logits) : tf.clone(logits);
}

/**
 * Mean of the loss over a batch, each row times its weight. Formulas: `keras.losses` with `sum_over_batch_size`.
 *
 * @param logits `[batch, ...row]`: what goes into the softmax or sigmoid; for the squared error the output
 * @param weights `[batch]`
 */
export function meanLoss(
  tf: Tfjs,
  loss: LossName,
  labelSmoothing: number,
  logits: Tensor,
  targets: Tensor,
  weights: Tensor | undefined,
): Tensor {
  const losses = lossesOf(tf, loss, logits, smooth(tf, loss, labelSmoothing, targets));
  if (weights === undefined) return tf.mean(losses);
  const alongRows = tf.reshape(weights, [-1, ...new Array<number>(losses.rank - 1).fill(1)]);
  return tf.mean(tf.mul(losses, alongRows));
}

function smooth(tf: Tfjs, loss: LossName, labelSmoothing: number, targets: Tensor): Tensor {
  if (labelSmoothing === 0) return targets;
  const even = loss === "categorical_crossentropy" ? 1 / (targets.shape.at(-1) as number) : 0.5;
  return tf.add(tf.mul(targets, 1 - labelSmoothing), labelSmoothing * even);
}

/** `[batch, ...]`, without the last axis of the logits. */
function lossesOf(tf: Tfjs, loss: LossName, logits: Tensor, targets: Tensor): Tensor {
  switch (loss) {
    case "categorical_crossentropy":
      return tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), -1));
    case "binary_crossentropy":
      return tf.mean(binaryCrossEntropy(tf, logits, targets), -1);
    case "mean_squared_error":
      return tf.mean(tf.square(tf.sub(logits, targets)), -1);
  }
}

/** max(x, 0) - x * y + log(1 + exp(-|x|)), which loses no digits where x is large. */
function binaryCrossEntropy(tf: Tfjs, logits: Tensor, targets: Tensor): Tensor {
  // The derivatives of relu and abs are both 0 at 0, where that of the whole is not: it is given instead.
  const value = tf.customGrad((x, save) => {
    const logit = x as Tensor;
    (save as (tensors: Tensor[]) => void)([logit, targets]);
    const rest = tf.log1p(tf.exp(tf.neg(tf.abs(logit))));
    return {
      value: tf.add(tf.sub(tf.relu(logit), tf.mul(logit, targets)), rest),
      gradFunc: (dy, saved) => tf.mul(dy, tf.sub(tf.sigmoid(saved[0] as Tensor), saved[1] as Tensor)),
    };
  });
  return value(logits);
}
