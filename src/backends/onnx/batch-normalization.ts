import type { Layer } from "../../network/layer.js";
import type { GraphBuilder, Value } from "./graph-builder.js";
import type { LayerContext } from "./layer-context.js";

type Config = Layer<"BatchNormalization">["config"];

/** Adds a batch normalization: with the layer's moving statistics, or in training with those of the batch. */
export function lowerBatchNormalization(
  builder: GraphBuilder,
  layer: string,
  config: Config,
  input: Value,
  context: LayerContext,
): Value {
  if (context.batchStatistics !== undefined) return byBatch(builder, layer, config, input, context);
  if (input.rank === 4 && input.axes === "channelsFirst") return asOperator(builder, layer, config, input, context);
  const value = builder.view(input, "keras");
  return context.trained
    ? byWeights(builder, layer, config, value, context)
    : byConstants(builder, layer, config, value, context);
}

/** As an operator of its own, whose channels are on axis 1: ONNX Runtime folds it into a convolution before it. */
function asOperator(
  builder: GraphBuilder,
  layer: string,
  config: Config,
  input: Value,
  { findWeight }: LayerContext,
): Value {
  const { owner, weight } = findWeight("moving_mean");
  const channels = weight.array.data.length;
  const constant = (name: string, given: boolean, otherwise: number) =>
    builder.constant({
      name: `${owner}/${name}`,
      shape: [channels],
      data: given ? findWeight(name).weight.array.data : new Float32Array(channels).fill(otherwise),
    });
  const weights = [
    constant("gamma", config.scale, 1),
    constant("beta", config.center, 0),
    constant("moving_mean", true, 0),
    constant("moving_variance", true, 0),
  ];
  const tensor = builder.node(layer, "BatchNormalization", [input.tensor, ...weights], {
    epsilon: { float: config.epsilon },
  });
  return { ...input, tensor };
}

/** As one product and one sum with constants. */
function byConstants(
  builder: GraphBuilder,
  layer: string,
  config: Config,
  value: Value,
  { findWeight }: LayerContext,
): Value {
  const mean = findWeight("moving_mean").weight.array.data;
  const variance = findWeight("moving_variance").weight.array.data;
  const channels = variance.length;
  const gamma = config.scale ? findWeight("gamma").weight.array.data : new Float32Array(channels).fill(1);
  const beta = config.center ? findWeight("beta").weight.array.data : new Float32Array(channels);
  const scale = Float64Array.from(gamma, (factor, c) => factor / Math.sqrt((variance[c] as number) + config.epsilon));
  const offset = Float64Array.from(beta, (shift, c) => shift - (mean[c] as number) * (scale[c] as number));
  const scaled = builder.node(layer, "Mul", [value.tensor, builder.floats(layer, "scale", scale, [channels])]);
  const tensor = builder.node(layer, "Add", [scaled, builder.floats(layer, "offset", offset, [channels])]);
  return { ...value, tensor };
}

/** The same from weights that change. */
function byWeights(builder: GraphBuilder, layer: string, config: Config, value: Value, context: LayerContext): Value {
  const node = (operator: string, ...inputs: readonly string[]) => builder.node(layer, operator, inputs);
  const [mean, variance] = [weight(builder, context, "moving_mean"), weight(builder, context, "moving_variance")];
  const deviation = node("Sqrt", node("Add", variance, epsilonOf(builder, config)));
  const centered = node("Div", node("Sub", value.tensor, mean), deviation);
  const scaled = config.scale ? node("Mul", centered, weight(builder, context, "gamma")) : centered;
  return { ...value, tensor: config.center ? node("Add", scaled, weight(builder, context, "beta")) : scaled };
}

function byBatch(builder: GraphBuilder, layer: string, config: Config, input: Value, context: LayerContext): Value {
  const node = (operator: string, ...inputs: readonly string[]) => builder.node(layer, operator, inputs);
  const value = builder.float32(input);
  const ofImages = value.rank === 4 && value.axes === "channelsFirst";
  const axes = ofImages ? [0, 2, 3] : Array.from({ length: value.rank - 1 }, (_, axis) => axis);
  const places = builder.integers(layer, "statistics_axes", axes);
  const mean = (tensor: string) => builder.node(layer, "ReduceMean", [tensor], { axes: { ints: axes } });
  const batchMean = mean(value.tensor);
  const centered = node("Sub", value.tensor, batchMean);
  const batchVariance = mean(node("Mul", centered, centered));
  context.batchStatistics?.(node("Squeeze", batchMean, places), node("Squeeze", batchVariance, places));
  const normalized = node("Div", centered, node("Sqrt", node("Add", batchVariance, epsilonOf(builder, config))));
  const alongChannels = (name: string) => {
    const own = weight(builder, context, name);
    return ofImages ? node("Unsqueeze", own, builder.integers(layer, "image_axes", [1, 2])) : own;
  };
  const scaled = config.scale ? node("Mul", normalized, alongChannels("gamma")) : normalized;
  return { ...value, tensor: config.center ? node("Add", scaled, alongChannels("beta")) : scaled };
}

function weight(builder: GraphBuilder, { findWeight }: LayerContext, name: string): string {
  const { owner, weight: found } = findWeight(name);
  return builder.constant({ name: `${owner}/${name}`, shape: found.array.shape, data: found.array.data });
}

function epsilonOf(builder: GraphBuilder, { epsilon }: Config): string {
  return builder.constant({ name: `constant/${epsilon}`, shape: [], data: Float32Array.of(epsilon) });
}
