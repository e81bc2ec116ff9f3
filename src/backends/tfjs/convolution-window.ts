import type { backend_util, NamedAttrMap, TensorInfo } from "@tensorflow/tfjs-core";
import type { KernelComposer } from "./kernel-composer.js";
import type { Tfjs } from "./shared-tfjs.js";

export type Shape4D = [number, number, number, number];
type Pair = [number, number];

/** Settings of a convolution as tfjs's gradients give them to the kernels. */
export interface ConvolutionAttributes {
  readonly strides: Pair | number;
  readonly pad: "valid" | "same" | number | backend_util.ExplicitPadding;
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
  readonly dataFormat?: "NHWC" | "NCHW";
  readonly filterShape: Shape4D;
  readonly inputShape: Shape4D;
}

/** A window's way over an image: sizes and steps along height and width. */
export interface Window {
  readonly size: Pair;
  readonly strides: Pair;
  readonly input: Pair;
  readonly output: Pair;
  /** Zeros before the image. */
  readonly before: Pair;
}

/** A window from the settings of a kernel. */
export function windowOf(
  tf: Tfjs,
  inputShape: Shape4D,
  filterShape: Shape4D,
  { strides, pad, dimRoundingMode }: ConvolutionAttributes,
  depthwise: boolean,
): Window {
  const info = tf.backend_util.computeConv2DInfo(inputShape, filterShape, strides, 1, pad, dimRoundingMode, depthwise);
  return {
    size: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    input: [info.inHeight, info.inWidth],
    output: [info.outHeight, info.outWidth],
    before: [info.padInfo.top, info.padInfo.left],
  };
}

/** Positions within the kernel, row by row. */
export function taps({ size: [height, width] }: Window): readonly Pair[] {
  return Array.from({ length: height * width }, (_, at) => [Math.floor(at / width), at % width]);
}

/** The image with zeros around it, so that the window stays inside. */
export function padded(
  kernels: KernelComposer,
  x: TensorInfo,
  { size, strides, input, output, before }: Window,
): TensorInfo {
  const paddings = [0, 1].map((axis): Pair => {
    const at = axis as 0 | 1;
    return [before[at], Math.max(0, (output[at] - 1) * strides[at] + size[at] - input[at] - before[at])];
  });
  if (paddings.flat().every((count) => count === 0)) return x;
  return kernels.run("PadV2", { x }, { paddings: [[0, 0], ...paddings, [0, 0]], constantValue: 0 });
}

/** What one value of the kernel meets of an image `[c, n, h, w]`: `[c, n, output height, output width]`. */
export function lookedAt(
  kernels: KernelComposer,
  x: TensorInfo,
  { strides, output }: Window,
  [i, j]: Pair,
): TensorInfo {
  const [channels, batch, height, width] = x.shape as Shape4D;
  if (strides[0] === 1 && strides[1] === 1) {
    if (height === output[0] && width === output[1]) return kernels.run("Identity", { x }, {});
    return kernels.run("Slice", { x }, { begin: [0, 0, i, j], size: [channels, batch, ...output] });
  }
  const end = [channels, batch, i + (output[0] - 1) * strides[0] + 1, j + (output[1] - 1) * strides[1] + 1];
  const masks = { beginMask: 0, endMask: 0, ellipsisMask: 0, newAxisMask: 0, shrinkAxisMask: 0 };
  return kernels.run("StridedSlice", { x }, { begin: [0, 0, i, j], end, strides: [1, 1, ...strides], ...masks });
}

/** Whether dX can be computed as a convolution: no zeros are put around an image where the window does not reach it. */
export function canTurn({ size, before }: Window): boolean {
  return before.every((count, axis) => count < (size[axis] as number));
}

/** dy with zeros between its values where strides are wide, and how a convolution of stride 1 is to pad it. */
export function spread(
  kernels: KernelComposer,
  dy: TensorInfo,
  { size, strides, input, output, before }: Window,
): { readonly image: TensorInfo; readonly pad: NamedAttrMap[string] } {
  const [batch, , , depth] = dy.shape as Shape4D;
  const spreadAxis = (x: TensorInfo, outer: number, inner: number, stride: number): TensorInfo => {
    if (stride === 1) return x;
    const paddings = [
      [0, 0],
      [0, stride - 1],
      [0, 0],
    ];
    return kernels.run("PadV2", { x: kernels.view(x, [outer, 1, inner]) }, { paddings, constantValue: 0 });
  };
  const rows = spreadAxis(dy, batch * output[0], output[1] * depth, strides[0]);
  const both = spreadAxis(rows, batch * output[0] * strides[0] * output[1], depth, strides[1]);
  const reach = [0, 1].map((axis) => output[axis as 0 | 1] * strides[axis as 0 | 1]) as Pair;
  const after = [0, 1].map((axis) => input[axis as 0 | 1] + before[axis as 0 | 1] - reach[axis as 0 | 1]) as Pair;
  const whole = kernels.view(both, [batch, ...reach, depth]);
  const kept = reach.map((length, axis) => length + Math.min(0, after[axis as 0 | 1])) as Pair;
  const image = after.some((count) => count < 0)
    ? kernels.run("Slice", { x: whole }, { begin: [0, 0, 0, 0], size: [batch, ...kept, depth] })
    : whole;
  const sides = [0, 1].map((axis): Pair => {
    const at = axis as 0 | 1;
    return [size[at] - 1 - before[at], Math.max(0, after[at])];
  });
  return { image, pad: [[0, 0], ...sides, [0, 0]] as never };
}
