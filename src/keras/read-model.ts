import { InvalidModelError } from "../errors.js";
import type { HDF5File } from "../hdf5/engine.js";
import type { Network } from "../network/network.js";
import { validateNetwork } from "../network/validate.js";
import { isJsonObject, type JsonObject } from "./config-reader.js";
import type { Json } from "./layer-config.js";
import { listEntries, readTopology } from "./read-topology.js";
import { readKerasWeights } from "./read-weights.js";
import type { ModelNotes } from "./write-model.js";

/** What a full Keras model file holds. */
export interface KerasModel extends ModelNotes {
  readonly network: Network;
  /** Learning rate that it was compiled with, if with Adam. */
  readonly learningRate?: number | undefined;
  /** L2 penalty on the kernels while training: 0 if there is none, undefined if kernels differ or have another penalty. */
  readonly l2: number | undefined;
  /** Layers whose weights stand still while training. */
  readonly frozen: readonly string[];
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
export async function readKerasModel(file: HDF5File, fileName: string): Promise<KerasModel> {
  const config = await readJson(file, fileName, "model_config");
  if (config === undefined) {
    throw new InvalidModelError(
      `"${fileName}" has no \`model_config\`: it holds weights only, or is not a Keras model. Save the whole model in Python with model.save("${fileName}").`,
    );
  }
  const topology = readTopology(config);
  const network = { ...topology, weights: await readKerasWeights(file, topology, fileName) };
  validateNetwork(network);
  const layers = listEntries(config);
  return {
    network,
    l2: commonPenalty(layers.map((layer) => layer.config)),
    learningRate: adamLearningRate(await readJson(file, fileName, "training_config")),
    frozen: layers
      .filter((layer) => layer.config.trainable === false && (network.weights.get(layer.name) ?? []).length > 0)
      .map(({ name }) => name),
    ...(await readNotes(file, fileName)),
  };
}

async function readNotes(file: HDF5File, fileName: string): Promise<ModelNotes> {
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
  try {
    return JSON.parse(text ?? "") as Json;
  } catch (cause) {
    throw new InvalidModelError(
      `Attribute "${name}" of "${fileName}" is not JSON, so the model cannot be read. The file is damaged, or was not saved by Keras.`,
      { cause },
    );
  }
}

function adamLearningRate(training: Json | undefined): number | undefined {
  const optimizer = isJsonObject(training) ? training.optimizer_config : undefined;
  if (!isJsonObject(optimizer) || !isJsonObject(optimizer.config)) return undefined;
  // Late versions of Keras 2 write their own optimizers as custom ones.
  if (optimizer.class_name !== "Adam" && optimizer.class_name !== "Custom>Adam") return undefined;
  const rate = optimizer.config.learning_rate ?? optimizer.config.lr;
  return typeof rate === "number" ? rate : undefined;
}

function commonPenalty(configs: readonly JsonObject[]): number | undefined {
  const kernels = configs.filter((config) => "units" in config || "kernel_size" in config);
  const penalties = new Set(kernels.map((config) => penaltyOf(config)));
  const others = configs.some((config) => (config.bias_regularizer ?? config.activity_regularizer ?? null) !== null);
  return penalties.size > 1 || others ? undefined : penalties.size === 0 ? 0 : [...penalties][0];
}

/** Strength of an L2 penalty on a layer's kernel, 0 for none, undefined for another kind. */
function penaltyOf(config: JsonObject): number | undefined {
  const regularizer = config.depthwise_regularizer ?? config.kernel_regularizer ?? null;
  if (regularizer === null) return 0;
  if (!isJsonObject(regularizer) || !isJsonObject(regularizer.config)) return undefined;
  const { l1 = 0, l2 = 0 } = regularizer.config;
  return typeof l2 === "number" && l1 === 0 ? l2 : undefined;
}
