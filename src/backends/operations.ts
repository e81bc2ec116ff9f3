import type { PreprocessMode } from "../images/preprocess.js";
import type { Shape } from "../ndarray.js";
import type { Layer, Padding, Size2D } from "../network/layer.js";

/** Operations of one value. */
export type UnaryOperation =
  | "relu"
  | "sigmoid"
  | "tanh"
  | "exp"
  | "erf"
  | "sqrt"
  | "abs"
  | "softplus"
  | "negate"
  | "logSoftmax";

/** Operations of two values, of which axes of size 1 are repeated. */
export type BinaryOperation = "add" | "subtract" | "multiply" | "divide" | "maximum" | "minimum";

/** Activations that a runtime may compute together with what comes before. */
export type FusableActivation = "linear" | "relu" | "relu6";

/** How a layer changes values at random while training. */
export type Perturbation =
  /** Drops values, the channels of a row, or rows, with this probability, and lets the others grow by 1 / (1 - rate). */
  | { readonly kind: "dropout"; readonly rate: number; readonly per: "value" | "channel" | "row" }
  /** Dropout that keeps mean and variance of values that are SELU's. */
  | { readonly kind: "alphaDropout"; readonly rate: number }
  /** Multiplies by normally distributed numbers around 1 of the variance rate / (1 - rate). */
  | { readonly kind: "gaussianDropout"; readonly rate: number }
  /** Adds normally distributed numbers. */
  | { readonly kind: "gaussianNoise"; readonly stddev: number };

/** A weight of the layer, by its name, as an array of another shape with as many values. */
export interface WeightView {
  readonly name: string;
  readonly shape: Shape;
}

/** A window that moves over height and width. */
export interface WindowSettings {
  readonly size: Size2D;
  readonly strides: Size2D;
  readonly dilations: Size2D;
  readonly padding: Padding;
  /** Height and width of the images; null where one is not known before the network runs. */
  readonly inputSize: readonly [number | null, number | null];
}

/** A convolution: its kernel is `[height, width, in, out]` as Keras has it for the kind. */
export interface ConvolutionSettings extends WindowSettings {
  readonly kernel: WeightView;
  readonly bias: WeightView | undefined;
  readonly activation: FusableActivation;
}

/** A transposed convolution: its kernel is `[height, width, out, in]`. */
export interface TransposedSettings {
  readonly kernel: WeightView;
  readonly bias: WeightView | undefined;
  readonly strides: Size2D;
  readonly dilations: Size2D;
  /** What is taken away of each axis's whole output, before and after; below 0, zeros are added. */
  readonly crop: readonly [Size2D, Size2D];
}

/**
 * What a runtime can do, from which the layers are composed that it has not as such. `V` is the runtime's value of a
 * layer for a batch: float32, axes in Keras's order, the batch first. Axes are counted with the batch as 0, and are
 * never negative.
 */
export interface Operations<V> {
  /** Number of axes, the batch included. */
  rank(x: V): number;
  /** Numbers in row-major order; `shape` has as many axes as the value that they meet, or none. */
  constant(values: readonly number[], shape: Shape): V;
  /** A weight; `shape` has as many axes as the value that it meets. */
  weight(view: WeightView): V;
  unary(operation: UnaryOperation, x: V): V;
  binary(operation: BinaryOperation, a: V, b: V): V;
  clip(x: V, min: number, max: number): V;
  /** x for x >= 0, slope * x below. */
  leakyRelu(x: V, slope: number): V;
  /** 1 where the value is greater than this, else 0. */
  greater(x: V, than: number): V;
  softmax(x: V, axis: number): V;
  /** Over these axes, which stay with the size 1 where `keepdims`. */
  reduce(operation: "mean" | "max" | "sum", x: V, axes: readonly number[], keepdims: boolean): V;
  /** Gives every row this shape; null is the size of the input's axis at this place, -1 what is left. */
  reshape(x: V, row: readonly (number | null)[]): V;
  /** Adds axes of size 1 at these places of the result. */
  expandDims(x: V, axes: readonly number[]): V;
  /** Drops these axes, whose size is 1. */
  squeeze(x: V, axes: readonly number[]): V;
  transpose(x: V, axes: readonly number[]): V;
  /** Zeros before and after, for each axis but the batch. */
  pad(x: V, row: readonly Size2D[]): V;
  /** Takes this many values away, before and after, for each axis but the batch. */
  crop(x: V, row: readonly Size2D[]): V;
  concatenate(xs: readonly V[], axis: number): V;
  /** Repeats axis 1, which has the size 1. */
  repeat(x: V, count: number): V;
  /** An image to a size, or to a multiple of its own. Pixels' centres stand at halves. */
  resize(x: V, to: { readonly size: Size2D } | { readonly scale: Size2D }, interpolation: "nearest" | "bilinear"): V;
  /** Images. `groups` divides input channels and filters. */
  convolve(x: V, settings: ConvolutionSettings, groups: number): V;
  convolveDepthwise(x: V, settings: ConvolutionSettings): V;
  convolveTransposed(x: V, settings: TransposedSettings): V;
  /** Images. Padding counts neither for the maximum nor in the average. */
  pool(operation: "max" | "average", x: V, window: Omit<WindowSettings, "dilations">): V;
  /** Matrix product of the last axis with a kernel `[in, out]`. */
  multiplyMatrix(x: V, kernel: WeightView, bias: WeightView | undefined, activation: FusableActivation): V;
  /** Matrix products of the last two axes of values with equally many; axes before these of size 1 are repeated. */
  multiplyMatrices(a: V, b: V): V;
  batchNormalize(x: V, layer: Layer<"BatchNormalization">): V;
  preprocess(x: V, mode: PreprocessMode): V;
  /** At random while training; else the same value, as a value of its own. */
  perturb(x: V, perturbation: Perturbation): V;
  /** The same value, as a value of its own. */
  identity(x: V): V;
}
