import type { ConvolutionSettings, TransposedSettings, WeightView, WindowSettings } from "../operations.js";
import type { Attribute, Initializer } from "./graph.js";
import type { GraphBuilder, Value } from "./graph-builder.js";
import type { Operand } from "./operations.js";
import { paddingAttributes } from "./same-padding.js";
import { addWinogradConvolution, type WinogradConvolution, winogradConvolution } from "./training/winograd.js";

/** What the operators that move a window need beside their settings. */
export interface WindowParts {
  readonly builder: GraphBuilder;
  readonly layer: string;
  readonly asImage: (operand: Operand) => Value;
  readonly weightInitializer: (view: WeightView) => Initializer;
  /** Whether the layer's weights change while the graph is in use. */
  readonly trained: boolean;
}

/** Adds a convolution, in groups of channels where there are more than one. */
export function lowerConvolution(parts: WindowParts, x: Operand, settings: ConvolutionSettings, groups: number): Value {
  const byTransforms = parts.trained ? winogradConvolution(settings, groups) : undefined;
  if (byTransforms !== undefined) return lowerByTransforms(parts, x, settings, byTransforms);
  // ONNX: [filters, channels per group, height, width].
  const kernel = { ...parts.weightInitializer(settings.kernel), permutation: [3, 2, 0, 1] };
  return convolution(parts, x, settings, kernel, groups);
}

function lowerByTransforms(
  { builder, layer, asImage, weightInitializer }: WindowParts,
  x: Operand,
  { kernel, bias }: ConvolutionSettings,
  convolution: WinogradConvolution,
): Value {
  const input = asImage(x);
  const { name, data } = weightInitializer(kernel);
  const shape = [9, convolution.channels * convolution.filters];
  const weights = builder.constant({ name: `${name}/${shape.join("x")}`, shape, data });
  const offset = bias === undefined ? undefined : builder.constant(weightInitializer(bias));
  return { ...input, tensor: addWinogradConvolution(builder, layer, convolution, [input.tensor, weights, offset]) };
}

/** Adds a depthwise convolution: one group for each channel. */
export function lowerDepthwiseConvolution(parts: WindowParts, x: Operand, settings: ConvolutionSettings): Value {
  const { name, shape, data } = parts.weightInitializer(settings.kernel);
  const [height, width, channels, multiplier] = shape as readonly [number, number, number, number];
  // The filters of one channel lie side by side.
  const kernel = { name, shape: [height, width, channels * multiplier, 1], data, permutation: [2, 3, 0, 1] };
  return convolution(parts, x, settings, kernel, channels);
}

function convolution(
  { builder, layer, asImage, weightInitializer }: WindowParts,
  x: Operand,
  settings: ConvolutionSettings,
  kernel: Initializer,
  group: number,
): Value {
  const input = asImage(x);
  const bias = settings.bias === undefined ? [] : [builder.constant(weightInitializer(settings.bias))];
  const tensor = builder.node(layer, "Conv", [input.tensor, builder.constant(kernel), ...bias], {
    ...windowAttributes(layer, settings),
    dilations: { ints: settings.dilations },
    group: { int: group },
  });
  return { ...input, tensor };
}

/** Adds a transposed convolution. */
export function lowerTransposedConvolution(
  { builder, layer, asImage, weightInitializer }: WindowParts,
  x: Operand,
  { kernel, bias, strides, dilations, crop }: TransposedSettings,
): Value {
  const input = asImage(x);
  // ONNX: [channels, filters, height, width].
  const weights = builder.constant({ ...weightInitializer(kernel), permutation: [3, 2, 0, 1] });
  const offset = bias === undefined ? [] : [builder.constant(weightInitializer(bias))];
  const tensor = builder.node(layer, "ConvTranspose", [input.tensor, weights, ...offset], {
    kernel_shape: { ints: kernel.shape.slice(0, 2) },
    strides: { ints: strides },
    dilations: { ints: dilations },
    pads: { ints: [...crop.map(([before]) => before), ...crop.map(([, after]) => Math.max(0, after))] },
    output_padding: { ints: crop.map(([, after]) => Math.max(0, -after)) },
  });
  return { ...input, tensor };
}

/** Adds a pooling. */
export function lowerPooling(
  { builder, layer, asImage }: WindowParts,
  operation: "max" | "average",
  x: Operand,
  window: Omit<WindowSettings, "dilations">,
): Value {
  const input = asImage(x);
  const attributes = windowAttributes(layer, { ...window, dilations: [1, 1] });
  const tensor =
    operation === "max"
      ? builder.node(layer, "MaxPool", [input.tensor], attributes)
      : builder.node(layer, "AveragePool", [input.tensor], { ...attributes, count_include_pad: { int: 0 } });
  return { ...input, tensor };
}

function windowAttributes(layer: string, window: WindowSettings): Readonly<Record<string, Attribute>> {
  return {
    kernel_shape: { ints: window.size },
    strides: { ints: window.strides },
    ...paddingAttributes({ layer, ...window }, window.inputSize),
  };
}
