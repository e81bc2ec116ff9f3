import type { Backbone } from "../backbones/backbone.js";
import type { DownloadProgress } from "../backbones/download-progress.js";
import { checkImageSize } from "../backbones/image-size.js";
import { loadBackboneWeights, type WeightsOptions } from "../backbones/load-weights.js";
import { type BackboneName, resolveBackbone } from "../backbones/resolve-backbone.js";
import type { Backend } from "../backends/backend.js";
import { InvalidArgumentError } from "../errors.js";
import type { PreprocessMode } from "../images/preprocess.js";
import { type FeatureNetwork, featureNetwork, type Pooling } from "../network/feature-network.js";
import type { Network } from "../network/network.js";
import { weightsChecksum } from "../network/weights-checksum.js";
import { checkBoolean, checkList } from "../options/check-option.js";
import type { ExtractionPictureOptions } from "./picture-options.js";
import type { PrecisionOptions } from "./precision.js";

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
  if (options.backbone !== null && typeof options.backbone === "object" && "layers" in options.backbone) {
    return ownNetwork(options.backbone, options, asked);
  }
  const backbone = resolveBackbone(options.backbone);
  const { weights: origin = "imagenet", seed = 0, includeTop = false, imageSize = backbone.imageSize } = options;
  checkBoolean("includeTop", includeTop);
  checkImageSize(backbone, imageSize);
  const build = { includeTop, imageSize };
  const topology = backbone.topology(build);
  const preprocess = options.preprocess ?? backbone.preprocess;
  const layers = asked ?? (includeTop ? topology.outputs : [backbone.layer]);
  const settings = { layers, pooling: options.pooling, preprocess, imageSize };
  // What is wrong with the settings is said before anything is downloaded.
  featureNetwork({ ...topology, weights: new Map() }, settings);
  const weights = await loadBackboneWeights(backbone, topology, build, { ...options, onProgress: options.onDownload });
  const network = { ...topology, weights };
  const source = origin === "random" ? `random, seed ${seed}` : (origin.split(/[/\\]/).at(-1) ?? origin);
  return {
    name: network.name,
    features: featureNetwork(network, settings),
    preprocess,
    imageSize,
    weights: describeWeights(source, network),
    published: origin === "imagenet",
  };
}

function ownNetwork(
  network: Network,
  options: FeatureExtractorOptions,
  asked: readonly string[] | undefined,
): ExtractionModel {
  const forBackbones = ["weights", "seed", "includeTop", "cacheDirectory", "weightsBaseUrl"] as const;
  const given = forBackbones.filter((option) => options[option] !== undefined);
  if (given.length > 0) {
    throw new InvalidArgumentError(
      `\`${given.join("`, `")}\` is for backbones by name; the network given as \`backbone\` has its weights already.`,
    );
  }
  const { preprocess, pooling } = options;
  if (preprocess === undefined) {
    throw new InvalidArgumentError(
      `Network "${network.name}" does not say which pixels it expects. Pass \`preprocess\`: "caffe", "tf", "torch" or "none".`,
    );
  }
  if (options.imageSize !== undefined) checkList("imageSize", options.imageSize, "[height, width]");
  const input = network.layers.find((layer) => layer.name === network.inputs[0]);
  const shape = input?.className === "InputLayer" ? input.config.shape : [];
  const [height, width] = options.imageSize ?? shape;
  if (typeof height !== "number" || typeof width !== "number") {
    throw new InvalidArgumentError(
      `Network "${network.name}" takes pictures of any size. Pass \`imageSize: [height, width]\`.`,
    );
  }
  const imageSize = [height, width] as const;
  return {
    name: network.name,
    features: featureNetwork(network, { layers: asked ?? network.outputs, pooling, preprocess, imageSize }),
    preprocess,
    imageSize,
    weights: describeWeights("of the network given", network),
    published: false,
  };
}

/** Where weights come from, and which they are: a resumed file is to refuse others of the same name. */
function describeWeights(origin: string, network: Network): string {
  return `${origin} (crc32 ${weightsChecksum(network)})`;
}
