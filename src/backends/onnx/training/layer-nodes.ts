import type { Layer } from "../../../network/layer.js";
import type { Network } from "../../../network/network.js";
import type { RowShape } from "../../../network/row-shape.js";
import type { GraphNode } from "../graph.js";
import type { GraphBuilder, Value } from "../graph-builder.js";
import type { LayerContext } from "../layer-context.js";
import { lowerLayer } from "../lower.js";
import { inferNodeShape, initializerShape, type KnownTensors, type TensorShape } from "./tensor-shapes.js";

/** How the nodes of a network's layers are added. */
export interface LayerNodesOptions {
  /** The layer whose value is wanted. */
  readonly output: string;
  /** Shape of each layer's value, without the batch. */
  readonly shapes: ReadonlyMap<string, RowShape>;
  /** What is added for a layer. @default the layer itself */
  readonly layerOf?: (layer: Layer) => Layer;
  readonly contextOf: (layer: Layer) => Omit<LayerContext, "findWeight">;
}

/** The nodes of a network's layers, which are those that the builder has gained. */
export interface LayerNodes {
  /** The tensor of the output's value, with its axes in Keras's order. */
  readonly result: string;
  /** For each node the layer whose value it computes. */
  readonly layers: readonly string[];
  /** Shapes of the tensors that are the value of a layer. */
  readonly resultShapes: ReadonlyMap<string, TensorShape>;
}

/** Adds the nodes of all layers to a graph that is still without nodes. Inputs are float32, and have the names of their layers. */
export function addLayers(builder: GraphBuilder, network: Network, options: LayerNodesOptions): LayerNodes {
  const { output, shapes, layerOf = (layer) => layer, contextOf } = options;
  const values = new Map<string, Value>();
  const layers: string[] = [];
  const resultShapes = new Map<string, TensorShape>();
  for (const given of network.layers) {
    const layer = layerOf(given);
    const value: Value =
      layer.className === "InputLayer"
        ? { tensor: layer.name, axes: "keras", rank: layer.config.shape.length + 1, elementType: "float32" }
        : lowerLayer(builder, network, layer, values, shapes, contextOf(layer));
    values.set(layer.name, value);
    while (layers.length < builder.nodes.length) layers.push(layer.name);
    resultShapes.set(value.tensor, inOrder(value, shapes.get(layer.name) ?? []));
  }
  const result = builder.view(values.get(output) as Value, "keras").tensor;
  while (layers.length < builder.nodes.length) layers.push(output);
  return { result, layers, resultShapes };
}

/** What is known of a graph's tensors: some shapes, and what follows from them. */
export function knownTensors(builder: GraphBuilder, resultShapes: ReadonlyMap<string, TensorShape>): KnownTensors {
  const initializers = new Map(builder.initializers.map((initializer) => [initializer.name, initializer]));
  const shapes = new Map(resultShapes);
  for (const initializer of initializers.values()) shapes.set(initializer.name, initializerShape(initializer));
  const known = { shapes, initializers };
  for (const node of builder.nodes as readonly GraphNode[]) {
    const [output = ""] = node.outputs;
    const shape = resultShapes.get(output) ?? inferNodeShape(known, node);
    if (shape !== undefined) shapes.set(output, shape);
  }
  return known;
}

function inOrder({ axes, rank }: Value, row: RowShape): TensorShape {
  if (axes === "keras" || rank !== 4) return [null, ...row];
  const [height = null, width = null, channels = null] = row;
  return [null, channels, height, width];
}
