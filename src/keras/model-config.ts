import type { Layer } from "../network/layer.js";
import type { Topology } from "../network/network.js";
import { kerasLayerOrder } from "./keras-order.js";
import { type Json, type KerasLayer, type KernelPenalty, toKerasLayer } from "./layer-config.js";

/** How layers are written beyond what they are. */
export interface LayerWriting extends KernelPenalty {
  /** Names of the layers whose weights stand still while training. */
  readonly frozen?: readonly string[] | undefined;
}

/** A layer of a model config, with its place in the graph. */
export interface PlacedKerasLayer extends KerasLayer {
  readonly name: string;
  readonly nodes: readonly Json[];
}

/** The parts of a model config. */
export interface ModelConfigParts {
  /** In the order that Keras gives them. */
  readonly layers: readonly PlacedKerasLayer[];
  readonly inputs: readonly Json[];
  readonly outputs: readonly Json[];
}

/**
 * Writes a graph as the `model_config` of a legacy Keras file: a flat Functional model. Applications of one layer become
 * that layer's nodes.
 *
 * @throws UnsupportedError for a layer that Keras has no class for
 */
export function toModelConfig(topology: Topology, writing: LayerWriting = {}): Json {
  const { layers, inputs, outputs } = modelConfigParts(topology, writing);
  return {
    class_name: "Functional",
    config: {
      name: topology.name,
      trainable: true,
      layers: layers.map(({ class_name, module, config, name, nodes }) => ({
        class_name,
        ...(module === undefined ? {} : { module, registered_name: null }),
        config,
        name,
        inbound_nodes: nodes,
      })),
      input_layers: inputs,
      output_layers: outputs,
    },
  };
}

/**
 * The parts of a graph as Keras 2 writes them; see {@link toModelConfig}.
 *
 * @param toLayer writes one layer. Default: as Keras does
 */
export function modelConfigParts(
  topology: Topology,
  { l1 = 0, l2 = 0, frozen = [] }: LayerWriting,
  toLayer: (layer: Layer, penalty: KernelPenalty) => KerasLayer = toKerasLayer,
): ModelConfigParts {
  const still = new Set(frozen);
  const written = new Map<string, PlacedKerasLayer & { readonly nodes: Json[] }>();
  const places = new Map<string, readonly [layer: string, node: number, tensor: number]>();
  for (const layer of topology.layers) {
    const owner = layer.weightsOf ?? layer.name;
    const entry = written.get(owner) ?? { ...writeLayer(layer, owner), nodes: [] };
    written.set(owner, entry);
    places.set(layer.name, [owner, layer.className === "InputLayer" ? 0 : entry.nodes.length, 0]);
    if (layer.className === "InputLayer") continue;
    entry.nodes.push(layer.inputs.map((input) => [...(places.get(input) ?? [input, 0, 0]), {}]));
  }
  function writeLayer(layer: Layer, name: string): Omit<PlacedKerasLayer, "nodes"> {
    const { config, ...rest } = toLayer({ ...layer, name }, { l1, l2 });
    return { ...rest, config: still.has(name) ? { ...config, trainable: false } : config, name };
  }
  const place = (name: string): Json => places.get(name) ?? [name, 0, 0];
  return {
    layers: kerasLayerOrder(topology).map((name) => written.get(name) as PlacedKerasLayer),
    inputs: topology.inputs.map(place),
    outputs: topology.outputs.map(place),
  };
}
