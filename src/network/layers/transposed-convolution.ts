import type { Activation } from "../activation.js";
import type { Layer, Padding, Size2D } from "../layer.js";
import type { ShapeRules, WeightRules } from "../layer-rules.js";
import type { RowShape } from "../row-shape.js";
import { channeledInput, checkWindow, fail, requireInteger, requirePositive } from "./check-shape.js";
import { channelsOf, withBias } from "./convolution.js";

/** Transposed convolutions over rows `[length, channels]` and images `[height, width, channels]`. */
export interface TransposedConvolutionConfigs {
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

export const transposedConvolutionShapes: ShapeRules<TransposedConvolutionConfigs> = {
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

export const transposedConvolutionWeights: WeightRules<TransposedConvolutionConfigs> = {
  Conv1DTranspose({ config: { kernelSize, filters, useBias } }, input) {
    return withBias("kernel", [kernelSize, filters, channelsOf(input)], filters, useBias);
  },
  Conv2DTranspose({ config: { kernelSize, filters, useBias } }, input) {
    return withBias("kernel", [...kernelSize, filters, channelsOf(input)], filters, useBias);
  },
};
