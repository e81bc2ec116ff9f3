import type { Network } from "../network/network.js";
import { checkBoolean } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import type { Backbone } from "./backbone.js";
import { checkImageSize } from "./image-size.js";
import { loadBackboneWeights, type WeightsOptions, weightsOptionNames } from "./load-weights.js";
import { type BackboneName, resolveBackbone } from "./resolve-backbone.js";

export type { DownloadProgress } from "./download-progress.js";

/** What to build of a backbone, and where its weights come from. */
export interface CreateNetworkOptions extends WeightsOptions {
  /** With the classifier that it was trained with. Default false. */
  readonly includeTop?: boolean | undefined;
  /** `[height, width]` of the input. Default: the size that the backbone was trained with. */
  readonly imageSize?: readonly [number, number] | undefined;
}

/**
 * A pretrained network: a backbone's graph with its weights.
 *
 * @throws InvalidArgumentError for an unknown backbone or a size or choice of weights that does not fit it
 * @throws WeightsDownloadError if the weights cannot be downloaded, verified or stored
 * @throws InvalidWeightsError if a weights file belongs to another network
 *
 * @example
 * const network = await createNetwork("vgg16", { includeTop: true });
 * const small = await createNetwork(mobilenet({ alpha: 0.25 }), { weights: "random", seed: 1, imageSize: [96, 96] });
 */
export async function createNetwork(
  backbone: BackboneName | Backbone,
  options: CreateNetworkOptions = {},
): Promise<Network> {
  checkOptions("createNetwork", options, { ...weightsOptionNames, includeTop: true, imageSize: true });
  const resolved = resolveBackbone(backbone);
  const { includeTop = false, imageSize = resolved.imageSize, ...weights } = options;
  checkBoolean("includeTop", includeTop);
  const build = { includeTop, imageSize: checkImageSize(resolved, imageSize) };
  const topology = resolved.topology(build);
  return { ...topology, weights: await loadBackboneWeights(resolved, topology, build, weights) };
}
