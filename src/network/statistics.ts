/** Weights that a layer moves towards what it sees, and that no gradient changes: Keras's non-trainable ones. */
const statistics: ReadonlySet<string> = new Set(["moving_mean", "moving_variance", "mean", "variance", "count"]);

/** Whether a weight of this name trains, unless its layer is frozen. */
export function isTrained(weight: { readonly name: string }): boolean {
  return !statistics.has(weight.name);
}
