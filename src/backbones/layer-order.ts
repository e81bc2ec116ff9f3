import { InvalidNetworkError } from "../errors.js";
import type { Layer } from "../network/layer.js";

/**
 * The layers that an output needs, in the order in which Keras lists them in `model.layers`: those that are farthest from
 * the output first, and at the same distance as a walk from the output towards the input meets them. Weights files list
 * layers in this order.
 *
 * Algorithm: `map_graph` of Keras 3, keras/src/ops/function.py.
 *
 * @param layers in an order in which every layer stands after its inputs
 * @throws InvalidNetworkError if a layer's input, or the output, is not among them
 */
export function inKerasOrder(layers: readonly Layer[], output: string): readonly Layer[] {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const met = new Map<string, number>();
  const sources: Layer[] = [];
  const walk = (name: string): void => {
    if (met.has(name)) return;
    const layer = byName.get(name);
    if (layer === undefined) throw new InvalidNetworkError(`There is no layer "${name}".`, { layer: name });
    met.set(name, met.size);
    for (const input of layer.inputs) walk(input);
    sources.push(layer);
  };
  walk(output);

  const distances = new Map<string, number>();
  const distance = (name: string): number => distances.get(name) ?? 0;
  for (const { name, inputs } of [...sources].reverse()) {
    for (const input of inputs) distances.set(input, Math.max(distance(input), distance(name) + 1));
  }
  return sources.sort((a, b) => distance(b.name) - distance(a.name) || (met.get(a.name) ?? 0) - (met.get(b.name) ?? 0));
}
