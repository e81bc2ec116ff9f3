import type { AbortOptions } from "../backends/backend.js";
import { InvalidArgumentError } from "../errors.js";
import { autoEngine } from "../hdf5/auto-engine.js";
import type { HDF5Engine, HDF5Source } from "../hdf5/engine.js";
import { readKerasWeights } from "../keras/read-weights.js";
import { checkTopology } from "../network/check-network.js";
import type { NetworkWeights, Topology } from "../network/network.js";
import { randomWeights } from "../network/random-weights.js";
import { describeValue } from "../options/check-option.js";
import { checkOptions, type OptionNames } from "../options/check-options.js";
import type { Backbone, TopologyOptions, WeightsFile } from "./backbone.js";
import type { DownloadProgress } from "./download-progress.js";
import { isDownloadUrl, localWeights, obtainWeights } from "./weights-cache.node.js";

/** Where a backbone's weights come from. */
export interface WeightsOptions extends AbortOptions {
  /**
   * - `"imagenet"`: the published ones, from Keras's cache folder, else downloaded, verified and kept there; those of
   *   `vgg-mini` are inside this package;
   * - `"random"`: made from `seed`, by the rule of `randomWeights`;
   * - the path or `file:` URL of a Keras `.h5` file;
   * - an `http:` or `https:` URL of one, which is downloaded and kept as published ones are.
   *
   * Default `"imagenet"`.
   */
  readonly weights?: string | undefined;
  /** Seeds `weights: "random"`: integer in 0..4294967295. Default 0. */
  readonly seed?: number | undefined;
  /** Reads the file. Default: the library's own reader, and h5wasm for what that does not know. */
  readonly engine?: HDF5Engine | undefined;
  /** Called while weights are downloaded, at most ten times a second. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Where downloads are kept and looked for. Default: `$KERAS_HOME/models` or `~/.keras/models`, as Keras. */
  readonly cacheDirectory?: string | undefined;
  /**
   * URL of a folder that has the published files under their own names, to be used in place of the publisher's: a mirror.
   * Hashes are still verified. Weights that come inside a package are taken from there all the same.
   */
  readonly weightsBaseUrl?: string | undefined;
}

/** Names of {@link WeightsOptions}. */
export const weightsOptionNames: OptionNames<WeightsOptions> = {
  weights: true,
  seed: true,
  engine: true,
  onProgress: true,
  cacheDirectory: true,
  weightsBaseUrl: true,
  signal: true,
};

/**
 * Weights for a backbone's graph.
 *
 * @param topology the graph, as `backbone.topology(build)` gives it
 * @param build what the graph was built with
 * @throws InvalidArgumentError if `weights` is not one of the choices, or nothing is published for `build`
 * @throws WeightsDownloadError if they cannot be downloaded, verified or stored; the message says how to go on offline
 * @throws InvalidWeightsError if the file holds other weights
 * @throws FileAccessError or InvalidDatasetError if a file given by path, or the one inside the package, is missing, not
 *   HDF5 or damaged
 */
export async function loadBackboneWeights(
  backbone: Backbone,
  topology: Topology,
  build: TopologyOptions,
  options: WeightsOptions = {},
): Promise<NetworkWeights> {
  checkOptions("loadBackboneWeights", options, weightsOptionNames);
  checkTopology("topology", topology);
  checkBuild(backbone, build);
  const { weights = "imagenet", seed = 0, engine = autoEngine(), signal } = options;
  signal?.throwIfAborted();
  if (typeof weights !== "string") {
    throw new InvalidArgumentError(
      `\`weights\` is ${describeValue(weights)}: expected "imagenet", "random", or the path or URL of a Keras .h5 file as text.`,
    );
  }
  if (weights === "random") return randomWeights(topology, seed);

  const source = await weightsSource(backbone, build, weights, options);
  signal?.throwIfAborted();
  const file = await engine.open(source.hdf5);
  try {
    const holdsTop = backbone.weightsFile(build)?.holdsTop === true;
    if (!holdsTop || build.includeTop) return await readKerasWeights(file, topology, source.name);
    const whole = await readKerasWeights(file, backbone.topology({ ...build, includeTop: true }), source.name);
    const names = new Set(topology.layers.map(({ name }) => name));
    return new Map([...whole].filter(([layer]) => names.has(layer)));
  } finally {
    await file.close();
  }
}

function checkBuild(backbone: unknown, build: unknown): void {
  if (typeof (backbone as Partial<Backbone> | null | undefined)?.weightsFile !== "function") {
    throw new InvalidArgumentError(`\`backbone\` is ${describeValue(backbone)}: expected a Backbone, such as vgg16.`);
  }
  const { includeTop, imageSize } = (build ?? {}) as Partial<TopologyOptions>;
  if (typeof includeTop === "boolean" && Array.isArray(imageSize)) return;
  throw new InvalidArgumentError(
    `\`build\` is ${describeValue(build)}: expected what the graph was built with, \`{ includeTop, imageSize }\`.`,
  );
}

async function weightsSource(
  backbone: Backbone,
  build: TopologyOptions,
  weights: string,
  options: WeightsOptions,
): Promise<{ readonly name: string; readonly hdf5: HDF5Source }> {
  if (weights === "imagenet") {
    const file = publishedFile(backbone, build, options.weightsBaseUrl);
    return { name: file.fileName, hdf5: await obtainWeights(file, options) };
  }
  // A misspelt word would else be taken for a file and reported as missing.
  if (!/[./\\]/.test(weights)) {
    throw new InvalidArgumentError(
      `\`weights\` is "${weights}": expected "imagenet", "random", or the path or URL of a Keras .h5 file.`,
    );
  }
  if (isDownloadUrl(weights)) {
    return { name: weights, hdf5: await obtainWeights({ url: weights, fileName: fileNameOf(weights) }, options) };
  }
  return { name: weights, hdf5: localWeights(weights) };
}

function publishedFile(backbone: Backbone, build: TopologyOptions, baseUrl: string | undefined): WeightsFile {
  const file = backbone.weightsFile(build);
  if (file === undefined) {
    throw new InvalidArgumentError(
      `No weights are published for "${backbone.name}" with \`includeTop: ${build.includeTop}\` and \`imageSize: [${build.imageSize.join(", ")}]\`: expected \`imageSize: [${backbone.imageSize.join(", ")}]\`, or \`includeTop: false\`, or a file of your own as \`weights\`.`,
    );
  }
  if (baseUrl === undefined) return file;
  if (!isDownloadUrl(baseUrl)) {
    throw new InvalidArgumentError(
      `\`weightsBaseUrl\` is "${baseUrl}": expected a URL that begins with http:// or https://.`,
    );
  }
  if (file.inPackage === true) return file;
  return { ...file, url: `${baseUrl.replace(/\/+$/, "")}/${file.fileName}` };
}

/** Name in the cache for a file of any URL: two URLs that end alike must not be taken for each other. */
function fileNameOf(url: string): string {
  const last =
    url
      .replace(/[?#].*$/, "")
      .split("/")
      .at(-1) ?? "";
  const stem = last.replace(/\.(h5|hdf5)$/i, "").replace(/[^A-Za-z0-9._-]/g, "_") || "weights";
  return `${stem}-${fingerprint(url)}.h5`;
}

/** 64 bits of FNV-1a (Fowler, Noll, Vo) over a text, as 16 hex digits. */
function fingerprint(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, "0");
}
