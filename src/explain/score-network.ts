import { InvalidArgumentError, InvalidNetworkError } from "../errors.js";
import { cut } from "../network/cut.js";
import type { Layer } from "../network/layer.js";
import { describeUnknownLayer } from "../network/layer-name.js";
import type { Network, Weight } from "../network/network.js";

/**
 * A classifier whose output are the scores of the classes before its softmax or sigmoid, which squeeze them.
 *
 * @throws InvalidNetworkError if it has not exactly one output
 */
export function scoreNetwork(network: Network): Network {
  const [output, ...others] = network.outputs;
  if (output === undefined || others.length > 0) {
    throw new InvalidNetworkError(
      `Network "${network.name}" has ${network.outputs.length} outputs: expected the scores of the classes as its only one. Cut it to that layer.`,
    );
  }
  return {
    ...network,
    layers: network.layers.map((layer) => (layer.name === output ? withoutSqueezing(layer) : layer)),
  };
}

function withoutSqueezing(layer: Layer): Layer {
  if (layer.className === "Softmax") {
    const { name, inputs } = layer;
    return { className: "Activation", name, inputs, config: { activation: "linear" } };
  }
  if (!("activation" in layer.config)) return layer;
  const { activation } = layer.config;
  if (activation !== "softmax" && activation !== "sigmoid") return layer;
  return { ...layer, config: { ...layer.config, activation: "linear" } } as Layer;
}

/**
 * The part of a network that computes its output from the value of one layer. Where other ways lead around the layer,
 * the values that they bring are inputs too.
 *
 * @returns a network whose first input is the layer, and whose inputs have the names of their layers
 * @param shapeOf shape of a layer's value, without the batch
 * @throws InvalidArgumentError if there is no such layer, or the output does not need it
 */
export function tailBehind(
  network: Network,
  layer: string,
  shapeOf: (name: string) => readonly (number | null)[],
): Network {
  const [output = ""] = network.outputs;
  if (!network.layers.some(({ name }) => name === layer)) {
    throw new InvalidArgumentError(`Cannot look at "${layer}": ${describeUnknownLayer(network, layer)}`);
  }
  const behind = new Set<string>();
  for (const { name, inputs } of network.layers) {
    if (inputs.some((input) => input === layer || behind.has(input))) behind.add(name);
  }
  if (!behind.has(output)) {
    throw new InvalidArgumentError(
      `The output "${output}" of network "${network.name}" does not come from "${layer}": name a layer before it.`,
    );
  }
  // Only what the output needs: a second head would bring inputs that nobody takes.
  const needed = new Set(cut(network, output).layers.map(({ name }) => name));
  const around = network.layers
    .filter(({ name }) => needed.has(name) && behind.has(name))
    .flatMap(({ inputs }) => inputs)
    .filter((name) => name !== layer && !behind.has(name));
  const entries = [layer, ...new Set(around)];
  const weights = new Map<string, readonly Weight[]>(network.weights);
  const layers = network.layers.flatMap((candidate): readonly Layer[] => {
    const { name, weightsOf } = candidate;
    if (entries.includes(name)) {
      return [{ className: "InputLayer", name, inputs: [], config: { shape: shapeOf(name), dtype: "float32" } }];
    }
    if (!behind.has(name) || !needed.has(name)) return [];
    if (weightsOf === undefined || behind.has(weightsOf)) return [candidate];
    // What owns these weights is not among the layers any more; they are read only, so that each may have them.
    const { weightsOf: _, ...rest } = candidate;
    weights.set(name, network.weights.get(weightsOf) ?? []);
    return [rest as Layer];
  });
  return {
    name: network.name,
    layers,
    inputs: entries,
    outputs: [output],
    weights: new Map([...weights].filter(([name]) => behind.has(name) && needed.has(name))),
  };
}
