import type { Layer, LayerClassName } from "../../network/layer.js";
import { isAugmentation } from "../../network/layers/augmentation.js";

/** A weight that can be trained. */
export interface TrainableWeight {
  /** Position among the layer's weights. */
  readonly position: number;
  /** Whether penalties count it. */
  readonly isKernel: boolean;
}

/** The weights of a layer that can be trained. */
export function trainableWeights(layer: Layer): readonly TrainableWeight[] {
  switch (layer.className) {
    case "Dense":
    case "Conv2D":
    case "DepthwiseConv2D": {
      const kernel = { position: 0, isKernel: true };
      return layer.config.useBias ? [kernel, { position: 1, isKernel: false }] : [kernel];
    }
    case "BatchNormalization": {
      const { scale, center } = layer.config;
      const count = Number(scale) + Number(center);
      return Array.from({ length: count }, (_, position) => ({ position, isKernel: false }));
    }
    default:
      return [];
  }
}

/**
 * Why a layer cannot be trained on any backend: it acts at random while training in a way that is not built here, or has
 * weights of which the optimizer would not know. Undefined if it can.
 *
 * @param trained whether its weights are to change
 */
export function refusesToTrain(layer: Layer, trained: boolean): string | undefined {
  if (isAugmentation(layer.className) || actsWhileTraining.includes(layer.className)) {
    return "acts at random while training, which is not built here. Leave it out, or put a Dropout layer in its place.";
  }
  if (trained && hasOwnWeights.includes(layer.className)) {
    return "has weights that cannot be trained here. Let it stand still (`trainable: false`), or train a head on the features before it.";
  }
  return undefined;
}

const actsWhileTraining: readonly LayerClassName[] = [
  "SpatialDropout1D",
  "SpatialDropout2D",
  "GaussianDropout",
  "AlphaDropout",
  "GaussianNoise",
  "ActivityRegularization",
  "StochasticDepth",
];

const hasOwnWeights: readonly LayerClassName[] = [
  "Conv1D",
  "DepthwiseConv1D",
  "SeparableConv1D",
  "SeparableConv2D",
  "Conv1DTranspose",
  "Conv2DTranspose",
  "LayerNormalization",
  "GroupNormalization",
  "LayerScale",
  "PReLU",
];
