import { UnsupportedError } from "../errors.js";
import type { Layer, LayerClassName, LayerConfigs } from "./layer.js";
import type { ShapeRules } from "./layer-rules.js";
import { activationShapes } from "./layers/activation.js";
import { augmentationShapes } from "./layers/augmentation.js";
import { convolutionShapes } from "./layers/convolution.js";
import { denseShapes } from "./layers/dense.js";
import { inputShapes } from "./layers/input.js";
import { mergingShapes } from "./layers/merging.js";
import { normalizationShapes } from "./layers/normalization.js";
import { poolingShapes } from "./layers/pooling.js";
import { regularizationShapes } from "./layers/regularization.js";
import { resizingShapes } from "./layers/resizing.js";
import { shapeShapes } from "./layers/shape.js";
import { transposedConvolutionShapes } from "./layers/transposed-convolution.js";
import type { RowShape } from "./row-shape.js";

export { formatShape, type RowShape } from "./row-shape.js";

const rules: ShapeRules<LayerConfigs> = {
  ...inputShapes,
  ...convolutionShapes,
  ...transposedConvolutionShapes,
  ...denseShapes,
  ...normalizationShapes,
  ...activationShapes,
  ...poolingShapes,
  ...resizingShapes,
  ...mergingShapes,
  ...shapeShapes,
  ...regularizationShapes,
  ...augmentationShapes,
};

/** All kinds of layer, in the order of their families. */
export const layerClassNames = Object.keys(rules) as readonly LayerClassName[];

/**
 * Shape of a layer's output from the shapes of its inputs, by Keras's rules for `channels_last`. Also checks that the
 * layer's settings make sense for these inputs. An InputLayer gives its own shape.
 *
 * @throws InvalidNetworkError naming the layer, what it expects and what came
 * @throws UnsupportedError if there is no such kind of layer
 */
export function inferLayerShape(layer: Layer, inputs: readonly RowShape[]): RowShape {
  if (!Object.hasOwn(rules, layer.className)) {
    throw new UnsupportedError(
      `Layer "${layer.name}" is a ${layer.className}, which is not known. Known are ${layerClassNames.join(", ")}.`,
    );
  }
  const rule = rules[layer.className] as (layer: Layer, inputs: readonly RowShape[]) => RowShape;
  return rule(layer, inputs);
}
