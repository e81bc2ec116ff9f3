import type { Padding } from "../network/layer.js";
import type { GraphBuilder, WindowSize } from "./graph-builder.js";

/** Convolution, batch normalization without scale, and ReLU, as all Inception networks have them. */
export function inceptionConvolution(
  graph: GraphBuilder,
  from: string,
  filters: number,
  kernelSize: WindowSize,
  { padding = "same", strides = 1 }: { readonly padding?: Padding; readonly strides?: number } = {},
): string {
  let x = graph.conv2D(from, filters, kernelSize, { strides, padding, useBias: false });
  x = graph.batchNormalization(x, { scale: false });
  return graph.activation(x, "relu");
}

/** From pixels to 192 channels of an eighth of the size, as all Inception networks begin. */
export function inceptionStem(graph: GraphBuilder): string {
  const valid = { padding: "valid" } as const;
  let x = inceptionConvolution(graph, graph.input, 32, 3, { padding: "valid", strides: 2 });
  x = inceptionConvolution(graph, x, 32, 3, valid);
  x = inceptionConvolution(graph, x, 64, 3);
  x = graph.maxPooling2D(x, 3, { strides: 2 });
  x = inceptionConvolution(graph, x, 80, 1, valid);
  x = inceptionConvolution(graph, x, 192, 3, valid);
  return graph.maxPooling2D(x, 3, { strides: 2 });
}

/** Inception convolutions one behind the other, each of `[filters, kernelSize]`. */
export function inceptionChain(
  graph: GraphBuilder,
  from: string,
  convolutions: readonly (readonly [filters: number, kernelSize: WindowSize])[],
): string {
  return convolutions.reduce((x, [filters, kernelSize]) => inceptionConvolution(graph, x, filters, kernelSize), from);
}

/** Average pool that keeps the size, then a convolution of single pixels. */
export function inceptionPool(graph: GraphBuilder, from: string, filters: number): string {
  const x = graph.averagePooling2D(from, 3, { strides: 1, padding: "same" });
  return inceptionConvolution(graph, x, filters, 1);
}
