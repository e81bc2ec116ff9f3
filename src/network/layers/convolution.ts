import type { Shape } from "../../ndarray.js";
import type { Activation } from "../activation.js";
import type { Layer, Padding, Size2D } from "../layer.js";
import type { ShapeRules, WeightRules, WeightShape } from "../layer-rules.js";
import type { RowShape } from "../row-shape.js";
import { channeledInput, checkWindow, fail, requireInteger, requirePositive, windowedSizes } from "./check-shape.js";

/** Convolutions over rows `[length, channels]` and images `[height, width, channels]`. */
export interface ConvolutionConfigs {
  /** Kernel `[length, inputChannels / groups, filters]`, bias `[filters]`. `causal` pads before the start only. */
  readonly Conv1D: {
    readonly filters: number;
    readonly kernelSize: number;
    readonly strides: number;
    readonly padding: Padding | "causal";
    readonly dilationRate: number;
    readonly groups: number;
    readonly useBias: boolean;
    readonly activation: Activation;
  };
  /** Kernel `[height, width, inputChannels / groups, filters]`, bias `[filters]`. */
  readonly Conv2D: {
    readonly filters: number;
    readonly kernelSize: Size2D;
    readonly strides: Size2D;
    readonly padding: Padding;
    readonly dilationRate: Size2D;
    readonly groups: number;
    readonly useBias: boolean;
    readonly activation: Activation;
  };
  /** Kernel `[length, inputChannels, depthMultiplier]`, bias `[inputChannels * depthMultiplier]`. */
  readonly DepthwiseConv1D: {
    readonly depthMultiplier: number;
    readonly kernelSize: number;
    readonly strides: number;
    readonly padding: Padding;
    readonly dilationRate: number;
    readonly useBias: boolean;
    readonly activation: Activation;
  };
  /** Kernel `[height, width, inputChannels, depthMultiplier]`, bias `[inputChannels * depthMultiplier]`. */
  readonly DepthwiseConv2D: {
    readonly depthMultiplier: number;
    readonly kernelSize: Size2D;
    readonly strides: Size2D;
    readonly padding: Padding;
    readonly dilationRate: Size2D;
    readonly useBias: boolean;
    readonly activation: Activation;
  };
  /**
   * A depthwise convolution, then one of single points. depthwise_kernel `[length, inputChannels, depthMultiplier]`,
   * pointwise_kernel `[1, inputChannels * depthMultiplier, filters]`, bias `[filters]`.
   */
  readonly SeparableConv1D: {
    readonly filters: number;
    readonly kernelSize: number;
    readonly strides: number;
    readonly padding: Padding;
    readonly dilationRate: number;
    readonly depthMultiplier: number;
    readonly useBias: boolean;
    readonly activation: Activation;
  };
  /**
   * A depthwise convolution, then one of single pixels. depthwise_kernel `[height, width, inputChannels,
   * depthMultiplier]`, pointwise_kernel `[1, 1, inputChannels * depthMultiplier, filters]`, bias `[filters]`.
   */
  readonly SeparableConv2D: {
    readonly filters: number;
    readonly kernelSize: Size2D;
    readonly strides: Size2D;
    readonly padding: Padding;
    readonly dilationRate: Size2D;
    readonly depthMultiplier: number;
    readonly useBias: boolean;
    readonly activation: Activation;
  };
  /**
   * Kernel `[length, filters, inputChannels]`, bias `[filters]`. `outputPadding` is what the output is longer by; null
   * makes it input length * stride with padding `same`, and lets every value through with `valid`.
   */
  readonly Conv1DTranspose: {
    readonly filters: number;
    readonly kernelSize: number;
    readonly strides: number;
    readonly padding: Padding;
    readonly outputPadding: number | null;
    readonly dilationRate: number;
    readonly useBias: boolean;
    readonly activation: Activation;
  };
  /** Kernel `[height, width, filters, inputChannels]`, bias `[filters]`. `outputPadding` as for Conv1DTranspose. */
  readonly Conv2DTranspose: {
    readonly filters: number;
    readonly kernelSize: Size2D;
    readonly strides: Size2D;
    readonly padding: Padding;
    readonly outputPadding: Size2D | null;
    readonly dilationRate: Size2D;
    readonly useBias: boolean;
    readonly activation: Activation;
  };
}

/** Settings of a transposed convolution along one axis. */
export interface TransposedAxis {
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padding: Padding;
  readonly outputPadding: number | null;
}

/**
 * What a transposed convolution takes away of all that its kernels reach, which is (input - 1) * stride + reach long:
 * this many values before and after. Below 0 it adds zeros.
 *
 * Source: the output sizes of Keras's `compute_conv_transpose_output_shape`, and TensorFlow's rule that a transposed
 * convolution is the gradient of the convolution that pads `same` or `valid`.
 */
export function transposedCrop({ size, stride, dilation, padding, outputPadding }: TransposedAxis): Size2D {
  const reach = (size - 1) * dilation + 1;
  if (padding === "valid") return [0, outputPadding === null ? -Math.max(0, stride - reach) : -outputPadding];
  const total = outputPadding === null ? reach - stride : reach - (reach % 2) - outputPadding;
  const before = Math.max(0, Math.floor(total / 2));
  return [before, total - before];
}

export const convolutionShapes: ShapeRules<ConvolutionConfigs> = {
  Conv1D(layer, inputs) {
    const { config } = layer;
    const { kernelSize, strides, dilationRate, padding } = config;
    return convolved(layer, config, inputs, {
      size: [kernelSize],
      strides: [strides],
      dilationRate: [dilationRate],
      padding,
    });
  },
  Conv2D(layer, inputs) {
    const { config } = layer;
    return convolved(layer, config, inputs, { ...config, size: config.kernelSize });
  },
  DepthwiseConv1D(layer, inputs) {
    const { depthMultiplier, kernelSize, strides, dilationRate, padding } = layer.config;
    const { sizes, channels } = channeledInput(layer, inputs, 1);
    requirePositive(layer, "depthMultiplier", depthMultiplier);
    const window = { size: [kernelSize], strides: [strides], dilationRate: [dilationRate], padding };
    return [...windowedSizes(layer, sizes, window), channels * depthMultiplier];
  },
  DepthwiseConv2D(layer, inputs) {
    const { config } = layer;
    const { sizes, channels } = channeledInput(layer, inputs, 2);
    requirePositive(layer, "depthMultiplier", config.depthMultiplier);
    return [...windowedSizes(layer, sizes, { ...config, size: config.kernelSize }), channels * config.depthMultiplier];
  },
  SeparableConv1D(layer, inputs) {
    const { filters, depthMultiplier, kernelSize, strides, dilationRate, padding } = layer.config;
    const { sizes } = channeledInput(layer, inputs, 1);
    requirePositive(layer, "filters", filters);
    requirePositive(layer, "depthMultiplier", depthMultiplier);
    const window = { size: [kernelSize], strides: [strides], dilationRate: [dilationRate], padding };
    return [...windowedSizes(layer, sizes, window), filters];
  },
  SeparableConv2D(layer, inputs) {
    const { config } = layer;
    const { sizes } = channeledInput(layer, inputs, 2);
    requirePositive(layer, "filters", config.filters);
    requirePositive(layer, "depthMultiplier", config.depthMultiplier);
    return [...windowedSizes(layer, sizes, { ...config, size: config.kernelSize }), config.filters];
  },
  Conv1DTranspose(layer, inputs) {
    const { filters, kernelSize, strides, padding, outputPadding, dilationRate } = layer.config;
    const { sizes } = channeledInput(layer, inputs, 1);
    requirePositive(layer, "filters", filters);
    const window = { size: [kernelSize], strides: [strides], dilationRate: [dilationRate], padding };
    return [...transposedSizes(layer, sizes, window, outputPadding === null ? null : [outputPadding]), filters];
  },
  Conv2DTranspose(layer, inputs) {
    const { config } = layer;
    const { sizes } = channeledInput(layer, inputs, 2);
    requirePositive(layer, "filters", config.filters);
    const window = { ...config, size: config.kernelSize };
    return [...transposedSizes(layer, sizes, window, config.outputPadding), config.filters];
  },
};

function convolved(
  layer: Layer,
  { filters, groups }: { readonly filters: number; readonly groups: number },
  inputs: readonly RowShape[],
  window: Parameters<typeof windowedSizes>[2],
): RowShape {
  const { sizes, channels } = channeledInput(layer, inputs, window.size.length as 1 | 2);
  requirePositive(layer, "filters", filters);
  requirePositive(layer, "groups", groups);
  if (channels % groups !== 0 || filters % groups !== 0) {
    fail(
      layer,
      `has ${groups} groups: expected a divisor of both its ${channels} input channels and ${filters} filters.`,
    );
  }
  return [...windowedSizes(layer, sizes, window), filters];
}

function transposedSizes(
  layer: Layer,
  sizes: RowShape,
  window: Parameters<typeof checkWindow>[1] & { readonly padding: Padding },
  outputPadding: readonly number[] | null,
): RowShape {
  const reach = checkWindow(layer, window);
  return sizes.map((size, axis) => {
    const stride = window.strides[axis] as number;
    const extra = outputPadding?.[axis] ?? null;
    if (extra !== null) {
      requireInteger(layer, "outputPadding", extra, 0);
      if (extra >= stride) fail(layer, `has \`outputPadding\` ${extra}: expected less than its stride of ${stride}.`);
    }
    if (size === null) return null;
    const crop = transposedCrop({
      size: window.size[axis] as number,
      stride,
      dilation: window.dilationRate[axis] as number,
      padding: window.padding,
      outputPadding: extra,
    });
    return (size - 1) * stride + (reach[axis] as number) - crop[0] - crop[1];
  });
}

export const convolutionWeights: WeightRules<ConvolutionConfigs> = {
  Conv1D({ config: { kernelSize, groups, filters, useBias } }, input) {
    return withBias("kernel", [kernelSize, channelsOf(input) / groups, filters], filters, useBias);
  },
  Conv2D({ config: { kernelSize, groups, filters, useBias } }, input) {
    return withBias("kernel", [...kernelSize, channelsOf(input) / groups, filters], filters, useBias);
  },
  DepthwiseConv1D({ config: { kernelSize, depthMultiplier, useBias } }, input) {
    const channels = channelsOf(input);
    return withBias("kernel", [kernelSize, channels, depthMultiplier], channels * depthMultiplier, useBias);
  },
  DepthwiseConv2D({ config: { kernelSize, depthMultiplier, useBias } }, input) {
    const channels = channelsOf(input);
    return withBias("kernel", [...kernelSize, channels, depthMultiplier], channels * depthMultiplier, useBias);
  },
  SeparableConv1D({ config: { kernelSize, depthMultiplier, filters, useBias } }, input) {
    const channels = channelsOf(input);
    return [
      { name: "depthwise_kernel", shape: [kernelSize, channels, depthMultiplier] },
      ...withBias("pointwise_kernel", [1, channels * depthMultiplier, filters], filters, useBias),
    ];
  },
  SeparableConv2D({ config: { kernelSize, depthMultiplier, filters, useBias } }, input) {
    const channels = channelsOf(input);
    return [
      { name: "depthwise_kernel", shape: [...kernelSize, channels, depthMultiplier] },
      ...withBias("pointwise_kernel", [1, 1, channels * depthMultiplier, filters], filters, useBias),
    ];
  },
  Conv1DTranspose({ config: { kernelSize, filters, useBias } }, input) {
    return withBias("kernel", [kernelSize, filters, channelsOf(input)], filters, useBias);
  },
  Conv2DTranspose({ config: { kernelSize, filters, useBias } }, input) {
    return withBias("kernel", [...kernelSize, filters, channelsOf(input)], filters, useBias);
  },
};

function channelsOf(input: RowShape): number {
  return input.at(-1) ?? 0;
}

function withBias(name: string, kernel: Shape, outputs: number, useBias: boolean): readonly WeightShape[] {
  const weights = [{ name, shape: kernel }];
  return useBias ? [...weights, { name: "bias", shape: [outputs] }] : weights;
}
