import type { PlacedLayer } from "./custom-layer.js";
import { malformedModel } from "./model-tree.js";

/**
 * The layers in an order in which each stands after its inputs and after the layer whose weights it takes. A list that
 * is so already stays as it is.
 */
export function inputsFirst<L extends PlacedLayer>(layers: readonly L[]): readonly L[] {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const ordered = new Set<L>();
  const entered = new Set<L>();
  // A stack of our own: a chain of layers may be longer than the call stack is deep.
  const stack = [...layers].reverse();
  for (let layer = stack.at(-1); layer !== undefined; layer = stack.at(-1)) {
    const needed = [...layer.inputs, ...(layer.weightsOf === undefined ? [] : [layer.weightsOf])];
    const missing = needed.map((name) => byName.get(name) as L).filter((input) => !ordered.has(input));
    if (missing.length === 0) {
      ordered.add(layer);
      stack.pop();
      continue;
    }
    if (entered.has(layer)) throw malformedModel(`its graph has a cycle, in which layer "${layer.name}" takes part`);
    entered.add(layer);
    for (const input of missing.reverse()) stack.push(input);
  }
  return [...ordered];
}
