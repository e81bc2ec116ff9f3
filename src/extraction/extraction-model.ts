import type { Backbone } from "../backbones/backbone.js";
import { createNetwork, type DownloadProgress } from "../backbones/create-network.js";
import type { WeightsOptions } from "../backbones/load-weights.js";
import { type BackboneName, resolveBackbone } from "../backbones/resolve-backbone.js";
import type { Backend } from "../backends/backend.js";
import { InvalidArgumentError } from "../errors.js";
import type { PreprocessMode } from "../images/preprocess.js";
import type { Interpolation } from "../images/resize.js";
import type { Pooling } from "../network/feature-network.js";
import type { Network } from "../network/network.js";
import { weightsChecksum } from "../network/weights-checksum.js";

/** What a `FeatureExtractor` is made of. */
export interface FeatureExtractorOptions extends Omit<WeightsOptions, "onProgress"> {
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
  /** Filter of the resizing, as in Pillow. @default "bilinear" */
  readonly interpolation?: Interpolation | undefined;
  /** Crops to the target's aspect ratio around the centre instead of distorting. @default false */
  readonly keepAspectRatio?: boolean | undefined;
  /** Turns pictures as their EXIF orientation says. Keras does not. @default false */
  readonly applyOrientation?: boolean | undefined;
  /** @default `auto()`: the fastest that starts */
  readonly backend?: Backend | undefined;
  /** Called while weights are downloaded. */
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
}

/** The network that options ask for, and how its pictures are prepared. */
export interface ExtractionModel {
  readonly network: Network;
  readonly layers: readonly string[];
  readonly preprocess: PreprocessMode;
  readonly imageSize: readonly [number, number];
  readonly weights: string;
}

/** Finds the backbone, gets its weights, and settles every default. */
export async function resolveExtractionModel(options: FeatureExtractorOptions): Promise<ExtractionModel> {
  const asked = options.layer === undefined ? undefined : [options.layer].flat();
  if (asked?.length === 0) throw new InvalidArgumentError("`layer` is an empty list: name at least one layer.");
  if (typeof options.backbone === "object" && "layers" in options.backbone) {
    return ownNetwork(options.backbone, options, asked);
  }
  const backbone = resolveBackbone(options.backbone);
  const weights = options.weights ?? "imagenet";
  const includeTop = options.includeTop ?? false;
  const imageSize = options.imageSize ?? backbone.imageSize;
  const network = await createNetwork(backbone, { ...options, includeTop, imageSize, onProgress: options.onDownload });
  return {
    network,
    layers: asked ?? (includeTop ? network.outputs : [backbone.layer]),
    preprocess: options.preprocess ?? backbone.preprocess,
    imageSize,
    weights: describeWeights(weights === "random" ? `random, seed ${options.seed ?? 0}` : weights, network),
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
  if (options.preprocess === undefined) {
    throw new InvalidArgumentError(
      `Network "${network.name}" does not say which pixels it expects. Pass \`preprocess\`: "caffe", "tf", "torch" or "none".`,
    );
  }
  const input = network.layers.find((layer) => layer.name === network.inputs[0]);
  const shape = input?.className === "InputLayer" ? input.config.shape : [];
  const imageSize = options.imageSize ?? shape.slice(0, 2);
  const [height, width] = imageSize;
  if (typeof height !== "number" || typeof width !== "number") {
    throw new InvalidArgumentError(
      `Network "${network.name}" takes pictures of any size. Pass \`imageSize: [height, width]\`.`,
    );
  }
  return {
    network,
    layers: asked ?? network.outputs,
    preprocess: options.preprocess,
    imageSize: [height, width],
    weights: describeWeights("of the network given", network),
  };
}

/** Where weights come from, and which they are: a resumed file is to refuse others of the same name. */
function describeWeights(origin: string, network: Network): string {
  return `${origin} (crc32 ${weightsChecksum(network)})`;
}
