import type { GradientClipping } from "../../trainable-backend.js";
import type { GraphWriter } from "./graph-writer.js";

/** Adds the clipping of gradients, in Keras's order and form. Returns as many, in the same order. */
export function clipGradients(
  w: GraphWriter,
  gradients: readonly string[],
  { clipnorm, globalClipnorm, clipvalue }: GradientClipping,
): readonly string[] {
  if (clipnorm !== undefined) {
    return gradients.map((gradient) => {
      const norm = w.node("Sqrt", [squareSum(w, gradient)]);
      const factor = w.node("Div", [w.scalar(clipnorm), w.node("Max", [norm, w.scalar(clipnorm)])]);
      return w.node("Mul", [gradient, factor]);
    });
  }
  if (globalClipnorm !== undefined) {
    const total = gradients.map((gradient) => squareSum(w, gradient)).reduce((sum, next) => w.node("Add", [sum, next]));
    const norm = w.node("Sqrt", [total]);
    const inverse = w.node("Min", [w.node("Div", [w.scalar(1), norm]), w.scalar(1 / globalClipnorm)]);
    // 0 is added where the norm is finite, and NaN otherwise, so that an infinite gradient is not mistaken for none.
    const scale = w.node("Add", [w.scaled(inverse, globalClipnorm), w.node("Sub", [norm, norm])]);
    return gradients.map((gradient) => w.node("Mul", [gradient, scale]));
  }
  if (clipvalue === undefined) return gradients;
  return gradients.map((gradient) => w.node("Clip", [gradient, w.scalar(-clipvalue), w.scalar(clipvalue)]));
}

function squareSum(w: GraphWriter, gradient: string): string {
  return w.sumOfAll(w.node("Mul", [gradient, gradient]));
}
