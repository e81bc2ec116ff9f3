import type { TensorShape } from "../tensor-shapes.js";
import type { GradientContext } from "./gradient-rule.js";

/** Sums a gradient of the shape `result` over the axes along which an operand was repeated. */
export function summedToShape(
  { writer, shape }: GradientContext,
  gradient: string,
  result: TensorShape,
  operand: string,
): string {
  const own = shape(operand);
  const missing = result.length - own.length;
  const repeated = result.flatMap((size, axis) =>
    axis < missing || (own[axis - missing] === 1 && size !== 1) ? [axis] : [],
  );
  if (repeated.length === 0) return gradient;
  const summed = writer.sum(gradient, repeated, true);
  if (missing === 0) return summed;
  const added = Array.from({ length: missing }, (_, axis) => axis);
  return writer.node("Squeeze", [summed, writer.integers(added)]);
}
