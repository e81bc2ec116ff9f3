import { InvalidModelError } from "../errors.js";
import type { HDF5File } from "../hdf5/engine.js";
import type { Network } from "../network/network.js";
import { validateNetwork } from "../network/validate.js";
import { isJsonObject } from "./config-reader.js";
import type { CustomLayers } from "./custom-layer.js";
import type { Json } from "./layer-config.js";
import { readModelTree } from "./model-tree.js";
import { parseJson } from "./parse-json.js";
import { flattenModel } from "./read-topology.js";
import { readWeights } from "./read-weights.js";
import { type TrainingNotes, trainingNotes } from "./training-notes.js";
import { modelWeightNodes } from "./weight-nodes.js";
import type { ModelNotes } from "./write-model.js";

/** What a full Keras model file holds beside its layers and weights. */
export interface KerasNotes extends ModelNotes, TrainingNotes {
  /** Version of Keras that the file names, such as `2.4.0`. */
  readonly kerasVersion?: string | undefined;
}

/** What a full Keras model file holds. */
export interface KerasModel extends KerasNotes {
  readonly network: Network;
}

/** What else {@link readKerasModel} may be told. */
export interface ReadModelOptions {
  /** Size of the file, which bounds what its weights may come to. */
  readonly fileBytes?: number | undefined;
  /** Backend that wrote it, where the file does not say so. */
  readonly backend?: string | undefined;
  /** What layers of the model's own compute. */
  readonly customLayers?: CustomLayers | undefined;
}

/**
 * Reads a full Keras model: a legacy `.h5` file of Keras 2 or 3 with its `model_config`, of our own making or Keras's.
 *
 * @param file the open file; it stays open
 * @param fileName what to call it in errors
 * @throws InvalidModelError if it is not such a file
 * @throws UnsupportedError naming layer and class, for a layer that cannot be run here
 * @throws InvalidWeightsError if its weights are not those that its layers need
 */
export async function readKerasModel(
  file: HDF5File,
  fileName: string,
  { fileBytes, backend: writtenBy, customLayers }: ReadModelOptions = {},
): Promise<KerasModel> {
  const config = await readModelConfig(file, fileName);
  if (config === undefined) {
    throw new InvalidModelError(
      `"${fileName}" has no \`model_config\`: it holds weights only, or is not a Keras model. Save the whole model in Python with model.save("${fileName}"), or say what the weights belong to: loadKeras("${fileName}", { topology }).`,
    );
  }
  const tree = readModelTree(config);
  const version = await file.attribute("/", "keras_version");
  const kerasVersion = version?.dtype === "string" ? version.data[0] : undefined;
  const flat = flattenModel(tree, kerasVersion, customLayers);
  const backend = (await backendOf(file)) ?? writtenBy;
  const nodes = modelWeightNodes(flat, { kerasVersion, backend });
  const { topology } = flat;
  const request = { nodes, network: topology.name, fileName, named: true, fileBytes, knowsTheano: true };
  const network = { ...topology, weights: await readWeights(file, request) };
  validateNetwork(network);
  return {
    network,
    ...trainingNotes(flat, await readJson(file, fileName, "training_config")),
    kerasVersion,
    ...(await readNotes(file, fileName)),
  };
}

/** The backend that wrote a legacy file, where it says so; Keras 1 did not. */
export async function backendOf(file: HDF5File): Promise<string | undefined> {
  for (const group of ["/model_weights", "/"]) {
    if ((await file.stat(group)) === undefined) continue;
    const backend = await file.attribute(group, "backend");
    if (backend?.dtype === "string") return backend.data[0];
  }
  return undefined;
}

/** The `model_config` of a file; undefined if it holds weights only. */
export function readModelConfig(file: HDF5File, fileName: string): Promise<Json | undefined> {
  return readJson(file, fileName, "model_config");
}

/** The class labels and facts that files of ours have beside the model. */
export async function readNotes(file: HDF5File, fileName: string): Promise<ModelNotes> {
  const entry = await file.stat("/label_names");
  const hasLabels = entry?.kind === "dataset" && entry.dtype === "string";
  const metadata = await readJson(file, fileName, "metadata");
  return {
    classLabels: hasLabels ? await file.readStrings("/label_names") : undefined,
    metadata: isMetadata(metadata) ? metadata : undefined,
  };
}

function isMetadata(value: Json | undefined): value is Readonly<Record<string, string | number>> {
  return isJsonObject(value) && Object.values(value).every((one) => typeof one === "string" || typeof one === "number");
}

async function readJson(file: HDF5File, fileName: string, name: string): Promise<Json | undefined> {
  const attribute = await file.attribute("/", name);
  if (attribute === undefined) return undefined;
  const [text] = attribute.dtype === "string" ? attribute.data : [];
  return parseJson(text ?? "", `Attribute "${name}" of "${fileName}"`);
}
