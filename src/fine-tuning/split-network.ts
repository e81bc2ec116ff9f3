import { type Shape, sizeOf } from "../ndarray.js";
import { cut } from "../network/cut.js";
import type { Layer } from "../network/layer.js";
import { isAugmentation } from "../network/layers/augmentation.js";
import { isRegularization } from "../network/layers/regularization.js";
import type { Network, NetworkWeights } from "../network/network.js";
import { inferShapes } from "../network/shapes.js";

/** A network in two: what gives the same values for a picture in every epoch, and what is trained on these. */
export interface SplitNetwork {
  /** From the input to the layer `layer`, which is its only output. */
  readonly frozen: Network;
  /** From an input of that name to the network's outputs. */
  readonly tail: Network;
  /** Name of the layer where they meet. */
  readonly layer: string;
  /** Shape of one row of its values. */
  readonly shape: Shape;
}

/**
 * Divides a network behind the last layer that everything trained depends on alone, and that depends on nothing that is
 * trained or random. Layers keep their names and weights.
 *
 * @param isFrozen tells whether the weights of a layer, by the name of their owner, stand still
 * @returns undefined if there is no such layer, or nothing with weights before it
 */
export function splitNetwork(network: Network, isFrozen: (layer: string) => boolean): SplitNetwork | undefined {
  const still = new Set<string>();
  for (const layer of network.layers) {
    if (standsStill(layer, network, isFrozen) && layer.inputs.every((input) => still.has(input))) still.add(layer.name);
  }
  const byName = new Map(network.layers.map((layer) => [layer.name, layer]));
  for (const candidate of [...network.layers].reverse()) {
    if (!still.has(candidate.name) || candidate.className === "InputLayer") continue;
    const tail = tailOf(network, byName, candidate.name);
    if (tail === undefined) continue;
    const frozen = cut(network, candidate.name);
    const shape = inferShapes(network).get(candidate.name) ?? [];
    if (frozen.weights.size === 0 || shape.some((axis) => axis === null)) return undefined;
    return {
      frozen,
      tail: tailNetwork(network, tail, candidate.name, shape as Shape),
      layer: candidate.name,
      shape: shape as Shape,
    };
  }
  return undefined;
}

/** Whether the values at the split take no more room than the picture that they come from. */
export function isLateSplit({ shape }: SplitNetwork, imageSize: readonly [number, number]): boolean {
  return sizeOf(shape) <= sizeOf([...imageSize, 3]);
}

function standsStill(layer: Layer, network: Network, isFrozen: (layer: string) => boolean): boolean {
  const owner = layer.weightsOf ?? layer.name;
  if (network.weights.has(owner) && !isFrozen(owner)) return false;
  return !isRegularization(layer.className) && !isAugmentation(layer.className);
}

/** Names of the layers behind one layer; undefined if something else leads to the outputs too. */
function tailOf(network: Network, byName: ReadonlyMap<string, Layer>, start: string): ReadonlySet<string> | undefined {
  if (network.outputs.includes(start)) return undefined;
  const tail = new Set<string>(network.outputs);
  const waiting = [...network.outputs];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const layer = byName.get(name);
    if (layer === undefined || layer.className === "InputLayer") return undefined;
    for (const input of layer.inputs) {
      if (input === start || tail.has(input)) continue;
      tail.add(input);
      waiting.push(input);
    }
  }
  // Shared weights must not stand on both sides.
  const sharesAcross = [...tail].some((name) => {
    const owner = byName.get(name)?.weightsOf;
    return owner !== undefined && !tail.has(owner);
  });
  return sharesAcross ? undefined : tail;
}

function tailNetwork(network: Network, tail: ReadonlySet<string>, start: string, shape: Shape): Network {
  const weights: NetworkWeights = new Map([...network.weights].filter(([layer]) => tail.has(layer)));
  return {
    name: network.name,
    layers: [
      { className: "InputLayer", name: start, inputs: [], config: { shape, dtype: "float32" } },
      ...network.layers.filter(({ name }) => tail.has(name)),
    ],
    inputs: [start],
    outputs: network.outputs,
    weights,
  };
}
