import { attributeNumber } from "../attributes.js";
import type { Attributes } from "../graph-writer.js";
import { type GradientRule, inputOf, outputOf } from "./gradient-rule.js";
import { summedToShape } from "./summed-to-shape.js";

/** Matrix products, and normalization with statistics that stand still. */
export const linearGradients: Readonly<Record<string, GradientRule>> = {
  // x [rows, in], kernel [in, out], bias [out]
  Gemm: (node, gradient, { writer }) => [
    () => writer.node("Gemm", [gradient, inputOf(node, 1)], { transB: { int: 1 } }),
    () => writer.node("Gemm", [inputOf(node, 0), gradient], { transA: { int: 1 } }),
    () => writer.sum(gradient, [0]),
  ],
  // x [..., in], kernel [in, out]; or matrices a and b with axes before theirs, which are repeated where they have the size 1
  MatMul: (node, gradient, context) => {
    const { writer, size, shape } = context;
    const [x, kernel] = [inputOf(node, 0), inputOf(node, 1)];
    if (shape(kernel).length > 2) {
      const turned = (tensor: string) => writer.node("Transpose", [tensor], lastTwoTurned(shape(tensor).length));
      const product = (a: string, b: string, operand: string) => {
        const whole = [...shape(outputOf(node)).slice(0, -2), ...shape(operand).slice(-2)];
        return summedToShape(context, writer.node("MatMul", [a, b]), whole, operand);
      };
      return [() => product(gradient, turned(kernel), x), () => product(turned(x), gradient, kernel)];
    }
    const inRows = (tensor: string, width: number) => writer.node("Reshape", [tensor, writer.integers([-1, width])]);
    return [
      () => writer.node("MatMul", [gradient, writer.node("Transpose", [kernel], { perm: { ints: [1, 0] } })]),
      () =>
        writer.node("Gemm", [inRows(x, size(kernel, 0)), inRows(gradient, size(kernel, 1))], { transA: { int: 1 } }),
    ];
  },
  // x [batch, channels, height, width], and scale, offset, mean and variance [channels]
  BatchNormalization: (node, gradient, { writer }) => [
    () => {
      const variance = writer.node("Add", [inputOf(node, 4), writer.scalar(attributeNumber(node, "epsilon"))]);
      const factor = writer.node("Div", [inputOf(node, 1), writer.node("Sqrt", [variance])]);
      const ofImages = writer.node("Unsqueeze", [factor, writer.integers([1, 2])]);
      return writer.node("Mul", [gradient, ofImages]);
    },
  ],
};

function lastTwoTurned(rank: number): Attributes {
  const axes = Array.from({ length: rank - 2 }, (_, axis) => axis);
  return { perm: { ints: [...axes, rank - 1, rank - 2] } };
}
