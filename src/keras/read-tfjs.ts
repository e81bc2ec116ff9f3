import { InvalidModelError, UnsupportedError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import type { Network } from "../network/network.js";
import { isJsonList, isJsonObject, type JsonObject, show } from "./config-reader.js";
import type { Json } from "./layer-config.js";
import { type ModelEntry, type ModelTree, readModelTree } from "./model-tree.js";
import type { KerasNotes } from "./read-model.js";
import { flattenModel } from "./read-topology.js";
import { assignTfjsWeights, readTfjsSpecs, tfjsWeightBytes, unpackTfjsWeight } from "./tfjs-weights.js";
import { trainingNotes } from "./training-notes.js";
import { modelWeightNodes } from "./weight-nodes.js";

/** Whether JSON is a model of tfjs: its `model.json`. */
export function isTfjsModel(json: Json): json is JsonObject {
  return isJsonObject(json) && (json.modelTopology !== undefined || json.weightsManifest !== undefined);
}

/**
 * Reads a model of tfjs: the `model.json` that `model.save` of tfjs-layers or the converter of Keras files writes, and its
 * shards, packed or not.
 *
 * @param sibling gives the bytes of a shard
 * @throws UnsupportedError for a graph model, which has no layers, and for layers that cannot be run here
 * @throws InvalidModelError if it is not of that form, or a shard is missing or of a wrong length
 * @throws InvalidWeightsError if its weights are not those that its layers need
 */
export async function readTfjsModel(
  json: JsonObject,
  name: string,
  sibling: (path: string) => Promise<Uint8Array>,
): Promise<{ readonly network: Network } & KerasNotes> {
  // What has no layers is refused before its shards are asked for.
  tfjsConfig(json.modelTopology, name);
  return tfjsNetwork(
    json.modelTopology,
    json.trainingConfig,
    await readManifest(json.weightsManifest, name, sibling),
    name,
  );
}

/** The network of a tfjs topology and its weights, in their order. */
export async function tfjsNetwork(
  modelTopology: Json | undefined,
  trainingConfig: Json | undefined,
  arrays: readonly (readonly [name: string, array: NdArray])[],
  name: string,
): Promise<{ readonly network: Network } & KerasNotes> {
  const topology = tfjsConfig(modelTopology, name);
  const version = isJsonObject(modelTopology) ? modelTopology.keras_version : undefined;
  const tree = withDepthMultipliers(readModelTree(topology), arrays);
  const isTfjs = String(version).startsWith("tfjs");
  if (isTfjs) refuseOtherMeanings(tree);
  // The functions of tfjs are those of Keras 2.
  const flat = flattenModel(tree, isTfjs ? "2" : typeof version === "string" ? version : undefined);
  const weights = await assignTfjsWeights(modelWeightNodes(flat), arrays, name);
  const training = trainingConfig ?? (isJsonObject(modelTopology) ? modelTopology.training_config : undefined);
  return {
    network: { ...flat.topology, weights },
    ...trainingNotes(flat, snakeCaseOptimizer(training)),
    kerasVersion: typeof version === "string" ? version : undefined,
  };
}

/** The model config in a `modelTopology`: the converter has it one level deeper than tfjs itself. */
export function tfjsConfig(modelTopology: Json | undefined, name: string): Json {
  const {
    model_config: inner,
    class_name: className,
    node,
    versions,
  } = isJsonObject(modelTopology) ? modelTopology : {};
  if (node !== undefined || versions !== undefined) {
    throw new UnsupportedError(
      `"${name}" is a graph model of tfjs, which has operations of TensorFlow in place of layers. Convert the Keras model itself: tensorflowjs_converter --input_format=keras --output_format=tfjs_layers_model, or open the .h5 or .keras file.`,
    );
  }
  if (isJsonObject(inner)) return inner;
  if (className !== undefined && isJsonObject(modelTopology)) return modelTopology;
  throw new InvalidModelError(
    `"${name}" has the \`modelTopology\` ${show(modelTopology)}: expected that of a layers model of tfjs.`,
  );
}

/** Layers whose meaning in tfjs is another than in Keras, so that one of both would give other numbers. */
function refuseOtherMeanings(tree: ModelTree): void {
  for (const { className, name, config, model } of tree.entries) {
    if (model !== undefined) refuseOtherMeanings(model);
    if (className === "UpSampling2D" && config.interpolation === "bilinear") {
      throw new UnsupportedError(
        `Layer "${name}" (UpSampling2D) enlarges bilinearly, which tfjs does by another rule than Keras. Use "nearest".`,
      );
    }
  }
}

/** tfjs leaves out the `depth_multiplier` of a SeparableConv2D; the shape of its kernel tells. */
function withDepthMultipliers(
  tree: ModelTree,
  arrays: readonly (readonly [name: string, array: NdArray])[],
): ModelTree {
  const entries = tree.entries.map((entry): ModelEntry => {
    if (entry.model !== undefined) return { ...entry, model: withDepthMultipliers(entry.model, arrays) };
    if (!entry.className.startsWith("SeparableConv") || entry.config.depth_multiplier !== undefined) return entry;
    const kernel = arrays.find(([name]) => name.replace(/:0$/, "").endsWith(`${entry.name}/depthwise_kernel`));
    const multiplier = kernel?.[1].shape.at(-1);
    return multiplier === undefined ? entry : { ...entry, config: { ...entry.config, depth_multiplier: multiplier } };
  });
  return { ...tree, entries };
}

/** tfjs writes the settings of optimizers in camel case: `learningRate`, `beta1`. */
function snakeCaseOptimizer(training: Json | undefined): Json | undefined {
  if (!isJsonObject(training) || !isJsonObject(training.optimizer_config)) return training;
  const { class_name, config } = training.optimizer_config;
  if (!isJsonObject(config)) return training;
  const snake = Object.entries(config).map(([key, value]) => [
    key.replace(/([A-Z]|\d+$)/g, (part) => `_${part.toLowerCase()}`),
    value,
  ]);
  const renamed = class_name === "RMSProp" ? "RMSprop" : (class_name ?? null);
  return { ...training, optimizer_config: { class_name: renamed, config: Object.fromEntries(snake) as JsonObject } };
}

async function readManifest(
  manifest: Json | undefined,
  name: string,
  sibling: (path: string) => Promise<Uint8Array>,
): Promise<readonly (readonly [string, NdArray])[]> {
  if (!isJsonList(manifest)) {
    throw new InvalidModelError(`"${name}" has the \`weightsManifest\` ${show(manifest)}: expected a list of shards.`);
  }
  const arrays: (readonly [string, NdArray])[] = [];
  for (const group of manifest) {
    const { paths, weights } = isJsonObject(group) ? group : ({} as JsonObject);
    const isPath = (path: Json): path is string => typeof path === "string" && isPlainPath(path);
    if (!isJsonList(paths) || !paths.every(isPath)) {
      throw new InvalidModelError(`"${name}" has shards at ${show(paths)}: expected names of files beside it.`);
    }
    const shards: Uint8Array[] = [];
    for (const path of paths) shards.push(await sibling(path));
    const bytes = joined(shards);
    arrays.push(...splitTfjsWeights(weights, bytes, `"${name}"`, `its shards ${paths.join(", ")}`));
  }
  return arrays;
}

/** Shards lie beside the model or below it; nothing else of the disk is read for a model. */
function isPlainPath(path: string): boolean {
  return path !== "" && !/^([/\\]|[A-Za-z][A-Za-z0-9+.-]*:)|(^|[/\\])\.\.([/\\]|$)|\0/.test(path);
}

/**
 * The weights that lie one behind the other in bytes, by their specs; those of an optimizer are passed over.
 *
 * @throws InvalidModelError if the bytes are more or fewer than the specs say
 */
export function splitTfjsWeights(
  specs: Json | undefined,
  bytes: Uint8Array,
  what: string,
  where: string,
): readonly (readonly [string, NdArray])[] {
  const arrays: (readonly [string, NdArray])[] = [];
  const read = readTfjsSpecs(specs, what);
  const expected = read.reduce((sum, spec) => sum + tfjsWeightBytes(spec), 0);
  if (bytes.length !== expected) {
    throw new InvalidModelError(
      `${what} describes ${expected} bytes of weights, but ${where} have ${bytes.length}. One is cut short, missing, or of another model.`,
    );
  }
  let position = 0;
  for (const spec of read) {
    const end = position + tfjsWeightBytes(spec);
    if (!spec.optimizer) arrays.push([spec.name, unpackTfjsWeight(spec, bytes.subarray(position, end))]);
    position = end;
  }
  return arrays;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}
