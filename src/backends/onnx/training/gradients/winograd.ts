import type { GraphNode } from "../../graph.js";
import { attributeInts, attributeNumber } from "../attributes.js";
import {
  alongBoth,
  imagesOf,
  tilesIn,
  tilesOf,
  winogradTransforms as transforms,
  type WinogradConvolution,
} from "../winograd.js";
import type { GradientRule } from "./gradient-rule.js";

/**
 * Gradients of convolutions by Winograd's method, of the same method: what was transformed for the convolution is used
 * once more.
 */
export const winogradGradients: Readonly<Record<string, GradientRule>> = {
  Winograd(node, gradient, { writer }) {
    const { channels, filters, input, output, before } = convolutionOf(node);
    const [, tiles = "", kernel = ""] = node.outputs;
    const transposed = (tensor: string) => writer.node("Transpose", [tensor], { perm: { ints: [0, 2, 1] } });
    return [
      () => {
        // The convolution of the gradient with the kernel upside down, from filters to channels.
        const ofGradient = tilesOf(writer, gradient, transforms.turnedImage, {
          channels: filters,
          size: output,
          before: [2 - before[0], 2 - before[1]],
          tiles: tilesIn(input),
        });
        const product = writer.node("MatMul", [ofGradient, transposed(kernel)]);
        return imagesOf(writer, product, transforms.turnedOutput, { channels, size: input });
      },
      () => {
        const ofGradient = tilesOf(writer, gradient, transforms.outputGradient, {
          channels: filters,
          size: output,
          before: [0, 0],
          tiles: tilesIn(output),
        });
        const product = writer.node("MatMul", [transposed(tiles), ofGradient]);
        const flat = writer.node("Reshape", [product, writer.integers([16, channels * filters])]);
        return alongBoth(writer, transforms.kernelGradient, flat);
      },
      () => writer.sum(gradient, [0, 2, 3]),
    ];
  },
};

function convolutionOf(node: GraphNode): WinogradConvolution {
  const pair = (name: string) => attributeInts(node, name) as readonly [number, number];
  return {
    channels: attributeNumber(node, "channels"),
    filters: attributeNumber(node, "filters"),
    input: pair("input"),
    output: pair("output"),
    before: pair("before"),
  };
}
