import type { GraphNode } from "../../graph.js";
import { attributeNumber } from "../attributes.js";
import { reducedAxes } from "../tensor-shapes.js";
import { type GradientContext, type GradientRule, inputOf, outputOf } from "./gradient-rule.js";

/** Operators that sum up, normalise or compare along axes. */
export const alongAxesGradients: Readonly<Record<string, GradientRule>> = {
  ReduceSum: (node, gradient, context) => [() => repeated(node, spread(node, gradient, context), context)],
  ReduceMean: (node, gradient, context) => [() => meanGradient(node, spread(node, gradient, context), context)],
  GlobalAveragePool: (node, gradient, context) => [() => meanGradient(node, gradient, context)],
  ReduceMax: (node, gradient, context) => [
    () =>
      maximumGradient(
        node,
        gradient,
        reducedAxes(context.known, node, context.shape(inputOf(node, 0)).length),
        context,
      ),
  ],
  GlobalMaxPool: (node, gradient, context) => [() => maximumGradient(node, gradient, [2, 3], context)],
  Softmax: (node, gradient, { writer }) => [
    () => {
      const y = outputOf(node);
      const mean = writer.sum(writer.node("Mul", [gradient, y]), [attributeNumber(node, "axis")], true);
      return writer.node("Mul", [writer.node("Sub", [gradient, mean]), y]);
    },
  ],
  LogSoftmax: (node, gradient, { writer }) => [
    () => {
      const total = writer.sum(gradient, [attributeNumber(node, "axis")], true);
      const share = writer.node("Mul", [writer.node("Exp", [outputOf(node)]), total]);
      return writer.node("Sub", [gradient, share]);
    },
  ],
};

/** The gradient with the axes that the operator dropped, of size 1. */
function spread(node: GraphNode, gradient: string, { writer, known, shape }: GradientContext): string {
  if (attributeNumber(node, "keepdims", 1) === 1) return gradient;
  const axes = reducedAxes(known, node, shape(inputOf(node, 0)).length);
  return writer.node("Unsqueeze", [gradient, writer.integers(axes)]);
}

function repeated(node: GraphNode, gradient: string, { writer }: GradientContext): string {
  return writer.node("Expand", [gradient, writer.node("Shape", [inputOf(node, 0)])]);
}

function meanGradient(node: GraphNode, gradient: string, context: GradientContext): string {
  const { writer } = context;
  const [all, kept] = [inputOf(node, 0), outputOf(node)].map((tensor) => writer.node("Size", [tensor]));
  const count = writer.node("Cast", [writer.node("Div", [all as string, kept as string])], { to: { int: 1 } });
  return repeated(node, writer.node("Div", [gradient, count]), context);
}

/** Values that are equally great share it, as in TensorFlow. */
function maximumGradient(node: GraphNode, gradient: string, axes: readonly number[], context: GradientContext): string {
  const { writer } = context;
  const keeps = node.operator !== "ReduceMax" || attributeNumber(node, "keepdims", 1) === 1;
  const places = writer.integers(axes);
  const withAxes = (tensor: string) => (keeps ? tensor : writer.node("Unsqueeze", [tensor, places]));
  const equal = writer.node("Equal", [inputOf(node, 0), withAxes(outputOf(node))]);
  const greatest = writer.node("Cast", [equal], { to: { int: 1 } });
  const share = writer.node("Div", [withAxes(gradient), writer.sum(greatest, axes, true)]);
  return writer.node("Mul", [greatest, share]);
}
