import type { Backbone } from "../backbones/backbone.js";
import type { DownloadProgress } from "../backbones/download-progress.js";
import { checkImageSize } from "../backbones/image-size.js";
import { loadBackboneWeights, type WeightsOptions, weightsOptionNames } from "../backbones/load-weights.js";
import { type BackboneName, resolveBackbone } from "../backbones/resolve-backbone.js";
import type { Backend } from "../backends/backend.js";
import { InvalidArgumentError } from "../errors.js";
import type { PreprocessMode } from "../images/preprocess.js";
import { type FeatureNetwork, featureNetwork, type Pooling } from "../network/feature-network.js";
import type { Network } from "../network/network.js";
import { weightsChecksum } from "../network/weights-checksum.js";
import { checkBoolean, checkList } from "../options/check-option.js";
import type { OptionNames } from "../options/check-options.js";
import type { ExtractionPictureOptions } from "./picture-options.js";
import { pictureOptionNames } from "./picture-options.js";
import type { PrecisionOptions } from "./precision-options.js";

/** What a `FeatureExtractor` is made of. */
export interface FeatureExtractorOptions
  extends Omit<WeightsOptions, "onProgress">,
    ExtractionPictureOptions,
    PrecisionOptions {
  /** A backbone by name, a {@link Backbone}, or a network of one's own. */
  readonly backbone: BackboneName | Backbone | Network;
  /** With the backbone's classifier, so that its layers (`fc1`, `predictions`) can be named. @default false */
  readonly includeTop?: boolean | undefined;
  /** `[height, width]` that pictures are resized to. @default the backbone's, or the network's input size */
  readonly imageSize?: readonly [number, number] | undefined;
  /** Layer, or layers, whose values are the features. @default the backbone's last, or the network's outputs */
  readonly layer?: string | readonly string[] | undefined;
  /** @default "avg" for layers with height and width, else "none" */
  readonly pooling?: Pooling | undefined;
  /** How pixels are prepared. @default the backbone's; needed for a network of one's own */
  readonly preprocess?: PreprocessMode | undefined;
  /** @default `auto()`: the fastest that starts */
  readonly backend?: Backend | undefined;
  /** Called while weights are downloaded. */
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
}

const { onProgress: _, ...ownWeightsOptionNames } = weightsOptionNames;

/** Names of {@link FeatureExtractorOptions}. */
export const featureExtractorOptionNames: OptionNames<FeatureExtractorOptions> = {
  ...ownWeightsOptionNames,
  ...pictureOptionNames,
  ...{ precision: true, calibration: true, calibrationImages: true, calibrationPath: true, onCalibration: true },
  ...{
    backbone: true,
    includeTop: true,
    imageSize: true,
    layer: true,
    pooling: true,
    preprocess: true,
    backend: true,
    onDownload: true,
  },
};

/** The network that options ask for, from pixels to features, and how its pictures are prepared. */
export interface ExtractionModel {
  /** Name of the network that the features are of. */
  readonly name: string;
  readonly features: FeatureNetwork;
  readonly preprocess: PreprocessMode;
  readonly imageSize: readonly [number, number];
  /** Where the weights come from, and their checksum. */
  readonly weights: string;
  /** Whether the weights are published ones, which a cache keeps. */
  readonly published: boolean;
}

/** Finds the backbone, settles every default, and gets the weights. */
export async function resolveExtractionModel(options: FeatureExtractorOptions): Promise<ExtractionModel> {
  const asked = options.layer === undefined ? undefined : [options.layer].flat();
  if (asked?.length === 0) throw new InvalidArgumentError("`layer` is an empty list: name at least one layer.");
  const build = (network: Network, settings: PretrainedSettings): FeatureNetwork =>
    featureNetwork(network, { ...settings, layers: asked ?? settings.layers, pooling: options.pooling });
  const { network, weights, published, ...settings } = await resolvePretrained(options, build);
  const { preprocess, imageSize } = settings;
  return { name: network.name, features: build(network, settings), preprocess, imageSize, weights, published };
}

/** What is to be done with a pretrained network where options do not say it. */
export interface PretrainedSettings {
  /** Layers whose values are the features. */
  readonly layers: readonly string[];
  readonly preprocess: PreprocessMode;
  readonly imageSize: readonly [number, number];
}

/** A network with weights, for prepared pixels. */
export interface Pretrained extends PretrainedSettings {
  readonly network: Network;
  /** Where the weights come from, and their checksum. */
  readonly weights: string;
  /** Whether the weights are published ones, which a cache keeps. */
  readonly published: boolean;
}

/**
 * Finds the backbone, settles its defaults, and gets the weights.
 *
 * @param check is called with the graph before anything is downloaded, so that it can refuse what it cannot use
 */
export async function resolvePretrained(
  options: Omit<FeatureExtractorOptions, "layer" | "pooling" | "backend">,
  check: (topology: Network, settings: PretrainedSettings) => unknown,
): Promise<Pretrained> {
  if (options.backbone !== null && typeof options.backbone === "object" && "layers" in options.backbone) {
    return ownNetwork(options.backbone, options);
  }
  const backbone = resolveBackbone(options.backbone);
  const { weights: origin = "imagenet", seed = 0, includeTop = false, imageSize = backbone.imageSize } = options;
  checkBoolean("includeTop", includeTop);
  checkImageSize(backbone, imageSize);
  const build = { includeTop, imageSize };
  const topology = backbone.topology(build);
  const preprocess = options.preprocess ?? backbone.preprocess;
  const settings = { layers: includeTop ? topology.outputs : [backbone.layer], preprocess, imageSize };
  // What is wrong with the settings is said before anything is downloaded.
  check({ ...topology, weights: new Map() }, settings);
  const { engine, cacheDirectory, weightsBaseUrl, signal, onDownload: onProgress } = options;
  const where = { weights: origin, seed, engine, cacheDirectory, weightsBaseUrl, signal, onProgress };
  const weights = await loadBackboneWeights(backbone, topology, build, where);
  const network = { ...topology, weights };
  const source = origin === "random" ? `random, seed ${seed}` : (origin.split(/[/\\]/).at(-1) ?? origin);
  return { ...settings, network, weights: describeWeights(source, network), published: origin === "imagenet" };
}

function ownNetwork(network: Network, options: Omit<FeatureExtractorOptions, "layer" | "pooling">): Pretrained {
  const forBackbones = ["weights", "seed", "includeTop", "cacheDirectory", "weightsBaseUrl"] as const;
  const given = forBackbones.filter((option) => options[option] !== undefined);
  if (given.length > 0) {
    throw new InvalidArgumentError(
      `\`${given.join("`, `")}\` ${given.length > 1 ? "are options" : "is an option"} for backbones by name: leave ${given.length > 1 ? "them" : "it"} out, as the network given as \`backbone\` has its weights already.`,
    );
  }
  const { preprocess } = options;
  if (preprocess === undefined) {
    throw new InvalidArgumentError(
      `Network "${network.name}" does not say which pixels it expects. Pass \`preprocess\`: "caffe", "tf", "torch" or "none".`,
    );
  }
  const imageSize = sizeOfPictures(network, options.imageSize);
  const weights = describeWeights("of the network given", network);
  return { network, layers: network.outputs, preprocess, imageSize, weights, published: false };
}

/**
 * `[height, width]` of the pictures that a network takes.
 *
 * @param wanted goes before what the network says
 * @throws InvalidArgumentError if neither says it
 */
export function sizeOfPictures(
  network: Network,
  wanted: readonly [number, number] | undefined,
): readonly [number, number] {
  if (wanted !== undefined) checkList("imageSize", wanted, "[height, width]");
  const input = network.layers.find((layer) => layer.name === network.inputs[0]);
  const shape = input?.className === "InputLayer" ? input.config.shape : [];
  const [height, width] = wanted ?? shape;
  if (typeof height === "number" && typeof width === "number") return [height, width];
  throw new InvalidArgumentError(
    `Network "${network.name}" takes pictures of any size. Pass \`imageSize: [height, width]\`.`,
  );
}

/** Where weights come from, and which they are: a resumed file is to refuse others of the same name. */
function describeWeights(origin: string, network: Network): string {
  return `${origin} (crc32 ${weightsChecksum(network)})`;
}
