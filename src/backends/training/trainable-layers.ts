import type { Layer } from "../../network/layer.js";
import { isAugmentation } from "../../network/layers/augmentation.js";
import type { Weight } from "../../network/network.js";
import type { TrainingRuntime } from "./training-plan.js";

/** A weight that can be trained. */
export interface TrainableWeight {
  /** Position among the layer's weights. */
  readonly position: number;
  /** Whether penalties count it. */
  readonly isKernel: boolean;
}

/** Those of a layer's weights that can be trained: not the statistics of normalization layers. */
export function trainableWeights({ className }: Layer, weights: readonly Weight[]): readonly TrainableWeight[] {
  if (className === "Normalization") return [];
  return weights.flatMap(({ name }, position) =>
    name === "moving_mean" || name === "moving_variance" ? [] : [{ position, isKernel: kernels.includes(name) }],
  );
}

const kernels: readonly string[] = ["kernel", "depthwise_kernel", "pointwise_kernel"];

/**
 * Why a network with this layer cannot be trained, undefined if it can: the layer acts while training in a way that is not
 * built here, or has no right gradient on the backend.
 *
 * @param differentiated whether gradients have to flow through it
 */
export function refusesToTrain(
  layer: Layer,
  { differentiatesResizing }: TrainingRuntime,
  differentiated: boolean,
): string | undefined {
  if (isAugmentation(layer.className)) {
    return "acts at random while training, which is not built here. Leave it out and vary the pictures before (`augmentImages`).";
  }
  if (layer.className === "ActivityRegularization") {
    return "adds to the loss while training, which is not built here. Leave it out; `l1` and `l2` count weights.";
  }
  // tfjs's gradients of resizing take the pixels' corners where the resizing itself takes their centres.
  const resizes =
    layer.className === "Resizing" || (layer.className === "UpSampling2D" && layer.config.interpolation !== "nearest");
  if (differentiated && resizes && !differentiatesResizing) {
    return "has a gradient in tfjs that is wrong. Let the layers up to it stand still (`trainable: false`), or in Node use onnx(), whose own is right.";
  }
  return undefined;
}
