import type { Tensor4D } from "@tensorflow/tfjs-core";
import type { LayerConfigs, Padding, Size2D } from "../../network/layer.js";
import type { ConvolutionSettings, TransposedSettings, WindowSettings } from "../operations.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";

type Shape4D = [number, number, number, number];

/** What the operations that move a window need beside their settings. */
export interface WindowParts {
  readonly tf: Tfjs;
  /** A weight's tensor. */
  readonly weight: (name: string) => Tensor;
  /** Whether gradients are to flow through it. */
  readonly differentiated: boolean;
}

/** A convolution, in groups of channels where there are more than one, which tfjs lacks. */
export function convolve(
  { tf, weight, differentiated }: WindowParts,
  x: Tensor,
  settings: ConvolutionSettings,
  groups: number,
): Tensor {
  const { kernel, bias, strides, dilations, activation } = settings;
  const { input, padding } = padWideStrides(tf, x as Tensor4D, settings);
  const filter = tf.reshape(weight(kernel.name), kernel.shape as Shape4D) as Tensor4D;
  const offset = bias === undefined ? undefined : weight(bias.name);
  if (groups === 1 && !differentiated) {
    return tf.fused.conv2d({
      x: input,
      filter,
      strides: [...strides],
      pad: padding,
      dilations: [...dilations],
      activation,
      ...(offset === undefined ? {} : { bias: offset }),
    });
  }
  const convolveGroup = (group: Tensor4D, part: Tensor4D) =>
    differentiated
      ? tf.conv2d(group, dilate(tf, part, dilations), [...strides], padding)
      : tf.conv2d(group, part, [...strides], padding, "NHWC", [...dilations]);
  // Group g reads its share of the channels and makes its share of the filters; the kernel is split by filters.
  const parts = groups > 1 ? (tf.split(filter, groups, 3) as Tensor4D[]) : [filter];
  const sum =
    groups > 1
      ? tf.concat(
          (tf.split(input, groups, 3) as Tensor4D[]).map((group, index) =>
            convolveGroup(group, parts[index] as Tensor4D),
          ),
          3,
        )
      : convolveGroup(input, filter);
  return finish(tf, sum, offset, activation);
}

/** A depthwise convolution. */
export function convolveDepthwise(
  { tf, weight, differentiated }: WindowParts,
  x: Tensor,
  settings: ConvolutionSettings,
): Tensor {
  const { kernel, bias, strides, dilations, activation } = settings;
  const { input, padding } = padWideStrides(tf, x as Tensor4D, settings);
  const filter = tf.reshape(weight(kernel.name), kernel.shape as Shape4D) as Tensor4D;
  const offset = bias === undefined ? undefined : weight(bias.name);
  if (!differentiated) {
    return tf.fused.depthwiseConv2d({
      x: input,
      filter,
      strides: [...strides],
      pad: padding,
      dilations: [...dilations],
      activation,
      ...(offset === undefined ? {} : { bias: offset }),
    });
  }
  const sum = tf.depthwiseConv2d(input, dilate(tf, filter, dilations), [...strides], padding);
  return finish(tf, sum, offset, activation);
}

/** A transposed convolution: the whole of it by tfjs, then cut or padded to what Keras makes of it. */
export function convolveTransposed(
  { tf, weight }: WindowParts,
  x: Tensor,
  { kernel, bias, strides, dilations, crop }: TransposedSettings,
): Tensor {
  const filter = dilate(tf, tf.reshape(weight(kernel.name), kernel.shape as Shape4D) as Tensor4D, dilations);
  const [batch, ...sizes] = x.shape as [number, number, number, number];
  const reach = filter.shape.slice(0, 2) as [number, number];
  const [height, width] = [0, 1].map(
    (axis) => ((sizes[axis] as number) - 1) * (strides[axis] as number) + (reach[axis] as number),
  ) as [number, number];
  const whole = tf.conv2dTranspose(
    x as Tensor4D,
    filter,
    [batch, height, width, filter.shape[2] as number],
    [...strides],
    "valid",
  );
  const [top, left] = [crop[0][0], crop[1][0]];
  const kept = [0, 1].map((axis) => {
    const [before, after] = crop[axis] as Size2D;
    return ([height, width][axis] as number) - before - Math.max(0, after);
  }) as [number, number];
  const cut = tf.slice(whole, [0, top, left, 0], [batch, ...kept, filter.shape[2] as number]);
  const more = crop.map(([, after]): [number, number] => [0, Math.max(0, -after)]) as [
    [number, number],
    [number, number],
  ];
  const padded = tf.pad(cut, [[0, 0], ...more, [0, 0]]);
  return bias === undefined ? padded : tf.add(padded, weight(bias.name));
}

/** A kernel with zeros between its values, as tfjs has no dilation where a convolution is transposed or has gradients. */
function dilate(tf: Tfjs, kernel: Tensor4D, [vertical, horizontal]: Size2D): Tensor4D {
  if (vertical === 1 && horizontal === 1) return kernel;
  const [height, width, filters, channels] = kernel.shape;
  // One axis after the other, as tfjs-webgpu does not pad five axes.
  const spread = (value: Tensor, outer: number, step: number, inner: number) =>
    tf.pad(tf.reshape(value, [outer, 1, inner]), [
      [0, 0],
      [0, step - 1],
      [0, 0],
    ]);
  const rows = spread(kernel, height, vertical, width * filters * channels);
  const both = spread(rows, height * vertical * width, horizontal, filters * channels);
  const whole = tf.reshape(both, [height * vertical, width * horizontal, filters, channels]);
  const reach = [(height - 1) * vertical + 1, (width - 1) * horizontal + 1, filters, channels];
  return tf.slice(whole, [0, 0, 0, 0], reach) as Tensor4D;
}

/** A pooling. */
export function pool(
  { tf, differentiated }: Omit<WindowParts, "weight">,
  operation: "max" | "average",
  x: Tensor,
  window: Omit<WindowSettings, "dilations">,
): Tensor {
  const { size, strides, padding } = window;
  if (operation === "max") return tf.maxPool(x as Tensor4D, [...size], [...strides], padding);
  if (!differentiated || padding === "valid") return tf.avgPool(x as Tensor4D, [...size], [...strides], padding);
  // Of tfjs's backends only TensorFlow leaves the padding out of the gradient too. So: the average of all, zeros included,
  // times the share that they have in it.
  const sides = samePadding(x as Tensor4D, { ...window, dilations: [1, 1] });
  const all = tf.avgPool(tf.pad(x as Tensor4D, [[0, 0], ...sides, [0, 0]]), [...size], [...strides], "valid");
  const [down, right] = sides.map(([before], axis) => {
    const length = x.shape[axis + 1] as number;
    return Array.from({ length: all.shape[axis + 1] as number }, (_, at) => {
      const start = at * (strides[axis] as number) - before;
      return Math.min(length, start + (size[axis] as number)) - Math.max(0, start);
    });
  }) as [number[], number[]];
  const shares = down.flatMap((rows) => right.map((columns) => (size[0] * size[1]) / (rows * columns)));
  return tf.mul(all, tf.tensor(shares, [1, down.length, right.length, 1], "float32"));
}

function finish(
  tf: Tfjs,
  sum: Tensor,
  bias: Tensor | undefined,
  activation: ConvolutionSettings["activation"],
): Tensor {
  const value = bias === undefined ? sum : tf.add(sum, bias);
  if (activation === "linear") return value;
  return activation === "relu" ? tf.relu(value) : tf.relu6(value);
}

/**
 * Pads an image for a convolution whose stride is larger than its window: there tfjs-wasm takes padding `same` wrongly
 * and gives other numbers without an error.
 */
function padWideStrides(
  tf: Tfjs,
  x: Tensor4D,
  window: WindowSettings,
): { readonly input: Tensor4D; readonly padding: Padding } {
  const { padding } = window;
  if (!hasWideStrides(window)) return { input: x, padding };
  return { input: tf.pad(x, [[0, 0], ...samePadding(x, window), [0, 0]]), padding: "valid" };
}

/** Zeros before and after along height and width, as padding `same` puts them. */
function samePadding(x: Tensor4D, window: Omit<WindowSettings, "padding">): [[number, number], [number, number]] {
  return reachOf(window).map((size, axis): [number, number] => {
    const stride = window.strides[axis] as number;
    const length = x.shape[axis + 1] as number;
    const total = Math.max(0, (Math.ceil(length / stride) - 1) * stride + size - length);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  }) as [[number, number], [number, number]];
}

/** Whether a window with `same` padding steps over pixels, which tfjs pads wrongly on wasm. */
function hasWideStrides(window: Omit<WindowSettings, "inputSize">): boolean {
  return window.padding === "same" && reachOf(window).some((size, axis) => (window.strides[axis] as number) > size);
}

/** The same for the settings of a layer. */
export function stepsOverPixels(config: LayerConfigs["Conv2D"] | LayerConfigs["DepthwiseConv2D"]): boolean {
  return hasWideStrides({ ...config, size: config.kernelSize, dilations: config.dilationRate });
}

/** `[height, width]` that a window spans, its dilation included. */
function reachOf({ size, dilations }: Pick<WindowSettings, "size" | "dilations">): readonly number[] {
  return size.map((length, axis) => (length - 1) * (dilations[axis] as number) + 1);
}
