import { InvalidNetworkError } from "../../errors.js";
import { cut } from "../../network/cut.js";
import type { Layer } from "../../network/layer.js";
import type { Network, Weight } from "../../network/network.js";
import type { RowShape } from "../../network/row-shape.js";
import { inferShapes } from "../../network/shapes.js";
import { validateNetwork } from "../../network/validate.js";
import { layerWeightShapes } from "../../network/weight-shapes.js";
import { checkLayers } from "../check-layers.js";
import { evaluateLayer } from "../evaluate-layer.js";
import type { GraphValue, OnnxGraph } from "./graph.js";
import { GraphBuilder, type Value } from "./graph-builder.js";
import type { LayerContext } from "./layer-context.js";
import { type Operand, onnxOperations } from "./operations.js";

/**
 * Turns a network into an ONNX graph that computes the values of the layers `outputs`.
 *
 * The graph's inputs and outputs have Keras's order of axes (batch, height, width, channels), any batch size, and the
 * names of their layers. Inside, values of window operations have their channels first. Layers that no output needs
 * are left out; the network's inputs all stay.
 *
 * @param isTrained whether a layer's weights change while the graph is in use: they then stand in it one by one, and
 * nothing is computed from them beforehand
 * @throws InvalidArgumentError if `outputs` is empty, names a layer twice, or one that the network does not have
 * @throws InvalidNetworkError if the graph is not valid or its weights do not fit
 * @throws UnsupportedError if a layer cannot be written as ONNX
 */
export function lower(
  network: Network,
  outputs: readonly string[],
  isTrained: (layer: Layer) => boolean = () => false,
): OnnxGraph {
  const part = cut(network, outputs);
  checkLayers(part, "onnx");
  validateNetwork(part);
  const shapes = inferShapes(part);
  const builder = new GraphBuilder();
  const inputs = network.inputs.map((name) => graphInput(network, name));
  for (const { name } of inputs) builder.reserve(name);
  // An input asked for as an output: one tensor cannot be both.
  const outputTensors = outputs.map((name) => builder.reserve(network.inputs.includes(name) ? `${name}/output` : name));

  const values = new Map<string, Value>();
  for (const layer of part.layers) {
    values.set(layer.name, lowerLayer(builder, part, layer, values, shapes, { trained: isTrained(layer) }));
  }

  const graphOutputs = outputs.map((name, i): GraphValue => {
    const value = builder.view(values.get(name) as Value, "keras");
    const tensor = builder.node(name, "Identity", [value.tensor], {}, outputTensors[i]);
    return { name: tensor, elementType: "float32", shape: [null, ...(shapes.get(name) ?? [])] };
  });
  return {
    name: network.name,
    nodes: builder.nodes,
    initializers: builder.initializers,
    inputs,
    outputs: graphOutputs,
  };
}

/** Adds one layer's nodes to the graph and returns the layer's value. */
export function lowerLayer(
  builder: GraphBuilder,
  network: Network,
  layer: Layer,
  values: ReadonlyMap<string, Value>,
  shapes: ReadonlyMap<string, RowShape>,
  context: Omit<LayerContext, "findWeight">,
): Value {
  if (layer.className === "InputLayer") {
    const { shape, dtype } = layer.config;
    return { tensor: layer.name, axes: "keras", rank: shape.length + 1, elementType: dtype };
  }
  const inputs = layer.inputs.map((input) => {
    const value = values.get(input) as Value;
    // Pixels stay bytes until they are preprocessed: moving them costs a quarter of moving floats.
    return layer.className === "PreprocessInput" ? value : builder.float32(value);
  });
  const inputShapes = layer.inputs.map((input) => shapes.get(input) ?? []);
  const result = evaluateLayer<Operand>({
    operations: onnxOperations(builder, layer.name, {
      ...context,
      findWeight: (name) => weightOf(network, layer, name),
    }),
    layer,
    inputs: inputs as unknown as readonly [Value, ...Value[]],
    inputShapes,
    weightShapes: layerWeightShapes(layer, inputShapes[0] ?? []),
  });
  if ("constant" in result) {
    throw new InvalidNetworkError(`Layer "${layer.name}" (${layer.className}) has a value that depends on no input.`, {
      layer: layer.name,
    });
  }
  return result;
}

function graphInput(network: Network, name: string): GraphValue {
  const layer = network.layers.find((candidate) => candidate.name === name);
  if (layer?.className !== "InputLayer") {
    throw new InvalidNetworkError(
      `The network's input "${name}" should be an InputLayer, but is ${layer ? `a ${layer.className}` : "missing"}.`,
      { layer: name },
    );
  }
  return { name, elementType: layer.config.dtype, shape: [null, ...layer.config.shape] };
}

/** A layer's weight, and the name of the layer that holds it. */
function weightOf(network: Network, layer: Layer, name: string): { readonly owner: string; readonly weight: Weight } {
  const owner = layer.weightsOf ?? layer.name;
  const weights = network.weights.get(owner) ?? [];
  const weight = weights.find((candidate) => candidate.name === name);
  if (weight) return { owner, weight };
  const present = weights.map((candidate) => `"${candidate.name}"`).join(", ") || "none";
  throw new InvalidNetworkError(
    `The ${layer.className} layer "${layer.name}" needs the weight "${name}", but the weights held for "${owner}" are: ${present}.`,
    { layer: layer.name },
  );
}
