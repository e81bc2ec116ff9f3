import { resamplingMatrix } from "../../../layers/resampling-matrix.js";
import type { GraphNode } from "../../graph.js";
import { attributeText } from "../attributes.js";
import { type GradientContext, inputOf, outputOf } from "./gradient-rule.js";

/**
 * Gradient of resizing images `[batch, channels, height, width]`. Each axis is a product with the matrix of what its new
 * pixels take of the old ones, so that the gradient is one with the matrix turned over.
 */
export function resizeGradient(node: GraphNode, gradient: string, context: GradientContext): string {
  const { writer, known, size } = context;
  const nearest = attributeText(node, "mode") === "nearest";
  const scales = known.initializers.get(node.inputs[2] ?? "")?.data;
  if (nearest && scales instanceof Float32Array) {
    // Each pixel repeated a whole number of times: the sum over the places where it stands.
    const window = Array.from(scales).slice(2);
    const attributes = { kernel_shape: { ints: window }, strides: { ints: window } };
    const mean = writer.node("AveragePool", [gradient], attributes);
    return writer.scaled(
      mean,
      window.reduce((product, factor) => product * factor, 1),
    );
  }
  const matrix = (axis: number) => {
    const [from, to] = [size(inputOf(node, 0), axis), size(outputOf(node), axis)];
    const weights = nearest ? nearestMatrix(from, to) : resamplingMatrix(from, to, "bilinear", false);
    return writer.floats(`${outputOf(node)}/weights${axis}`, Float32Array.from(weights), [to, from]);
  };
  const ofRows = writer.node("MatMul", [gradient, matrix(3)]);
  const turned = writer.node("Transpose", [matrix(2)], { perm: { ints: [1, 0] } });
  return writer.node("MatMul", [turned, ofRows]);
}

/** `[to, from]`: a 1 where a new pixel takes an old one, whose centre is the nearest. */
function nearestMatrix(from: number, to: number): number[] {
  const matrix = new Array<number>(to * from).fill(0);
  for (let row = 0; row < to; row++) matrix[row * from + Math.floor(((row + 0.5) * from) / to)] = 1;
  return matrix;
}
