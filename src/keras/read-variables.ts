import { InvalidWeightsError } from "../errors.js";
import type { HDF5File } from "../hdf5/engine.js";
import { isCustom, locateCustomWeights } from "./pair-custom-weights.js";
import type { WeightsRequest } from "./read-weights.js";
import { countVariables, variablesOf } from "./stored-variables.js";
import { type FoundWeight, formatWeights, pairWeights, storedShape } from "./stored-weight.js";
import { type WeightNode, weightLayers } from "./weight-nodes.js";

/** Groups that hold a model's layers: since Keras 2.14, and before. */
const layerGroups = ["layers", "_layer_checkpoint_dependencies"];

/** Whether a file is one of weights in the format of Keras 3. */
export async function hasVariables(file: HDF5File): Promise<boolean> {
  const members = await file.list("/");
  return layerGroups.some((group) => members.includes(group));
}

/**
 * Finds for each weight of a network its place in a file of Keras 3's format: `layers/<class>_<n>/vars/<i>`, the class in
 * snake case, `n` counted for each class in the order of the layers and left out for the first; models inside of the model
 * have their own `layers`.
 *
 * Format: Keras's `saving_lib`.
 *
 * @throws InvalidWeightsError if the file has those of another network
 */
export async function locateVariables(file: HDF5File, request: WeightsRequest): Promise<readonly FoundWeight[]> {
  return locateIn(file, "", request.nodes, request);
}

async function locateIn(
  file: HDF5File,
  path: string,
  nodes: readonly WeightNode[],
  request: WeightsRequest,
): Promise<readonly FoundWeight[]> {
  const members = await file.list(path || "/");
  const group = layerGroups.find((name) => members.includes(name));
  const found: FoundWeight[] = [];
  const byClass = new Map<string, WeightNode[]>();
  for (const node of nodes) {
    if (node.kind === "layer" && node.weights.length === 0) continue;
    const key = snakeCase(node.className);
    byClass.set(key, [...(byClass.get(key) ?? []), node]);
  }
  const custom = new Set(
    [...byClass].filter(([, [node]]) => node?.kind === "layer" && isCustom(node)).map(([key]) => key),
  );
  // Those that were said to have no weights too: if the file has some for them, nothing may be lost.
  for (const node of nodes) if (node.kind === "layer" && node.isOwn) custom.add(snakeCase(node.className));
  const stored =
    group === undefined ? new Map<string, string[]>() : await storedClasses(file, `${path}/${group}`, custom);
  for (const [key, ofClass] of byClass) {
    const paths = stored.get(key) ?? [];
    stored.delete(key);
    for (const [index, node] of ofClass.entries()) {
      const place = paths[index];
      if (place === undefined) {
        if (weightLayers(node).length === 0) continue;
        throw differs(request, node, `the file has ${paths.length} layers "${key}" with weights`);
      }
      if (node.kind === "model") {
        found.push(...(await locateIn(file, place, node.nodes, request)));
        continue;
      }
      const variables = await variablesOf(file, place);
      const pairs = custom.has(key) ? await locateCustomWeights(file, place, node) : pairWeights(node, variables);
      if (pairs === undefined) {
        throw differs(request, node, `the file has "${place}" there, with ${formatWeights(variables)}`);
      }
      found.push(...pairs);
    }
    const extra = paths[ofClass.length];
    if (extra !== undefined) throw goesOn(request, extra);
  }
  for (const [extra] of stored.values()) {
    if (extra !== undefined) throw goesOn(request, extra);
  }
  return found;
}

/** Groups of layers with weights, or of models, for each class, in the order of their numbers. */
async function storedClasses(
  file: HDF5File,
  group: string,
  custom: ReadonlySet<string>,
): Promise<Map<string, string[]>> {
  const numbered: { readonly key: string; readonly number: number; readonly path: string }[] = [];
  for (const member of await file.list(group)) {
    const path = `${group}/${member}`;
    const inside = await file.list(path);
    const isModel = layerGroups.some((name) => inside.includes(name));
    const [, key = member, number = "0"] = /^(.*?)(?:_(\d+))?$/.exec(member) ?? [];
    const count = custom.has(key) ? await countVariables(file, path) : (await variablesOf(file, path)).length;
    if (!isModel && count === 0) continue;
    numbered.push({ key, number: Number(number), path });
  }
  numbered.sort((a, b) => a.number - b.number);
  const classes = new Map<string, string[]>();
  for (const { key, path } of numbered) classes.set(key, [...(classes.get(key) ?? []), path]);
  return classes;
}

/** The name that Keras makes of a class: `DepthwiseConv2D` becomes `depthwise_conv2d`. */
export function snakeCase(className: string): string {
  return className
    .replace(/^.*>/, "")
    .replace(/\W+/g, "")
    .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}

function differs({ network, fileName }: WeightsRequest, node: WeightNode, what: string): InvalidWeightsError {
  const layers = weightLayers(node);
  const needs = layers.flatMap(({ weights }) => weights.map((weight) => ({ shape: storedShape(weight) })));
  return new InvalidWeightsError(
    `"${fileName}" does not hold the weights of network "${network}": they differ at layer "${node.name}" (${node.className}), which needs ${formatWeights(needs)}; ${what}. Give the file that belongs to this network.`,
    { layer: layers[0]?.layer ?? node.name },
  );
}

function goesOn({ network, fileName }: WeightsRequest, path: string): InvalidWeightsError {
  return new InvalidWeightsError(
    `"${fileName}" does not hold the weights of network "${network}": it has "${path}", for which the network has no layer. Give the file that belongs to this network.`,
  );
}
