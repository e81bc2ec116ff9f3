import type { Topology } from "../network/network.js";
import { type Json, type KerasLayer, toKerasLayer } from "./layer-config.js";

/**
 * Writes a graph as the `model_config` of a legacy Keras file: a flat Functional model. Applications of one layer become
 * that layer's nodes.
 *
 * @param l2 L2 penalty on every kernel; 0 for none
 * @throws UnsupportedError for a layer that Keras has no class for
 */
export function toModelConfig(topology: Topology, l2 = 0): Json {
  const written = new Map<string, KerasLayer & { readonly nodes: Json[] }>();
  const places = new Map<string, readonly [layer: string, node: number, tensor: number]>();
  for (const layer of topology.layers) {
    const owner = layer.weightsOf ?? layer.name;
    const entry = written.get(owner) ?? { ...toKerasLayer(layer, l2), nodes: [] };
    written.set(owner, entry);
    places.set(layer.name, [owner, layer.className === "InputLayer" ? 0 : entry.nodes.length, 0]);
    if (layer.className === "InputLayer") continue;
    entry.nodes.push(layer.inputs.map((input) => [...(places.get(input) ?? [input, 0, 0]), {}]));
  }
  const place = (name: string): Json => places.get(name) ?? [name, 0, 0];
  return {
    class_name: "Functional",
    config: {
      name: topology.name,
      trainable: true,
      layers: [...written].map(([name, { class_name, config, nodes }]) => ({
        class_name,
        config,
        name,
        inbound_nodes: nodes,
      })),
      input_layers: topology.inputs.map(place),
      output_layers: topology.outputs.map(place),
    },
  };
}
