import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import { checkNetwork } from "./check-network.js";
import { checkGraph } from "./graph.js";
import { describeUnknownLayer } from "./layer-name.js";
import type { Network, Weight } from "./network.js";

/**
 * The part of a network that computes the values of some layers: these layers become its outputs, and everything they do
 * not need is left out. Layers keep their order, names and weights (the arrays are shared, not copied).
 *
 * @param layers one layer's name, or several; the outputs come in this order
 * @throws InvalidArgumentError if there is no such layer (it lists close names), the list is empty or has one twice
 * @throws InvalidNetworkError if the network's graph is not valid
 *
 * @example
 * const features = cut(network, "block4_pool");
 * const both = cut(network, ["block4_pool", "block5_pool"]);
 */
export function cut(network: Network, layers: string | readonly string[]): Network {
  checkNetwork("network", network);
  if (typeof layers !== "string" && !(Array.isArray(layers) && layers.every((name) => typeof name === "string"))) {
    throw new InvalidArgumentError(
      `\`layers\` is ${describeValue(layers)}: expected the name of a layer, or a list of names.`,
    );
  }
  checkGraph(network);
  const outputs = typeof layers === "string" ? [layers] : [...layers];
  if (outputs.length === 0) throw new InvalidArgumentError("`layers` is empty: expected at least one layer's name.");
  const byName = new Map(network.layers.map((layer) => [layer.name, layer]));
  for (const [index, name] of outputs.entries()) {
    if (!byName.has(name)) {
      throw new InvalidArgumentError(`Cannot cut at "${name}": ${describeUnknownLayer(network, name)}`);
    }
    if (outputs.indexOf(name) !== index) {
      throw new InvalidArgumentError(`\`layers\` has "${name}" twice: expected each once.`);
    }
  }

  const kept = new Set<string>(outputs);
  // Every layer stands after its inputs, so one pass from the back reaches all that is needed.
  for (const layer of [...network.layers].reverse()) {
    if (kept.has(layer.name)) for (const input of layer.inputs) kept.add(input);
  }

  const weights = new Map<string, readonly Weight[]>();
  const owners = new Map<string, string>();
  const keptLayers = network.layers
    .filter((layer) => kept.has(layer.name))
    .map((layer) => {
      const owner = layer.weightsOf ?? layer.name;
      const newOwner = owners.get(owner);
      if (newOwner !== undefined) return { ...layer, weightsOf: newOwner };
      owners.set(owner, layer.name);
      const own = network.weights.get(owner);
      if (own !== undefined) weights.set(layer.name, own);
      if (layer.weightsOf === undefined) return layer;
      // The layer that owned these weights is cut off: the first one that shares them owns them now.
      const { weightsOf: _, ...rest } = layer;
      return rest as typeof layer;
    });

  return {
    name: network.name,
    layers: keptLayers,
    inputs: network.inputs.filter((input) => kept.has(input)),
    outputs,
    weights,
  };
}
