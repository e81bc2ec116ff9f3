import { cut } from "../network/cut.js";
import type { Layer } from "../network/layer.js";
import type { Network, Topology } from "../network/network.js";

/**
 * The network with what Keras would keep of it: its inputs, and the layers that its outputs are computed from.
 */
export function withoutDeadLayers(network: Network): Network {
  const kept = cut(network, network.outputs);
  if (kept.layers.length === network.layers.length) return network;
  const names = new Set(kept.layers.map(({ name }) => name));
  const unusedInputs = network.layers.filter(({ name, className }) => className === "InputLayer" && !names.has(name));
  return { ...kept, layers: [...unusedInputs, ...kept.layers], inputs: network.inputs };
}

/**
 * Names of a network's layers in the order that Keras gives them when it builds the model from its config. Weights are
 * matched by position in that order, so that a file in any other order has its weights in wrong places.
 *
 * The rule (`map_graph` of Keras 3, `_map_graph_network` of Keras 2): the greatest distance to an output first; among
 * equals, in which order a walk from the outputs to the inputs meets them. Each layer counts once, however often it is
 * applied; inputs that lead nowhere come last but one for one.
 */
export function kerasLayerOrder(topology: Topology): readonly string[] {
  const byName = new Map(topology.layers.map((layer) => [layer.name, layer]));
  const ownerOf = (layer: Layer): string => layer.weightsOf ?? layer.name;
  const met = new Map<string, number>();
  const finished: Layer[] = [];
  walkFromOutputs(
    topology,
    byName,
    (layer) => {
      if (!met.has(ownerOf(layer))) met.set(ownerOf(layer), met.size);
    },
    finished,
  );

  const depths = new Map<string, number>();
  const ownerDepths = new Map<string, number>();
  for (const layer of finished.reverse()) {
    const depth = Math.max(depths.get(layer.name) ?? 0, ownerDepths.get(ownerOf(layer)) ?? 0);
    depths.set(layer.name, depth);
    ownerDepths.set(ownerOf(layer), depth);
    for (const input of layer.inputs) depths.set(input, Math.max(depth + 1, depths.get(input) ?? 0));
  }
  for (const input of topology.inputs) {
    if (ownerDepths.has(input)) continue;
    ownerDepths.set(input, 0);
    met.set(input, -1);
  }
  return [...ownerDepths.keys()].sort(
    (a, b) => (ownerDepths.get(b) ?? 0) - (ownerDepths.get(a) ?? 0) || (met.get(a) ?? 0) - (met.get(b) ?? 0),
  );
}

/** Depth first, each layer after its inputs. A stack of our own: a chain may be longer than the call stack is deep. */
function walkFromOutputs(
  topology: Topology,
  byName: ReadonlyMap<string, Layer>,
  onMeet: (layer: Layer) => void,
  finished: Layer[],
): void {
  const done = new Set<string>();
  for (const output of topology.outputs) {
    const stack: { readonly layer: Layer; next: number }[] = [];
    const enter = (name: string): void => {
      const layer = byName.get(name);
      if (layer === undefined || done.has(name)) return;
      onMeet(layer);
      stack.push({ layer, next: 0 });
    };
    enter(output);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.layer.inputs[top.next++];
      if (input !== undefined) {
        enter(input);
        continue;
      }
      stack.pop();
      if (done.has(top.layer.name)) continue;
      done.add(top.layer.name);
      finished.push(top.layer);
    }
  }
}
