import { InvalidModelError } from "../errors.js";
import type { FetchBytesOptions } from "../files/fetch-bytes.js";
import { openZip, type ZipArchive } from "../files/zip-reader.js";
import type { HDF5Engine, HDF5File } from "../hdf5/engine.js";
import type { Network } from "../network/network.js";
import { validateNetwork } from "../network/validate.js";
import { checkOptions, type OptionNames } from "../options/check-options.js";
import { isJsonObject } from "./config-reader.js";
import type { CustomLayers } from "./custom-layer.js";
import { type KerasSource, type OpenKerasSource, openKerasSource } from "./keras-source.js";
import { readModelTree } from "./model-tree.js";
import { nonFiniteLayers } from "./non-finite-layers.js";
import { backendOf, type KerasNotes, readKerasModel, readNotes } from "./read-model.js";
import { isTfjsModel, readTfjsModel } from "./read-tfjs.js";
import { type FlatModel, flattenModel } from "./read-topology.js";
import { readWeights } from "./read-weights.js";
import { members, openHDF5, readJsonMember, readJsonSource, versionIn } from "./source-parts.js";
import { trainingNotes } from "./training-notes.js";
import { flatWeightNodes, modelWeightNodes } from "./weight-nodes.js";
import { resolveTarget, type TopologySource, type WeightsTarget } from "./weights-target.js";

/** A network out of a Keras file, and what else the file says. */
export interface KerasNetwork extends Network, KerasNotes {
  /** Layers with a weight that is NaN or infinite: the network runs, but what it computes from them is not finite. */
  readonly nonFinite: readonly string[];
}

/** Options of {@link loadKeras}. */
export interface LoadKerasOptions extends FetchBytesOptions {
  /**
   * What the weights in the file belong to; of a whole model too only the weights are then read. A network's layers
   * (`backbone.topology(...)`, another network), the config that Keras's `model.to_json()` gives, as text or parsed, or
   * another file whose config is taken.
   */
  readonly topology?: TopologySource | undefined;
  /**
   * What layers of the model's own classes compute, in layers that are known: by class name, or by Keras's `package>Name`
   * for a class that is registered. See {@link LayerComposition}.
   *
   * @example
   * const network = await loadKeras("with_scales.keras", {
   *   customLayers: {
   *     Scale: ({ inputs }) => ({
   *       layers: [{ className: "LayerScale", name: "scale", inputs, config: {} }],
   *       output: "scale",
   *       weights: { scale: ["factor"] },
   *     }),
   *   },
   * });
   */
  readonly customLayers?: CustomLayers | undefined;
  /**
   * Keras's backend that wrote the kernels of a file of Keras 1, which does not say so itself: Theano turned them. It must
   * be given for models with channels first only.
   */
  readonly backend?: "theano" | "tensorflow" | undefined;
  /** Reads HDF5. Default: the library's own reader, and h5wasm for what that does not know. */
  readonly engine?: HDF5Engine | undefined;
}

/** Names of {@link LoadKerasOptions}. */
export const loadKerasOptionNames: OptionNames<LoadKerasOptions> = {
  topology: true,
  customLayers: true,
  backend: true,
  engine: true,
  onProgress: true,
  signal: true,
};

/**
 * Reads a Keras model as a network, without Python: `.h5` and `.hdf5` of Keras 2 and 3, `.keras`, `model.json` of tfjs with
 * its shards, and weights-only files for layers given as `topology`. What a file is shows in its bytes, not its name. Models inside of the model are laid
 * flat.
 *
 * Python code in a file is never run. A URL is downloaded into memory each time; nothing of it is kept.
 *
 * @param source path, URL, bytes, `Blob` or `File`; of a model of several files the path or URL of its `model.json`, or all
 * of its `File`s
 * @throws UnsupportedError naming layer and class, for a layer that cannot be run here, such as a Lambda
 * @throws InvalidModelError if it is no Keras model, or is damaged
 * @throws InvalidWeightsError if its weights are not those that its layers, or those of `topology`, need
 * @throws InvalidDatasetError if its HDF5 part is damaged
 * @throws FileAccessError if it cannot be read; WeightsDownloadError if it cannot be downloaded
 * @throws InvalidArgumentError if `source` or an option is of a wrong kind
 *
 * @example
 * const network = await loadKeras("model.keras");
 * console.log(summary(network), network.classLabels);
 */
export async function loadKeras(source: KerasSource, options: LoadKerasOptions = {}): Promise<KerasNetwork> {
  checkOptions("loadKeras", options, loadKerasOptionNames);
  options.signal?.throwIfAborted();
  const target = options.topology === undefined ? undefined : await resolveTarget(options.topology, options);
  const opened = await openKerasSource(source, options);
  try {
    const { network, ...notes } = await loadOpened(opened, target, options);
    validateNetwork(network);
    return { ...network, ...notes, nonFinite: nonFiniteLayers(network) };
  } finally {
    await opened.close();
  }
}

/** Whether Keras 1 wrote a model's config. */
function isKeras1({ kerasVersion }: FlatModel): boolean {
  return kerasVersion !== undefined && /^[01]\./.test(kerasVersion);
}

type Loaded = { readonly network: Network } & KerasNotes;

async function loadOpened(
  source: OpenKerasSource,
  target: WeightsTarget | undefined,
  options: LoadKerasOptions,
): Promise<Loaded> {
  const { engine } = options;
  switch (source.kind) {
    case "hdf5": {
      const file = await openHDF5(source.hdf5, source.name, engine);
      try {
        if (target !== undefined)
          return await loadWeightsOnto(file, target, source.name, source.bytes.size, options.backend);
        const { backend, customLayers } = options;
        return await readKerasModel(file, source.name, { fileBytes: source.bytes.size, backend, customLayers });
      } finally {
        await file.close();
      }
    }
    case "zip":
      return loadArchive(await openZip(source.bytes), target, source.name, options);
    case "json": {
      const json = await readJsonSource(source);
      if (isTfjsModel(json) && target === undefined) return readTfjsModel(json, source.name, source.sibling);
      throw new InvalidModelError(
        `"${source.name}" is the config of a model without its weights: give the file of weights, and this one as \`topology\`.`,
      );
    }
  }
}

async function loadWeightsOnto(
  file: HDF5File,
  { topology, flat }: WeightsTarget,
  fileName: string,
  fileBytes: number,
  writtenBy: string | undefined,
): Promise<Loaded> {
  const backend = (await backendOf(file)) ?? writtenBy;
  const group = (await file.stat("/model_weights")) === undefined ? "/" : "/model_weights";
  const version = await file.attribute(group, "keras_version");
  // Weights files of Keras 1 have no version.
  const kerasVersion = version?.dtype === "string" ? version.data[0] : flat && isKeras1(flat) ? "1.0" : undefined;
  const nodes = flat === undefined ? flatWeightNodes(topology) : modelWeightNodes(flat, { kerasVersion, backend });
  const request = { nodes, network: topology.name, fileName, named: false, fileBytes, knowsTheano: flat !== undefined };
  return {
    network: { ...topology, weights: await readWeights(file, request) },
    frozen: [],
    ...(await readNotes(file, fileName)),
  };
}

async function loadArchive(
  archive: ZipArchive,
  target: WeightsTarget | undefined,
  name: string,
  { engine, customLayers }: LoadKerasOptions,
): Promise<Loaded> {
  const config = await readJsonMember(archive, members.config, name);
  if (!archive.names.includes(members.weights)) {
    throw new InvalidModelError(
      `"${name}" has no "${members.weights}", but ${archive.names.map((each) => `"${each}"`).join(", ")}: its weights are of another format than HDF5. Save it again with Keras.`,
    );
  }
  const bytes = await archive.read(members.weights);
  const fileName = `${name}/${members.weights}`;
  const file = await openHDF5(bytes, fileName, engine);
  try {
    if (target !== undefined) return await loadWeightsOnto(file, target, fileName, bytes.length, undefined);
    const metadata = archive.names.includes(members.metadata)
      ? await readJsonMember(archive, members.metadata, name)
      : undefined;
    const kerasVersion = versionIn(metadata);
    const tree = readModelTree(config);
    const flat = flattenModel(tree, kerasVersion, customLayers);
    const { topology } = flat;
    const nodes = modelWeightNodes(flat);
    const request = { nodes, network: topology.name, fileName, named: false, fileBytes: bytes.length };
    return {
      network: { ...topology, weights: await readWeights(file, request) },
      ...trainingNotes(flat, isJsonObject(config) ? config.compile_config : undefined),
      kerasVersion,
      ...(await readNotes(file, fileName)),
    };
  } finally {
    await file.close();
  }
}
