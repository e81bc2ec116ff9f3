import type { Shape } from "../../ndarray.js";
import type { Activation } from "../activation.js";
import type { Layer, Padding, Size2D } from "../layer.js";
import type { ShapeRules, WeightRules, WeightShape } from "../layer-rules.js";
import type { RowShape } from "../row-shape.js";
import { channeledInput, fail, requirePositive, windowedSizes } from "./check-shape.js";

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
};

/** Channels of an input `[..., channels]`. */
export function channelsOf(input: RowShape): number {
  return input.at(-1) ?? 0;
}

/** A kernel, and with `useBias` a bias of one number for each output channel. */
export function withBias(name: string, kernel: Shape, outputs: number, useBias: boolean): readonly WeightShape[] {
  const weights = [{ name, shape: kernel }];
  return useBias ? [...weights, { name: "bias", shape: [outputs] }] : weights;
}
