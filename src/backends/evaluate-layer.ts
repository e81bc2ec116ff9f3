import { UnsupportedError } from "../errors.js";
import type { LayerConfigs } from "../network/layer.js";
import { type AugmentationConfigs, augmentationNames } from "../network/layers/augmentation.js";
import type { DenseConfigs } from "../network/layers/dense.js";
import { activationEvaluators, applyRest, fusedPart } from "./layers/activation.js";
import { convolutionEvaluators } from "./layers/convolution.js";
import type { Application, Evaluators } from "./layers/evaluator.js";
import { mergingEvaluators } from "./layers/merging.js";
import { normalizationEvaluators } from "./layers/normalization.js";
import { poolingEvaluators } from "./layers/pooling.js";
import { regularizationEvaluators } from "./layers/regularization.js";
import { resizingEvaluators } from "./layers/resizing.js";
import { shapeEvaluators } from "./layers/shape.js";

const denseEvaluators: Evaluators<DenseConfigs> = {
  Dense({ operations, layer, inputs: [x], weightShapes }) {
    const { useBias, activation } = layer.config;
    const [kernel, bias] = weightShapes;
    const y = operations.multiplyMatrix(
      x,
      kernel ?? { name: "kernel", shape: [] },
      useBias ? bias : undefined,
      fusedPart(activation),
    );
    return applyRest(operations, y, activation);
  },
};

function passOn<V>({ operations, inputs: [x] }: Application<V>): V {
  return operations.identity(x);
}

const augmentationEvaluators = Object.fromEntries(
  augmentationNames.map((name) => [name, passOn]),
) as unknown as Evaluators<AugmentationConfigs>;

const evaluators: Evaluators<Omit<LayerConfigs, "InputLayer">> = {
  PreprocessInput: ({ operations, layer, inputs: [x] }) => operations.preprocess(x, layer.config.mode),
  ...convolutionEvaluators,
  ...denseEvaluators,
  ...normalizationEvaluators,
  ...activationEvaluators,
  ...poolingEvaluators,
  ...resizingEvaluators,
  ...mergingEvaluators,
  ...shapeEvaluators,
  ...regularizationEvaluators,
  ...augmentationEvaluators,
};

/**
 * Value of one layer for a batch, composed of what a runtime can do. The InputLayer is the runtime's own business.
 *
 * @throws UnsupportedError if there is no such kind of layer
 */
export function evaluateLayer<V>(application: Application<V>): V {
  const { layer } = application;
  if (!Object.hasOwn(evaluators, layer.className)) {
    throw new UnsupportedError(`Layer "${layer.name}" is a ${layer.className}, which cannot be computed.`);
  }
  const evaluator = evaluators[layer.className as keyof typeof evaluators] as (application: Application<V>) => V;
  return evaluator(application);
}
