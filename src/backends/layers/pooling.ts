import type { PoolingConfigs } from "../../network/layers/pooling.js";
import type { Application, Evaluators } from "./evaluator.js";

export const poolingEvaluators: Evaluators<PoolingConfigs> = {
  MaxPooling1D: (application) => poolRows("max", application),
  MaxPooling2D: (application) => poolImages("max", application),
  AveragePooling1D: (application) => poolRows("average", application),
  AveragePooling2D: (application) => poolImages("average", application),
  GlobalAveragePooling1D: ({ operations, layer, inputs: [x] }) =>
    operations.reduce("mean", x, [1], layer.config.keepdims),
  GlobalAveragePooling2D: ({ operations, layer, inputs: [x] }) =>
    operations.reduce("mean", x, [1, 2], layer.config.keepdims),
  GlobalMaxPooling1D: ({ operations, layer, inputs: [x] }) => operations.reduce("max", x, [1], layer.config.keepdims),
  GlobalMaxPooling2D: ({ operations, layer, inputs: [x] }) =>
    operations.reduce("max", x, [1, 2], layer.config.keepdims),
};

function poolImages<V>(
  operation: "max" | "average",
  { operations, layer, inputs: [x], inputShapes }: Application<V, "MaxPooling2D" | "AveragePooling2D">,
): V {
  const { poolSize, strides, padding } = layer.config;
  const [height = null, width = null] = inputShapes[0] ?? [];
  return operations.pool(operation, x, { size: poolSize, strides, padding, inputSize: [height, width] });
}

function poolRows<V>(
  operation: "max" | "average",
  { operations, layer, inputs: [x], inputShapes }: Application<V, "MaxPooling1D" | "AveragePooling1D">,
): V {
  const [length = null] = inputShapes[0] ?? [];
  const { poolSize, strides, padding } = layer.config;
  const window = { size: [1, poolSize], strides: [1, strides], padding, inputSize: [1, length] } as const;
  return operations.squeeze(operations.pool(operation, operations.expandDims(x, [1]), window), [1]);
}
