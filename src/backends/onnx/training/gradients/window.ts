import type { Attribute, GraphNode } from "../../graph.js";
import { attributeInts, attributeNumber } from "../attributes.js";
import type { Attributes } from "../graph-writer.js";
import { type GradientContext, type GradientRule, inputOf, outputOf } from "./gradient-rule.js";
import { resizeGradient } from "./resizing.js";

type Pair = readonly [number, number];

/** How a window moves over an image of known size. */
interface WindowPlan {
  readonly size: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  /** Zeros before the image: above and to the left. */
  readonly before: Pair;
  readonly input: Pair;
  readonly output: Pair;
}

/** Operators that move a window over images `[batch, channels, height, width]`. */
export const windowGradients: Readonly<Record<string, GradientRule>> = {
  // The kernel is [filters, channels per group, height, width].
  Conv(node, gradient, context) {
    const [x, kernel] = [inputOf(node, 0), inputOf(node, 1)];
    const plan = windowPlan(node, context);
    return [
      () => context.writer.node("ConvTranspose", [gradient, kernel], backwards(node, plan)),
      () => kernelGradient(x, gradient, plan, groupsOf(node, x, outputOf(node), context), context),
      () => context.writer.sum(gradient, [0, 2, 3]),
    ];
  },
  // The same the other way round, so that the images and gradients of a convolution change places.
  ConvTranspose(node, gradient, context) {
    const [x, kernel] = [inputOf(node, 0), inputOf(node, 1)];
    const plan = windowPlan(node, context, true);
    const { kernel_shape, strides, dilations, pads } = node.attributes as Record<string, Attribute>;
    return [
      () => context.writer.node("Conv", [gradient, kernel], { kernel_shape, strides, dilations, pads } as Attributes),
      () => kernelGradient(gradient, x, plan, groupsOf(node, outputOf(node), x, context), context),
      () => context.writer.sum(gradient, [0, 2, 3]),
    ];
  },
  MaxPool: (node, gradient, { writer, secondOutput }) => [
    () => {
      // Places of the greatest values, counted through the whole batch.
      const places = writer.node("Reshape", [secondOutput(), writer.integers([-1])]);
      const shape = writer.node("Shape", [inputOf(node, 0)]);
      const size = writer.node("Reshape", [writer.node("Size", [inputOf(node, 0)]), writer.integers([1])]);
      const zeros = writer.node("Expand", [writer.scalar(0), size]);
      const flat = writer.node("Reshape", [gradient, writer.integers([-1])]);
      const scattered = writer.node("ScatterElements", [zeros, places, flat], {
        axis: { int: 0 },
        ...(isOverlapping(node) ? { reduction: { string: "add" } } : {}),
      });
      return writer.node("Reshape", [scattered, shape]);
    },
  ],
  Resize: (node, gradient, context) => [() => resizeGradient(node, gradient, context)],
  AveragePool: (node, gradient, context) => [() => averageGradient(node, gradient, context)],
};

function isOverlapping(node: GraphNode): boolean {
  const strides = attributeInts(node, "strides");
  return attributeInts(node, "kernel_shape").some((size, axis) => size > (strides[axis] as number));
}

function windowPlan(node: GraphNode, { size }: GradientContext, transposed = false): WindowPlan {
  const [x, y] = transposed ? [outputOf(node), inputOf(node, 0)] : [inputOf(node, 0), outputOf(node)];
  const [top = 0, left = 0] = attributeInts(node, "pads", [0, 0, 0, 0]);
  return {
    size: attributeInts(node, "kernel_shape") as Pair,
    strides: attributeInts(node, "strides") as Pair,
    dilations: attributeInts(node, "dilations", [1, 1]) as Pair,
    before: [top, left],
    input: [size(x, 2), size(x, 3)],
    output: [size(y, 2), size(y, 3)],
  };
}

/** How many pixels the windows reach over, zeros before the image included. */
function reach({ size, strides, dilations, output }: WindowPlan, axis: 0 | 1): number {
  return (output[axis] - 1) * strides[axis] + (size[axis] - 1) * dilations[axis] + 1;
}

/** Zeros after the image that the windows reach; below 0, pixels that none reaches. */
function after(plan: WindowPlan, axis: 0 | 1): number {
  return reach(plan, axis) - plan.before[axis] - plan.input[axis];
}

/** Settings of the transposed convolution that sends a gradient back to where the windows stood. */
function backwards(node: GraphNode, plan: WindowPlan): Attributes {
  const ends = [after(plan, 0), after(plan, 1)];
  return {
    kernel_shape: { ints: plan.size },
    strides: { ints: plan.strides },
    dilations: { ints: plan.dilations },
    group: { int: attributeNumber(node, "group", 1) },
    pads: { ints: [...plan.before, ...ends.map((end) => Math.max(0, end))] },
    output_padding: { ints: ends.map((end) => Math.max(0, -end)) },
  };
}

/** Channels of the images that windows move over, filters, and the groups that both are divided in. */
interface Groups {
  readonly channels: number;
  readonly filters: number;
  readonly groups: number;
}

function groupsOf(node: GraphNode, image: string, result: string, { size }: GradientContext): Groups {
  return { channels: size(image, 1), filters: size(result, 1), groups: attributeNumber(node, "group", 1) };
}

/**
 * Gradient of a kernel, one of its places after the other: a product of the image, as far as this place of the kernel
 * passes over it, with the gradient, both with the batch and the pixels along one axis.
 */
function kernelGradient(
  x: string,
  gradient: string,
  plan: WindowPlan,
  { channels, filters, groups }: Groups,
  context: GradientContext,
): string {
  const { writer } = context;
  const swap = { perm: { ints: [1, 0, 2, 3] } };
  const image = padded(writer.node("Transpose", [x], swap), plan, context);
  const rows = writer.node("Transpose", [gradient], swap);
  const [height, width] = plan.size;
  const places = Array.from({ length: height * width }, (_, at): Pair => [Math.floor(at / width), at % width]);
  let products: readonly string[];
  if (groups === 1) {
    const flat = writer.node("Reshape", [rows, writer.integers([filters, -1])]);
    products = places.map((place) => {
      const part = writer.node("Reshape", [passedOver(image, plan, place, context), writer.integers([channels, -1])]);
      return writer.node("Gemm", [flat, part], { transB: { int: 1 } });
    });
  } else {
    const grouped = writer.node("Reshape", [rows, writer.integers([groups, filters / groups, -1])]);
    const columns = writer.node("Transpose", [grouped], { perm: { ints: [0, 2, 1] } });
    products = places.map((place) => {
      const shape = writer.integers([groups, channels / groups, -1]);
      const part = writer.node("Reshape", [passedOver(image, plan, place, context), shape]);
      return writer.node("MatMul", [part, columns]);
    });
  }
  const all = products.length === 1 ? (products[0] as string) : writer.node("Concat", products, { axis: { int: 0 } });
  const [split, order] =
    groups === 1
      ? [
          [places.length, filters, channels],
          [1, 2, 0],
        ]
      : [
          [places.length, groups, channels / groups, filters / groups],
          [1, 3, 2, 0],
        ];
  const moved = writer.node("Transpose", [writer.node("Reshape", [all, writer.integers(split)])], {
    perm: { ints: order },
  });
  return writer.node("Reshape", [moved, writer.integers([filters, channels / groups, height, width])]);
}

function padded(image: string, plan: WindowPlan, { writer }: GradientContext): string {
  const [bottom, right] = [Math.max(0, after(plan, 0)), Math.max(0, after(plan, 1))];
  if (plan.before.every((zeros) => zeros === 0) && bottom === 0 && right === 0) return image;
  return writer.node("Pad", [image, writer.integers([0, 0, ...plan.before, 0, 0, bottom, right])]);
}

/** The pixels that one place of the kernel passes over. */
function passedOver(image: string, plan: WindowPlan, place: Pair, { writer }: GradientContext): string {
  const { strides, dilations, output } = plan;
  const starts = place.map((at, axis) => at * (dilations[axis] as number));
  const ends = starts.map((start, axis) => start + ((output[axis] as number) - 1) * (strides[axis] as number) + 1);
  return writer.node("Slice", [image, ...[starts, ends, [2, 3], strides].map((values) => writer.integers(values))]);
}

/** Each pixel of a window has an equal part of its gradient; zeros around the image have none. */
function averageGradient(node: GraphNode, gradient: string, context: GradientContext): string {
  const { writer } = context;
  const plan = windowPlan(node, context);
  const [height, width] = plan.output;
  const [rows, columns] = [pixelCounts(plan, 0), pixelCounts(plan, 1)];
  const shares = Float32Array.from(
    { length: height * width },
    (_, at) => 1 / ((rows[Math.floor(at / width)] as number) * (columns[at % width] as number)),
  );
  const share = writer.floats(`${outputOf(node)}/shares`, shares, [1, 1, height, width]);
  const shared = writer.node("Mul", [gradient, share]);
  // Each channel as an image of its own.
  const single = writer.node("Reshape", [shared, writer.integers([-1, 1, height, width])]);
  const [windowHeight, windowWidth] = plan.size;
  const ones = new Float32Array(windowHeight * windowWidth).fill(1);
  const kernel = writer.floats(`ones/${windowHeight}x${windowWidth}`, ones, [1, 1, windowHeight, windowWidth]);
  const spread = writer.node("ConvTranspose", [single, kernel], backwards(node, plan));
  return writer.node("Reshape", [spread, writer.node("Shape", [inputOf(node, 0)])]);
}

/** For each step of a window along one axis, the number of pixels of the image in it. */
function pixelCounts({ size, strides, before, input, output }: WindowPlan, axis: 0 | 1): readonly number[] {
  return Array.from({ length: output[axis] }, (_, step) => {
    const start = step * strides[axis] - before[axis];
    return Math.min(input[axis], start + size[axis]) - Math.max(0, start);
  });
}
