import type { HDF5File } from "../hdf5/engine.js";
import { isTrained } from "../network/statistics.js";
import { countVariables, variablesOf } from "./stored-variables.js";
import { type FoundWeight, pairWeights, type StoredWeight } from "./stored-weight.js";
import type { NeededWeight, WeightLayer } from "./weight-nodes.js";

/** Whether a layer is one of the model's own. */
export function isCustom({ weights }: WeightLayer): boolean {
  return weights.some(({ custom }) => custom !== undefined);
}

/**
 * Pairs the weights of a custom layer with those that a legacy file has for it: by the paths of attributes, if the file's
 * names are these behind the layer's own (`se/squeeze/kernel:0`); else by position, as Keras does, those that train first.
 */
export function pairCustomWeights(
  layer: WeightLayer,
  stored: readonly StoredWeight[],
): readonly FoundWeight[] | undefined {
  if (stored.length !== layer.weights.length) return undefined;
  const byName = new Map(stored.map((weight) => [nameWithin(layer.name, weight.name), weight]));
  const named = layer.weights.map(({ custom }) => byName.get(custom?.source.variable ?? ""));
  const isNamed = (weights: readonly (StoredWeight | undefined)[]): weights is readonly StoredWeight[] =>
    weights.every((weight) => weight !== undefined);
  if (isNamed(named)) return pairWeights(layer, named);
  const order = layer.weights.map((_, index) => index);
  const trained = (index: number) => layer.trainable && isTrained(layer.weights[index] as NeededWeight);
  const slots = [...order.filter(trained), ...order.filter((index) => !trained(index))];
  return pairWeights(
    layer,
    order.map((index) => stored[slots.indexOf(index)] as StoredWeight),
  );
}

/** What stands behind a layer's name in the name of a weight. */
function nameWithin(layer: string, weight: string): string {
  const parts = weight.replace(/:0$/, "").split("/");
  return parts.slice(parts.lastIndexOf(layer) + 1).join("/");
}

/**
 * Finds the weights of a custom layer in the group that a file of Keras 3's format has for it: for each attribute that is
 * a layer a group of the attribute's name; variables by position. Undefined if it has others, or of other shapes.
 */
export async function locateCustomWeights(
  file: HDF5File,
  place: string,
  layer: WeightLayer,
): Promise<readonly FoundWeight[] | undefined> {
  const groups = new Map<string, number[]>();
  for (const [index, { custom }] of layer.weights.entries()) {
    const variable = custom?.source.variable ?? "";
    const group = variable.split("/").slice(0, -1).join("/");
    groups.set(group, [...(groups.get(group) ?? []), index]);
  }
  const stored: StoredWeight[] = [];
  for (const [group, indices] of groups) {
    const variables = await variablesOf(file, group === "" ? place : `${place}/${group}`);
    if (variables.length !== indices.length) return undefined;
    for (const [at, index] of indices.entries()) stored[index] = variables[at] as StoredWeight;
  }
  return stored.length === (await countVariables(file, place)) ? pairWeights(layer, stored) : undefined;
}
