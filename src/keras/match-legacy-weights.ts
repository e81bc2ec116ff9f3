import { InvalidWeightsError } from "../errors.js";
import { isTrained } from "../network/statistics.js";
import { isCustom, pairCustomWeights } from "./pair-custom-weights.js";
import type { StoredLayer, WeightsRequest } from "./read-weights.js";
import { type FoundWeight, formatWeights, pairWeights, type StoredWeight, storedShape } from "./stored-weight.js";
import { type WeightLayer, type WeightNode, weightLayers } from "./weight-nodes.js";

/**
 * Finds for each weight of a network its place in a legacy file. A whole model's layers are found by their names. Else
 * the rule is Keras's: by position among the layers with weights.
 *
 * @throws InvalidWeightsError if the file has those of another network
 */
export function matchLegacyWeights(request: WeightsRequest, stored: readonly StoredLayer[]): readonly FoundWeight[] {
  const nodes = request.nodes.filter((node) => weightLayers(node).length > 0);
  const byName = new Map(stored.map((layer) => [layer.name, layer]));
  const named = request.named && stored.length === nodes.length && nodes.every(({ name }) => byName.has(name));
  const inOrder = named
    ? nodes.map(({ name }) => byName.get(name) as StoredLayer)
    : stored.length === nodes.length
      ? stored
      : singleLayers(stored, nodes.length);
  return pairAll(request, nodes, inOrder);
}

function pairAll(
  { network, fileName }: WeightsRequest,
  nodes: readonly WeightNode[],
  stored: readonly StoredLayer[],
): readonly FoundWeight[] {
  const counts = `The file has ${stored.length} layers with weights, the network ${nodes.length}.`;
  const found: FoundWeight[] = [];
  for (const [index, node] of nodes.entries()) {
    const other = stored[index];
    const layers = weightLayers(node);
    const layer = layers[0]?.layer ?? node.name;
    const needs = formatWeights(
      layers.flatMap(({ weights }) => weights.map((weight) => ({ shape: storedShape(weight) }))),
    );
    if (other === undefined) {
      throw new InvalidWeightsError(
        `"${fileName}" does not hold the weights of network "${network}": it ends before layer "${node.name}", which needs ${needs}. ${counts}`,
        { layer },
      );
    }
    const pairs =
      node.kind === "layer"
        ? (isCustom(node) ? pairCustomWeights : pairWeights)(node, other.weights)
        : (pairByName(layers, other) ?? pairInOrder(layers, other));
    if (pairs === undefined) {
      throw new InvalidWeightsError(
        `"${fileName}" does not hold the weights of network "${network}": they first differ at layer "${node.name}", which needs ${needs}; the file has "${other.name}" there, with ${formatWeights(other.weights)}. ${counts} Give the file that belongs to this network, width and \`includeTop\`.`,
        { layer },
      );
    }
    for (const pair of pairs) found.push(pair);
  }
  const extra = stored[nodes.length];
  if (extra !== undefined) {
    throw new InvalidWeightsError(
      `"${fileName}" does not hold the weights of network "${network}": it goes on with layer "${extra.name}", with ${formatWeights(extra.weights)}, where the network ends. ${counts} Perhaps the file is the one with top.`,
      { layer: extra.name },
    );
  }
  return found;
}

/** Name of the layer that a weight belongs to by its own name: `encoder/conv/kernel:0` is one of `conv`. */
function ownerOf({ name }: StoredWeight): string | undefined {
  return name.split("/").at(-2);
}

/** The weights of a model's layers by the names that they have in the file; undefined if these do not tell them apart. */
function pairByName(layers: readonly WeightLayer[], stored: StoredLayer): readonly FoundWeight[] | undefined {
  const byOwner = new Map<string, StoredWeight[]>();
  for (const weight of stored.weights) {
    const owner = ownerOf(weight);
    if (owner === undefined) return undefined;
    byOwner.set(owner, [...(byOwner.get(owner) ?? []), weight]);
  }
  if (byOwner.size !== layers.length) return undefined;
  const found: FoundWeight[] = [];
  for (const layer of layers) {
    const pairs = pairWeights(layer, byOwner.get(layer.name.split("/").at(-1) ?? "") ?? []);
    if (pairs === undefined) return undefined;
    found.push(...pairs);
  }
  return found;
}

/**
 * The weights of a model's layers by position: Keras lists those of all layers that are trained, then all others, each in
 * the order of the layers.
 */
function pairInOrder(layers: readonly WeightLayer[], stored: StoredLayer): readonly FoundWeight[] | undefined {
  const slots = layers.flatMap((layer) =>
    layer.weights.map((weight, index) => ({
      layer,
      weight,
      index,
      trained: layer.trainable && isTrained(weight),
    })),
  );
  if (slots.length !== stored.weights.length) return undefined;
  const inOrder = [...slots.filter(({ trained }) => trained), ...slots.filter(({ trained }) => !trained)];
  const found: FoundWeight[] = [];
  for (const [at, { layer, weight, index }] of inOrder.entries()) {
    const place = stored.weights[at] as StoredWeight;
    if (storedShape(weight).join() !== place.shape.join()) return undefined;
    found.push({ layer: layer.layer, index, stored: place });
  }
  return found;
}

/**
 * The layers of a file with those of inner models one by one, as their weights' names tell, if they then are of the wanted
 * number: a flat network can take the weights of one that was nested.
 */
function singleLayers(stored: readonly StoredLayer[], wanted: number): readonly StoredLayer[] {
  const single = stored.flatMap((layer): readonly StoredLayer[] => {
    const owners = new Map<string, StoredWeight[]>();
    for (const weight of layer.weights) {
      const owner = weight.name.split("/").slice(0, -1).join("/");
      owners.set(owner, [...(owners.get(owner) ?? []), weight]);
    }
    return [...owners].map(([name, weights]) => ({ name: name || layer.name, weights }));
  });
  return single.length === wanted ? single : stored;
}
