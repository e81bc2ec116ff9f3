import { InvalidArgumentError } from "../errors.js";
import { kerasLayerOrder } from "../keras/keras-order.js";
import { describeUnknownLayer } from "../network/layer-name.js";
import type { Network, Topology } from "../network/network.js";
import { checkBoolean, describeValue } from "../options/check-option.js";

/** Where in a network training is to begin: a layer's name, or its index in Keras's `model.layers`. */
export type LayerPlace = string | number;

/**
 * Names of a layer and all that come after it in Keras's `model.layers`: what `for layer in model.layers[from:]` goes
 * over in Python.
 *
 * @param option how messages call it
 * @throws InvalidArgumentError if there is no such layer
 */
export function layersFrom(topology: Topology, from: LayerPlace, option: string): readonly string[] {
  const order = kerasLayerOrder(topology);
  const index = typeof from === "string" ? order.indexOf(from) : from;
  if (typeof from === "string" && index === -1) {
    throw new InvalidArgumentError(`\`${option}\` is "${from}": ${describeUnknownLayer(topology, from)}`);
  }
  if (!Number.isInteger(index) || index < 0 || index >= order.length) {
    throw new InvalidArgumentError(
      `\`${option}\` is ${describeValue(from)}: expected the name of a layer, or its index in Keras's \`model.layers\`, from 0 to ${order.length - 1}.`,
    );
  }
  return order.slice(index);
}

/** Names of the layers with weights that are not among those to be trained, in the network's order. */
export function frozenLayers(network: Network, trained: ReadonlySet<string>): readonly string[] {
  return network.layers.map(({ name }) => name).filter((name) => network.weights.has(name) && !trained.has(name));
}

/**
 * Names of the layers with weights that are trained after `unfreeze`.
 *
 * @param trained those that are before
 * @throws InvalidArgumentError if there is no such layer
 */
export function unfrozenLayers(
  network: Network,
  trained: readonly string[],
  { from, batchNormalization = true }: { readonly from: LayerPlace; readonly batchNormalization?: boolean | undefined },
): readonly string[] {
  checkBoolean("batchNormalization", batchNormalization);
  const classNames = new Map(network.layers.map(({ name, className }) => [name, className]));
  const names = new Set(trained);
  for (const name of layersFrom(network, from, "from")) {
    if (batchNormalization || classNames.get(name) !== "BatchNormalization") names.add(name);
  }
  return [...network.weights.keys()].filter((name) => names.has(name));
}
