import type { Layer, LayerConfigs } from "./layer.js";
import type { WeightRules, WeightShape } from "./layer-rules.js";
import { activationWeights } from "./layers/activation.js";
import { convolutionWeights } from "./layers/convolution.js";
import { denseWeights } from "./layers/dense.js";
import { normalizationWeights } from "./layers/normalization.js";
import { transposedConvolutionWeights } from "./layers/transposed-convolution.js";
import type { Topology } from "./network.js";
import type { RowShape } from "./row-shape.js";
import { inferShapes } from "./shapes.js";

export type { WeightShape } from "./layer-rules.js";

const rules: WeightRules<LayerConfigs> = {
  ...convolutionWeights,
  ...transposedConvolutionWeights,
  ...denseWeights,
  ...normalizationWeights,
  ...activationWeights,
};

/**
 * The weights that a network needs: for each layer that has weights of its own, their names and shapes in Keras's order
 * (trainable ones first). Layers without weights, and those that use another's (`weightsOf`), are not in the map. The
 * map is in the order of `topology.layers`.
 *
 * @throws InvalidNetworkError if the graph or its shapes are not valid, or a shape that weights depend on is unknown
 */
export function weightShapes(topology: Topology): ReadonlyMap<string, readonly WeightShape[]> {
  const shapes = inferShapes(topology);
  const needed = new Map<string, readonly WeightShape[]>();
  for (const layer of topology.layers) {
    const [input] = layer.inputs;
    const inputShape = input === undefined ? undefined : shapes.get(input);
    if (inputShape === undefined) continue;
    const weights = layerWeightShapes(layer, inputShape);
    if (weights.length > 0 && layer.weightsOf === undefined) needed.set(layer.name, weights);
  }
  return needed;
}

/**
 * Names and shapes of one layer's weights in Keras's order, from the shape of its input without the batch axis (the last
 * axis must be known); empty for a kind of layer that has none.
 */
export function layerWeightShapes(layer: Layer, inputShape: RowShape): readonly WeightShape[] {
  const rule = rules[layer.className] as ((layer: Layer, input: RowShape) => readonly WeightShape[]) | undefined;
  return rule?.(layer, inputShape) ?? [];
}
