import { InvalidArgumentError, InvalidModelError } from "../errors.js";
import type { FetchBytesOptions } from "../files/fetch-bytes.js";
import { openZip } from "../files/zip-reader.js";
import type { HDF5Engine } from "../hdf5/engine.js";
import type { Topology } from "../network/network.js";
import { describeValue } from "../options/check-option.js";
import type { JsonObject } from "./config-reader.js";
import type { CustomLayers } from "./custom-layer.js";
import { type KerasSource, type OpenKerasSource, openKerasSource } from "./keras-source.js";
import type { Json } from "./layer-config.js";
import { readModelTree } from "./model-tree.js";
import { parseJson } from "./parse-json.js";
import { readModelConfig } from "./read-model.js";
import { isTfjsModel, tfjsConfig } from "./read-tfjs.js";
import { type FlatModel, flattenModel } from "./read-topology.js";
import { members, openHDF5, readJsonMember, readJsonSource, versionIn } from "./source-parts.js";

/** Where layers may come from: a network's, a model's config as text or parsed, or another file whose config is taken. */
export type TopologySource = Topology | KerasSource | { readonly class_name: string; readonly config: unknown };

/** The layers that weights are read for. */
export interface WeightsTarget {
  readonly topology: Topology;
  /** Present if the layers come from a model's config. */
  readonly flat?: FlatModel | undefined;
}

/** How a file with a config is opened, and what layers of its own compute. */
interface TargetOptions extends FetchBytesOptions {
  readonly engine?: HDF5Engine | undefined;
  readonly customLayers?: CustomLayers | undefined;
}

/**
 * Finds the layers that weights are read for.
 *
 * @throws InvalidArgumentError if it is none of what may be given
 * @throws InvalidModelError if a file has no config
 */
export async function resolveTarget(topology: TopologySource, options: TargetOptions): Promise<WeightsTarget> {
  if (isTopology(topology)) return { topology };
  const { config, kerasVersion } = await configOf(topology, options);
  const tree = readModelTree(config);
  const flat = flattenModel(tree, kerasVersion ?? versionIn(config), options.customLayers);
  return { topology: flat.topology, flat };
}

function isTopology(value: unknown): value is Topology {
  return typeof value === "object" && value !== null && "layers" in value && "inputs" in value && "outputs" in value;
}

/** A model's config, and the version that wrote it where it does not say so itself. */
interface Config {
  readonly config: Json;
  readonly kerasVersion?: string | undefined;
}

async function configOf(topology: Exclude<TopologySource, Topology>, options: TargetOptions): Promise<Config> {
  if (typeof topology === "string" && topology.trimStart().startsWith("{")) {
    return { config: parseJson(topology, "`topology`") };
  }
  if (typeof topology === "object" && "class_name" in topology) return { config: topology as unknown as JsonObject };
  const isSource =
    typeof topology === "string" ||
    topology instanceof URL ||
    topology instanceof Uint8Array ||
    topology instanceof ArrayBuffer ||
    topology instanceof Blob;
  if (!isSource) {
    throw new InvalidArgumentError(
      `\`topology\` is ${describeValue(topology)}: expected the layers of a network, a model's config, or where a file with one is.`,
    );
  }
  const source = await openKerasSource(topology, options);
  try {
    const found = await readConfig(source, options.engine);
    if (found === undefined) {
      throw new InvalidModelError(
        `"${source.name}", given as \`topology\`, has no model config: it holds weights only.`,
      );
    }
    return found;
  } finally {
    await source.close();
  }
}

async function readConfig(source: OpenKerasSource, engine: HDF5Engine | undefined): Promise<Config | undefined> {
  if (source.kind === "zip") {
    const archive = await openZip(source.bytes);
    const config = await readJsonMember(archive, members.config, source.name);
    if (!archive.names.includes(members.metadata)) return { config };
    return { config, kerasVersion: versionIn(await readJsonMember(archive, members.metadata, source.name)) };
  }
  if (source.kind === "json") {
    const json = await readJsonSource(source);
    return { config: isTfjsModel(json) ? tfjsConfig(json.modelTopology, source.name) : json };
  }
  const file = await openHDF5(source.hdf5, source.name, engine);
  try {
    const config = await readModelConfig(file, source.name);
    const version = await file.attribute("/", "keras_version");
    return config === undefined
      ? undefined
      : { config, kerasVersion: version?.dtype === "string" ? version.data[0] : undefined };
  } finally {
    await file.close();
  }
}
