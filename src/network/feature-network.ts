import { InvalidArgumentError, InvalidNetworkError } from "../errors.js";
import { type PreprocessMode, preprocessModes } from "../images/preprocess.js";
import { checkList, checkOneOf, checkTexts } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { checkNetwork } from "./check-network.js";
import { cut } from "./cut.js";
import type { Layer } from "./layer.js";
import type { Network } from "./network.js";
import { checkPooling, type Pooling, poolingLayer } from "./pooling.js";
import { inferShapes } from "./shapes.js";
import { takePixels } from "./take-pixels.js";

export type { Pooling } from "./pooling.js";

/** What {@link featureNetwork} is to build. */
export interface FeatureNetworkOptions {
  /** Names of the layers whose values are the features. */
  readonly layers: readonly string[];
  /** Default: `avg` for a layer with a height and a width, else `none`. */
  readonly pooling?: Pooling | undefined;
  readonly preprocess: PreprocessMode;
  /** `[height, width]` of the pictures. */
  readonly imageSize: readonly [number, number];
}

/** A network that computes features, with the name of the output that stands for each layer asked for. */
export interface FeatureNetwork {
  readonly network: Network;
  /** For each layer asked for, in order: the output layer's name and the shape of one picture's features. */
  readonly features: readonly { readonly layer: string; readonly output: string; readonly shape: readonly number[] }[];
  /** The pooling that is used, for each layer asked for. */
  readonly pooling: readonly Pooling[];
}

/**
 * Turns a network for prepared float pixels into one that takes raw uint8 RGB pixels and ends in pooled features, so
 * that a backend does everything between the decoded picture and the stored row in one pass.
 *
 * @throws InvalidArgumentError for a layer that does not exist, an unknown `pooling` or `preprocess`, or a pooling that
 *   does not fit the layer
 * @throws InvalidNetworkError if the network does not take one batch of RGB pictures
 */
export function featureNetwork(network: Network, options: FeatureNetworkOptions): FeatureNetwork {
  checkNetwork("network", network);
  checkOptions("featureNetwork", options, { layers: true, pooling: true, preprocess: true, imageSize: true });
  checkTexts("layers", options.layers, '["block5_pool"]');
  checkList("imageSize", options.imageSize, "[height, width]");
  checkPooling(options.pooling);
  checkOneOf("preprocess", options.preprocess, preprocessModes);
  const withPixels = takePixels(cut(network, options.layers), { ...options, dtype: "uint8" });
  const names = new Set([...network.layers, ...withPixels.layers].map((layer) => layer.name));
  const shapes = inferShapes(withPixels);
  const added: Layer[] = [];
  const used: Pooling[] = [];

  const features = options.layers.map((layer) => {
    const shape = shapes.get(layer);
    if (shape === undefined || network.inputs.includes(layer)) {
      throw new InvalidArgumentError(`"${layer}" is the input of network "${network.name}": name a layer behind it.`);
    }
    const pooled = poolingLayer({ name: layer, shape }, options.pooling, names);
    used.push(pooled.pooling);
    if (pooled.layer !== undefined) added.push(pooled.layer);
    return { layer, output: pooled.layer?.name ?? layer };
  });

  const complete: Network = {
    ...withPixels,
    layers: [...withPixels.layers, ...added],
    outputs: features.map((feature) => feature.output),
  };
  const finalShapes = inferShapes(complete);
  return {
    network: complete,
    pooling: used,
    features: features.map((feature) => ({
      ...feature,
      shape: (finalShapes.get(feature.output) ?? []).map((axis) => {
        if (axis === null) {
          throw new InvalidNetworkError(`The size of layer "${feature.layer}" depends on the picture.`, {
            layer: feature.layer,
          });
        }
        return axis;
      }),
    })),
  };
}
