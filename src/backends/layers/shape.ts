import type { ShapeConfigs } from "../../network/layers/shape.js";
import type { Evaluators } from "./evaluator.js";

export const shapeEvaluators: Evaluators<ShapeConfigs> = {
  Identity: ({ operations, inputs: [x] }) => operations.identity(x),
  Flatten: ({ operations, inputs: [x] }) => operations.reshape(x, [-1]),
  Reshape: ({ operations, layer, inputs: [x] }) => operations.reshape(x, layer.config.targetShape),
  Permute: ({ operations, layer, inputs: [x] }) => operations.transpose(x, [0, ...layer.config.dims]),
  RepeatVector: ({ operations, layer, inputs: [x] }) =>
    operations.repeat(operations.expandDims(x, [1]), layer.config.n),
};
