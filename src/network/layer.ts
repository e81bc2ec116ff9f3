import type { PreprocessMode } from "../images/preprocess.js";

/** Activation functions, by Keras's names. `softmax` acts on the last axis; `relu6` is min(max(x, 0), 6). */
export type Activation = "linear" | "relu" | "relu6" | "sigmoid" | "softmax" | "tanh";

/** Zero padding of a window operation: `valid` pads nothing, `same` pads as TensorFlow does (more below and right). */
export type Padding = "valid" | "same";

/** `[height, width]` of a window, a stride or a dilation. */
export type Size2D = readonly [number, number];

/**
 * The kinds of layer and their settings. Names, defaults and meaning are those of Keras with
 * `data_format="channels_last"`, in camel case; nothing is optional, so that nobody has to know a default.
 */
export interface LayerConfigs {
  /** Entry of the network. `shape` is without the batch axis; `null` is an axis of any size. */
  readonly InputLayer: { readonly shape: readonly (number | null)[]; readonly dtype: "float32" | "uint8" };
  /**
   * RGB pixels 0..255 to what a pretrained network expects, as `preprocess_input` of Keras does. Casts to float32.
   * Ours: Keras has this as a function outside of the model.
   */
  readonly PreprocessInput: { readonly mode: PreprocessMode };
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
  /** Kernel `[inputs, units]`, bias `[units]`; acts on the last axis. */
  readonly Dense: { readonly units: number; readonly useBias: boolean; readonly activation: Activation };
  /** On the last axis. Weights: gamma (if `scale`), beta (if `center`), moving_mean, moving_variance. */
  readonly BatchNormalization: {
    readonly epsilon: number;
    readonly momentum: number;
    readonly scale: boolean;
    readonly center: boolean;
  };
  readonly Activation: { readonly activation: Activation };
  /** f(x) = maxValue for x >= maxValue, x for threshold <= x, negativeSlope * (x - threshold) below. */
  readonly ReLU: { readonly maxValue: number | null; readonly negativeSlope: number; readonly threshold: number };
  readonly MaxPooling2D: { readonly poolSize: Size2D; readonly strides: Size2D; readonly padding: Padding };
  /** With `same`, padding does not count in the average. */
  readonly AveragePooling2D: { readonly poolSize: Size2D; readonly strides: Size2D; readonly padding: Padding };
  readonly GlobalAveragePooling2D: { readonly keepdims: boolean };
  readonly GlobalMaxPooling2D: { readonly keepdims: boolean };
  /** `[[top, bottom], [left, right]]`. */
  readonly ZeroPadding2D: { readonly padding: readonly [Size2D, Size2D] };
  readonly Concatenate: { readonly axis: number };
  readonly Add: Record<never, never>;
  readonly Flatten: Record<never, never>;
  /** Without the batch axis; at most one -1. */
  readonly Reshape: { readonly targetShape: readonly number[] };
  /** Identity except while training: there, each value is zero with probability `rate`, the rest grows by 1/(1-rate). */
  readonly Dropout: { readonly rate: number };
}

/** Kind of a layer: Keras's class name. */
export type LayerClassName = keyof LayerConfigs;

/**
 * One layer, applied once. `inputs` names the layers whose outputs it takes, in order. A layer that Keras applies more
 * than once is one entry per application, of which the later ones name the first in `weightsOf`.
 */
export type Layer<C extends LayerClassName = LayerClassName> = C extends LayerClassName
  ? {
      readonly className: C;
      /** Unique in the network. */
      readonly name: string;
      readonly inputs: readonly string[];
      readonly config: LayerConfigs[C];
      readonly weightsOf?: string;
    }
  : never;
