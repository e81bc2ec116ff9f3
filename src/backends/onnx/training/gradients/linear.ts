import { attributeNumber } from "../attributes.js";
import { type GradientRule, inputOf } from "./gradient-rule.js";

/** Matrix products, and normalization with statistics that stand still. */
export const linearGradients: Readonly<Record<string, GradientRule>> = {
  // x [rows, in], kernel [in, out], bias [out]
  Gemm: (node, gradient, { writer }) => [
    () => writer.node("Gemm", [gradient, inputOf(node, 1)], { transB: { int: 1 } }),
    () => writer.node("Gemm", [inputOf(node, 0), gradient], { transA: { int: 1 } }),
    () => writer.sum(gradient, [0]),
  ],
  // x [..., in], kernel [in, out]
  MatMul: (node, gradient, { writer, size }) => {
    const [x, kernel] = [inputOf(node, 0), inputOf(node, 1)];
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
