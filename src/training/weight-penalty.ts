import type { TrainingOptions } from "../backends/trainable-backend.js";
import type { NetworkWeights } from "../network/network.js";

/** Strength of the penalties of a network: the part of {@link TrainingOptions} that they are in. */
export type Penalties = Pick<TrainingOptions, "l1" | "l2" | "layers">;

/** Whether there is any penalty at all. */
export function hasPenalty({ l1 = 0, l2, layers }: Penalties): boolean {
  return l1 > 0 || l2 > 0 || [...(layers?.values() ?? [])].some((layer) => (layer.l1 ?? 0) > 0 || (layer.l2 ?? 0) > 0);
}

/**
 * What Keras adds to every loss, also to that of an evaluation: l1 * sum(|kernel|) + l2 * sum(kernel^2), over the kernels
 * that are trained.
 */
export function weightPenalty(weights: NetworkWeights, penalties: Penalties): number {
  let penalty = 0;
  for (const [layer, own] of weights) {
    const { trainable = true, l1 = penalties.l1 ?? 0, l2 = penalties.l2 } = penalties.layers?.get(layer) ?? {};
    if (!trainable || (l1 === 0 && l2 === 0)) continue;
    for (const { name, array } of own) {
      if (!name.endsWith("kernel")) continue;
      let absolute = 0;
      let squares = 0;
      for (const value of array.data) {
        absolute += Math.abs(value);
        squares += value * value;
      }
      penalty += l1 * absolute + l2 * squares;
    }
  }
  return penalty;
}
