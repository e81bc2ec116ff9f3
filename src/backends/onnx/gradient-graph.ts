import { InvalidNetworkError, UnsupportedError } from "../../errors.js";
import type { NdArray } from "../../ndarray.js";
import { cut } from "../../network/cut.js";
import type { Layer } from "../../network/layer.js";
import type { Network } from "../../network/network.js";
import type { RowShape } from "../../network/row-shape.js";
import { inferShapes } from "../../network/shapes.js";
import type { GraphValue, OnnxGraph } from "./graph.js";
import { GraphBuilder } from "./graph-builder.js";
import { differentiate, type ForwardGraph } from "./training/differentiate.js";
import { addLayers, knownTensors } from "./training/layer-nodes.js";

/**
 * Writes the gradient of `sum(seed * output)` with respect to a network's first input as a graph. Its inputs are those of the
 * network, for pictures of one size, and the seed, which has the output's shape. Layers run as in inference.
 *
 * @param inputs one array `[batch, ...row]` for each input of the network, from which the sizes are taken
 * @throws InvalidNetworkError if the output does not depend on the first input
 * @throws UnsupportedError naming the layer and the operator through which no gradient flows
 */
export function gradientGraph(network: Network, output: string, inputs: readonly NdArray<"float32">[]): OnnxGraph {
  const rows = new Map(network.inputs.map((name, at) => [name, inputs[at]?.shape.slice(1) ?? []]));
  const part = cut(ofOneSize(network, rows), output);
  const shapes = inferShapes(part);
  const builder = new GraphBuilder();
  for (const name of network.inputs) builder.reserve(name);
  const [seed, gradient] = ["gradient/seed", "gradient/result"].map((name) => builder.reserve(name)) as [
    string,
    string,
  ];
  const { result, layers, resultShapes } = addLayers(builder, part, {
    output,
    shapes,
    contextOf: () => ({ trained: false }),
  });
  const forward: ForwardGraph = {
    nodeCount: layers.length,
    layers,
    known: knownTensors(builder, resultShapes),
    refuse: (layer, fault) =>
      new UnsupportedError(
        `Cannot differentiate network "${network.name}" on onnx: layer "${layer}": ${fault}. Choose a layer behind it, or use a backend of TensorFlow.js, such as tfjsNode().`,
      ),
  };
  const [first = ""] = network.inputs;
  const found = differentiate(builder, forward, result, seed, new Set([first])).get(first);
  if (found === undefined) {
    throw new InvalidNetworkError(
      `Cannot differentiate network "${network.name}": its output "${output}" does not depend on its input "${first}".`,
    );
  }
  builder.node("gradient", "Identity", [found], {}, gradient);
  const float = (name: string, row: RowShape): GraphValue => ({
    name,
    elementType: "float32",
    shape: [null, ...row],
  });
  return {
    name: network.name,
    nodes: builder.nodes,
    initializers: builder.initializers,
    inputs: [...[...rows].map(([name, row]) => float(name, row)), float(seed, shapes.get(output) ?? [])],
    outputs: [float(gradient, rows.get(first) ?? [])],
  };
}

/** The network with inputs of these sizes: gradients of windows need to know them. */
function ofOneSize(network: Network, rows: ReadonlyMap<string, readonly number[]>): Network {
  const sized = (layer: Layer): Layer =>
    layer.className === "InputLayer"
      ? { ...layer, config: { ...layer.config, shape: rows.get(layer.name) ?? layer.config.shape } }
      : layer;
  return { ...network, layers: network.layers.map(sized) };
}
