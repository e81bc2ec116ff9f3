import { InvalidNetworkError, UnsupportedError } from "../../errors.js";
import type { Activation, Layer } from "../../network/layer.js";
import type { Weight } from "../../network/network.js";
import type { Attribute } from "./graph.js";
import type { GraphBuilder, Value } from "./graph-builder.js";
import { lowerPreprocessInput } from "./lower-preprocess-input.js";
import { paddingAttributes, type Window } from "./same-padding.js";

/** What a layer is made of beside its settings. */
export interface LayerParts {
  /** Values of the layers that it takes, in order. */
  readonly inputs: readonly Value[];
  /** Their shapes in Keras's order of axes, without the batch; `null` is an axis of any size. */
  readonly inputShapes: readonly (readonly (number | null)[])[];
  /** Finds one of its weights, and the layer that holds it. @throws InvalidNetworkError if there is none */
  weight(name: string): { readonly owner: string; readonly weight: Weight };
}

/** Adds one layer's nodes to the graph and returns the layer's value. @throws UnsupportedError if ONNX lacks it */
export function lowerLayer(builder: GraphBuilder, layer: Layer, parts: LayerParts): Value {
  const { name } = layer;
  switch (layer.className) {
    case "InputLayer":
      return { tensor: name, axes: "keras", rank: layer.config.shape.length + 1, elementType: layer.config.dtype };
    case "PreprocessInput":
      return lowerPreprocessInput(builder, layer, only(layer, parts));
    case "Conv2D":
    case "DepthwiseConv2D":
      return lowerConvolution(builder, layer, parts);
    case "Dense":
      return lowerDense(builder, layer, parts);
    case "BatchNormalization":
      return lowerBatchNormalization(builder, layer, parts);
    case "Activation":
      return activate(builder, name, builder.float32(only(layer, parts)), layer.config.activation);
    case "ReLU":
      return lowerReLU(builder, layer, builder.float32(only(layer, parts)));
    case "MaxPooling2D":
    case "AveragePooling2D":
      return lowerPooling(builder, layer, parts);
    case "GlobalAveragePooling2D":
    case "GlobalMaxPooling2D":
      return lowerGlobalPooling(builder, layer, parts);
    case "ZeroPadding2D":
      return lowerZeroPadding(builder, layer, parts);
    case "Concatenate":
      return lowerConcatenate(builder, layer, parts);
    case "Add":
      return lowerAdd(builder, layer, parts);
    case "Flatten": {
      const value = builder.view(only(layer, parts), "keras");
      return reshape(builder, name, value, [-1]);
    }
    case "Reshape": {
      const value = builder.view(only(layer, parts), "keras");
      return reshape(builder, name, value, layer.config.targetShape);
    }
    case "Dropout":
      return only(layer, parts);
    default:
      throw new UnsupportedError(
        `The backend "onnx" cannot run the layer "${layer.name}": it has no ${layer.className}.`,
      );
  }
}

function lowerConvolution(
  builder: GraphBuilder,
  layer: Layer<"Conv2D"> | Layer<"DepthwiseConv2D">,
  parts: LayerParts,
): Value {
  const { name, config } = layer;
  const input = image(builder, layer, parts);
  const { owner, weight } = parts.weight("kernel");
  const [height, width, channels, last] = weight.array.shape;
  if (height === undefined || width === undefined || channels === undefined || last === undefined) {
    throw new InvalidNetworkError(
      `The kernel of the ${layer.className} layer "${name}" should have 4 axes, but its shape is [${weight.array.shape.join(", ")}].`,
      { layer: name },
    );
  }
  const depthwise = layer.className === "DepthwiseConv2D";
  // ONNX: [filters, channels per group, height, width]. Depthwise, the filters of one channel lie side by side.
  const kernel = builder.constant(
    depthwise
      ? {
          name: `${owner}/kernel`,
          shape: [height, width, channels * last, 1],
          data: weight.array.data,
          permutation: [2, 3, 0, 1],
        }
      : { name: `${owner}/kernel`, shape: weight.array.shape, data: weight.array.data, permutation: [3, 2, 0, 1] },
  );
  const inputs = [input.tensor, kernel];
  if (config.useBias) inputs.push(weightAsIs(builder, parts, "bias"));
  const tensor = builder.node(name, "Conv", inputs, {
    ...windowAttributes(parts, { layer: name, ...config, size: config.kernelSize, dilations: config.dilationRate }),
    dilations: { ints: config.dilationRate },
    group: { int: layer.className === "DepthwiseConv2D" ? channels : layer.config.groups },
  });
  return activate(builder, name, { ...input, tensor }, config.activation);
}

function lowerDense(builder: GraphBuilder, layer: Layer<"Dense">, parts: LayerParts): Value {
  const { name, config } = layer;
  const input = builder.view(only(layer, parts), "keras");
  const kernel = weightAsIs(builder, parts, "kernel");
  let tensor: string;
  if (input.rank === 2) {
    const bias = config.useBias ? [weightAsIs(builder, parts, "bias")] : [];
    tensor = builder.node(name, "Gemm", [input.tensor, kernel, ...bias]);
  } else {
    tensor = builder.node(name, "MatMul", [input.tensor, kernel]);
    if (config.useBias) tensor = builder.node(name, "Add", [tensor, weightAsIs(builder, parts, "bias")]);
  }
  return activate(builder, name, { ...input, tensor }, config.activation);
}

function lowerBatchNormalization(builder: GraphBuilder, layer: Layer<"BatchNormalization">, parts: LayerParts): Value {
  const { name, config } = layer;
  const input = builder.float32(only(layer, parts));
  const mean = parts.weight("moving_mean");
  const variance = parts.weight("moving_variance").weight.array.data;
  const channels = variance.length;
  const gamma = config.scale ? parts.weight("gamma").weight.array.data : new Float32Array(channels).fill(1);
  const beta = config.center ? parts.weight("beta").weight.array.data : new Float32Array(channels);
  if (input.rank === 4 && input.axes === "channelsFirst") {
    // As an operator of its own: ONNX Runtime folds it into a convolution before it.
    const constant = (what: string, data: Float32Array) =>
      builder.constant({ name: `${mean.owner}/${what}`, shape: [channels], data });
    const weights = [
      constant("gamma", gamma),
      constant("beta", beta),
      constant("moving_mean", mean.weight.array.data),
      constant("moving_variance", variance),
    ];
    const tensor = builder.node(name, "BatchNormalization", [input.tensor, ...weights], {
      epsilon: { float: config.epsilon },
    });
    return { ...input, tensor };
  }
  // The operator takes axis 1 for the channels; here they are last, so the same is written as one product and one sum.
  const value = builder.view(input, "keras");
  const scale = Float64Array.from(gamma, (factor, c) => factor / Math.sqrt((variance[c] as number) + config.epsilon));
  const offset = Float64Array.from(
    beta,
    (shift, c) => shift - (mean.weight.array.data[c] as number) * (scale[c] as number),
  );
  const scaled = builder.node(name, "Mul", [value.tensor, builder.floats(name, "scale", scale, [channels])]);
  const tensor = builder.node(name, "Add", [scaled, builder.floats(name, "offset", offset, [channels])]);
  return { ...value, tensor };
}

function activate(builder: GraphBuilder, layer: string, value: Value, activation: Activation): Value {
  switch (activation) {
    case "linear":
      return value;
    case "relu":
      return { ...value, tensor: builder.node(layer, "Relu", [value.tensor]) };
    case "relu6":
      return { ...value, tensor: clip(builder, layer, value.tensor, 0, 6) };
    case "sigmoid":
      return { ...value, tensor: builder.node(layer, "Sigmoid", [value.tensor]) };
    case "tanh":
      return { ...value, tensor: builder.node(layer, "Tanh", [value.tensor]) };
    case "softmax": {
      const axis = value.axes === "channelsFirst" ? 1 : value.rank - 1;
      return { ...value, tensor: builder.node(layer, "Softmax", [value.tensor], { axis: { int: axis } }) };
    }
    default: {
      throw new UnsupportedError(
        `The backend "onnx" cannot run the layer "${layer}": it has no activation "${JSON.stringify(activation)}".`,
      );
    }
  }
}

function lowerReLU(builder: GraphBuilder, layer: Layer<"ReLU">, value: Value): Value {
  const { name } = layer;
  const { maxValue, negativeSlope, threshold } = layer.config;
  if (threshold === 0 && negativeSlope === 0) {
    const tensor =
      maxValue === null ? builder.node(name, "Relu", [value.tensor]) : clip(builder, name, value.tensor, 0, maxValue);
    return { ...value, tensor };
  }
  let tensor: string;
  if (threshold === 0) {
    tensor = builder.node(name, "LeakyRelu", [value.tensor], { alpha: { float: negativeSlope } });
  } else {
    const limit = builder.floats(name, "threshold", [threshold], []);
    const above = builder.node(name, "GreaterOrEqual", [value.tensor, limit]);
    const distance = builder.node(name, "Sub", [value.tensor, limit]);
    const below = builder.node(name, "Mul", [distance, builder.floats(name, "slope", [negativeSlope], [])]);
    tensor = builder.node(name, "Where", [above, value.tensor, below]);
  }
  if (maxValue !== null) tensor = builder.node(name, "Min", [tensor, builder.floats(name, "max", [maxValue], [])]);
  return { ...value, tensor };
}

function lowerPooling(
  builder: GraphBuilder,
  layer: Layer<"MaxPooling2D"> | Layer<"AveragePooling2D">,
  parts: LayerParts,
): Value {
  const input = image(builder, layer, parts);
  const attributes = windowAttributes(parts, {
    layer: layer.name,
    ...layer.config,
    size: layer.config.poolSize,
    dilations: [1, 1],
  });
  const tensor =
    layer.className === "MaxPooling2D"
      ? builder.node(layer.name, "MaxPool", [input.tensor], attributes)
      : builder.node(layer.name, "AveragePool", [input.tensor], { ...attributes, count_include_pad: { int: 0 } });
  return { ...input, tensor };
}

function lowerGlobalPooling(
  builder: GraphBuilder,
  layer: Layer<"GlobalAveragePooling2D"> | Layer<"GlobalMaxPooling2D">,
  parts: LayerParts,
): Value {
  const input = image(builder, layer, parts);
  const operator = layer.className === "GlobalAveragePooling2D" ? "GlobalAveragePool" : "GlobalMaxPool";
  const pooled: Value = { ...input, tensor: builder.node(layer.name, operator, [input.tensor]) };
  if (layer.config.keepdims) return pooled;
  return reshape(builder, layer.name, { ...pooled, axes: "keras" }, [-1]);
}

function lowerZeroPadding(builder: GraphBuilder, layer: Layer<"ZeroPadding2D">, parts: LayerParts): Value {
  const input = image(builder, layer, parts);
  const [[top, bottom], [left, right]] = layer.config.padding;
  const pads = builder.integers(layer.name, "pads", [0, 0, top, left, 0, 0, bottom, right]);
  return { ...input, tensor: builder.node(layer.name, "Pad", [input.tensor, pads]) };
}

function lowerConcatenate(builder: GraphBuilder, layer: Layer<"Concatenate">, parts: LayerParts): Value {
  const inputs = alike(builder, layer, parts);
  const [first] = inputs;
  const axis = layer.config.axis < 0 ? layer.config.axis + first.rank : layer.config.axis;
  if (!Number.isInteger(axis) || axis < 1 || axis >= first.rank) {
    throw new InvalidNetworkError(
      `The Concatenate layer "${layer.name}" joins along \`axis\` ${layer.config.axis}, ` +
        `but its inputs have the axes 1 to ${first.rank - 1} beside the batch.`,
      { layer: layer.name },
    );
  }
  const graphAxis = first.axes === "channelsFirst" ? ([0, 2, 3, 1][axis] as number) : axis;
  const tensors = inputs.map((input) => input.tensor);
  return { ...first, tensor: builder.node(layer.name, "Concat", tensors, { axis: { int: graphAxis } }) };
}

function lowerAdd(builder: GraphBuilder, layer: Layer<"Add">, parts: LayerParts): Value {
  const [first, ...others] = alike(builder, layer, parts);
  const tensor = others.reduce((sum, other) => builder.node(layer.name, "Add", [sum, other.tensor]), first.tensor);
  return { ...first, tensor };
}

/** Values of a layer of several inputs, as float32 with one rank and one order of axes. */
function alike(builder: GraphBuilder, layer: Layer, parts: LayerParts): [Value, ...Value[]] {
  const ranks = new Set(parts.inputs.map((input) => input.rank));
  if (ranks.size !== 1) {
    throw new InvalidNetworkError(
      `The ${layer.className} layer "${layer.name}" takes values with equally many axes, but its inputs have ` +
        `[${parts.inputs.map((input) => input.rank).join(", ")}], the batch included.`,
      { layer: layer.name },
    );
  }
  const [rank] = ranks;
  return parts.inputs.map((input) => builder.view(input, rank === 4 ? "channelsFirst" : "keras")) as [
    Value,
    ...Value[],
  ];
}

/** Gives every row this shape, the batch axis kept. */
function reshape(builder: GraphBuilder, layer: string, value: Value, rowShape: readonly number[]): Value {
  // 0 in ONNX's shape: as large as the input's axis, here the batch.
  const shape = builder.integers(layer, "shape", [0, ...rowShape]);
  const tensor = builder.node(layer, "Reshape", [value.tensor, shape]);
  return { ...value, tensor, axes: "keras", rank: rowShape.length + 1 };
}

function clip(builder: GraphBuilder, layer: string, tensor: string, min: number, max: number): string {
  const limits = [builder.floats(layer, "min", [min], []), builder.floats(layer, "max", [max], [])];
  return builder.node(layer, "Clip", [tensor, ...limits]);
}

function windowAttributes(parts: LayerParts, window: Window): Readonly<Record<string, Attribute>> {
  const [height = null, width = null] = parts.inputShapes[0] ?? [];
  return {
    kernel_shape: { ints: window.size },
    strides: { ints: window.strides },
    ...paddingAttributes(window, [height, width]),
  };
}

function weightAsIs(builder: GraphBuilder, parts: LayerParts, name: string): string {
  const { owner, weight } = parts.weight(name);
  return builder.constant({ name: `${owner}/${name}`, shape: weight.array.shape, data: weight.array.data });
}

/** A layer's only input. @throws InvalidNetworkError if it has none or several */
function only(layer: Layer, parts: LayerParts): Value {
  const [value, ...others] = parts.inputs;
  if (value && others.length === 0) return value;
  throw new InvalidNetworkError(
    `The ${layer.className} layer "${layer.name}" takes one input, but has ${parts.inputs.length}.`,
    { layer: layer.name },
  );
}

/** A layer's only input as an image with its channels first. @throws InvalidNetworkError if it is not of rank 4 */
function image(builder: GraphBuilder, layer: Layer, parts: LayerParts): Value {
  const value = only(layer, parts);
  if (value.rank !== 4) {
    throw new InvalidNetworkError(
      `The ${layer.className} layer "${layer.name}" takes values of 4 axes (batch, height, width, channels), but its input has ${value.rank}.`,
      { layer: layer.name },
    );
  }
  return builder.view(value, "channelsFirst");
}
