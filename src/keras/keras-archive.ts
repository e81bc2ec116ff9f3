import { encodeZip } from "../files/zip-writer.js";
import type { HDF5Attribute, HDF5Item, WritableHDF5Engine } from "../hdf5/engine.js";
import type { Network } from "../network/network.js";
import { inferShapes } from "../network/shapes.js";
import { json, labelNames, text } from "./hdf5-items.js";
import type { Json } from "./layer-config.js";
import { type LayerWriting, modelConfigParts, toModelConfig } from "./model-config.js";
import { snakeCase } from "./read-variables.js";
import { type CompileConfig, toCompileConfig } from "./training-config.js";

/**
 * Keras version named in the files that we write. Their dialect is that of the last Keras 2, which Keras 2 and 3 read;
 * without a version Keras 2 would take them for files of Keras 1.
 */
export const kerasVersion = "2.15.0";

/** Things that Keras has no place for. It ignores them, and drops them when it saves the model itself. */
export interface ModelNotes {
  /** Names of the classes, in the order of the network's outputs. Dataset `label_names` of the file, as in feature files. */
  readonly classLabels?: readonly string[] | undefined;
  /** Anything else worth keeping, such as where the features come from. Root attribute `metadata`, as JSON. */
  readonly metadata?: Readonly<Record<string, string | number>> | undefined;
}

/** What is written beside a network. */
export interface ModelWriting extends ModelNotes, LayerWriting {
  readonly compile?: CompileConfig | undefined;
}

/**
 * Makes a `.keras` file: a zip archive of the config, in the dialect that Keras 2 and 3 both read, and the weights by the
 * names that Keras's `saving_lib` gives them.
 */
export async function encodeKerasArchive(
  network: Network,
  writing: ModelWriting,
  engine: WritableHDF5Engine,
): Promise<Uint8Array> {
  const weights = await engine.encode(variableItems(network, writing));
  const encoder = new TextEncoder();
  return encodeZip([
    {
      name: "metadata.json",
      bytes: encoder.encode(JSON.stringify({ keras_version: kerasVersion, date_saved: now() })),
    },
    { name: "config.json", bytes: encoder.encode(JSON.stringify(archiveConfig(network, writing))) },
    { name: "model.weights.h5", bytes: weights },
  ]);
}

/** As Keras writes it: 2026-11-24@15:04:05. */
function now(): string {
  return new Date().toISOString().slice(0, 19).replace("T", "@");
}

function archiveConfig(network: Network, writing: ModelWriting): Json {
  const { config } = toModelConfig(network, writing) as { readonly config: Json };
  const shapes = inferShapes(network);
  const inputShapes = network.inputs.map((name): Json => [null, ...(shapes.get(name) ?? [])]);
  return {
    // The class as Keras exports it, as the modules that its own files name are those of one version.
    module: "keras",
    class_name: "Model",
    config,
    registered_name: null,
    build_config: { input_shape: inputShapes.length === 1 ? (inputShapes[0] as Json) : inputShapes },
    ...(writing.compile === undefined ? {} : { compile_config: toCompileConfig(writing.compile) }),
  };
}

/** The weights by class and number: `layers/conv2d_1/vars/0`. Keras looks for a group of each layer. */
function* variableItems(network: Network, writing: ModelWriting): Generator<HDF5Item> {
  const root = new Map<string, HDF5Attribute>();
  if (writing.metadata !== undefined) root.set("metadata", json(writing.metadata));
  yield { path: "/", attributes: root };
  yield { path: "/vars", attributes: new Map([["name", text(network.name)]]) };
  const counts = new Map<string, number>();
  for (const { class_name, name } of modelConfigParts(network, writing).layers) {
    const key = snakeCase(class_name);
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    const group = `/layers/${key}${count === 0 ? "" : `_${count}`}/vars`;
    yield { path: group, attributes: new Map([["name", text(name)]]) };
    for (const [index, { array }] of (network.weights.get(name) ?? []).entries()) {
      yield { path: `${group}/${index}`, data: array };
    }
  }
  if (writing.classLabels !== undefined) yield labelNames(writing.classLabels);
}
