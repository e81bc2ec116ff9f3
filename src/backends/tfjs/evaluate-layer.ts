import type { Layer } from "../../network/layer.js";
import { layerWeightShapes } from "../../network/weight-shapes.js";
import { evaluateLayer as evaluate } from "../evaluate-layer.js";
import { type TrainingContext, tfjsOperations } from "./operations.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";

/**
 * Value of one layer for a batch, as tfjs operations.
 *
 * @param inputs float32 tensors `[batch, ...row]`
 * @param weights in Keras's order, as `weightShapes` lists them
 * @param training present while training
 * @returns a tensor of its own, never one of the inputs
 */
export function evaluateLayer(
  tf: Tfjs,
  layer: Layer,
  inputs: readonly Tensor[],
  weights: readonly Tensor[],
  training?: TrainingContext,
): Tensor {
  const [x] = inputs;
  if (layer.className === "InputLayer") return tf.clone(x as Tensor);
  const inputShapes = inputs.map(({ shape }) => shape.slice(1));
  const shapes = layerWeightShapes(layer, inputShapes[0] ?? []);
  return evaluate<Tensor>({
    operations: tfjsOperations(tf, { shapes, tensors: weights }, training),
    layer,
    inputs: inputs as unknown as readonly [Tensor, ...Tensor[]],
    inputShapes,
    weightShapes: shapes,
  });
}
