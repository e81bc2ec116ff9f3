import type { GraphNode } from "../../graph.js";
import { attributeInts, attributeNumber } from "../attributes.js";
import { constantIntegers } from "../tensor-shapes.js";
import { type GradientContext, type GradientRule, inputOf, outputOf } from "./gradient-rule.js";

/** Operators that only move numbers. */
export const movingGradients: Readonly<Record<string, GradientRule>> = {
  Reshape: shapedBack,
  Squeeze: shapedBack,
  Unsqueeze: shapedBack,
  Transpose: (node, gradient, { writer }) => [
    () => {
      const order = attributeInts(node, "perm");
      const back = order.map((_, axis) => order.indexOf(axis));
      return writer.node("Transpose", [gradient], { perm: { ints: back } });
    },
  ],
  Gather: (node, gradient, { writer, known }) => [
    () => {
      // It puts channels in another order only.
      const order = constantIntegers(known, inputOf(node, 1));
      const back = writer.integers(order.map((_, at) => order.indexOf(at)));
      return writer.node("Gather", [gradient, back], { axis: { int: attributeNumber(node, "axis") } });
    },
  ],
  Pad: (node, gradient, { writer, known, size, shape }) => [
    () => {
      const x = inputOf(node, 0);
      const rank = shape(x).length;
      const pads = constantIntegers(known, inputOf(node, 1));
      const axes = Array.from({ length: rank }, (_, axis) => axis).filter(
        (axis) => pads[axis] !== 0 || pads[axis + rank] !== 0,
      );
      if (axes.length === 0) return gradient;
      const starts = axes.map((axis) => pads[axis] as number);
      const ends = axes.map((axis, at) => (starts[at] as number) + size(x, axis));
      return writer.node("Slice", [gradient, ...[starts, ends, axes].map((values) => writer.integers(values))]);
    },
  ],
  Slice: (node, gradient, { writer, known, size, shape }) => [
    () => {
      const [x, y] = [inputOf(node, 0), outputOf(node)];
      const starts = constantIntegers(known, inputOf(node, 1));
      const axes = constantIntegers(known, inputOf(node, 3));
      const before = shape(x).map((_, axis) => (axes.includes(axis) ? (starts[axes.indexOf(axis)] as number) : 0));
      const after = shape(x).map((_, axis) =>
        axes.includes(axis) ? size(x, axis) - size(y, axis) - (before[axis] as number) : 0,
      );
      return writer.node("Pad", [gradient, writer.integers([...before, ...after])]);
    },
  ],
  Concat(node, gradient, { writer, size }) {
    const axis = attributeNumber(node, "axis");
    let parts: readonly string[] | undefined;
    const split = () => {
      const sizes = writer.integers(node.inputs.map((input) => size(input, axis)));
      return writer.nodeOf(node.inputs.length, "Split", [gradient, sizes], { axis: { int: axis } });
    };
    return node.inputs.map((_, at) => () => {
      parts ??= split();
      return parts[at] as string;
    });
  },
  Tile: (node, gradient, { writer, known }) => [
    () => {
      // It repeats axes of size 1 only.
      const repeats = constantIntegers(known, inputOf(node, 1));
      const axes = repeats.flatMap((count, axis) => (count === 1 ? [] : [axis]));
      return axes.length === 0 ? gradient : writer.sum(gradient, axes, true);
    },
  ],
};

function shapedBack(node: GraphNode, gradient: string, { writer }: GradientContext): readonly (() => string)[] {
  return [() => writer.node("Reshape", [gradient, writer.node("Shape", [inputOf(node, 0)])])];
}
