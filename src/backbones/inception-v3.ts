import type { Padding, Size2D } from "../network/layer.js";
import type { Backbone } from "./backbone.js";
import type { GraphBuilder, WindowSize } from "./graph-builder.js";
import { averageClassifier, kerasApplication } from "./keras-application.js";
import { publishedPair } from "./published-weights.js";

const size = 299;

/**
 * InceptionV3: eleven modules of parallel convolutions of several sizes. 21,802,784 parameters without top, 23,851,784
 * with it. The modules' outputs are named as in Keras, `mixed0` to `mixed10`, then `avg_pool`, `predictions`; other layers
 * have the names that a fresh Keras session gives, `conv2d` to `conv2d_93`. Images of any size from 75x75; its published
 * top is for 299x299.
 *
 * C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016.
 */
export const inceptionV3: Backbone = kerasApplication({
  name: "inceptionv3",
  modelName: "inception_v3",
  size,
  minimumSize: 75,
  preprocess: "tf",
  layer: "mixed10",
  build: (graph, includeTop) => {
    let x = inceptionStem(graph);
    for (const [at, poolFilters] of [32, 64, 64].entries()) x = module35(graph, x, poolFilters, `mixed${at}`);
    x = reduction35(graph, x);
    for (const [at, filters] of [128, 160, 160, 192].entries()) x = module17(graph, x, filters, `mixed${at + 4}`);
    x = reduction17(graph, x);
    for (const at of [0, 1]) x = module8(graph, x, at);
    return includeTop ? averageClassifier(graph, x, "avg_pool") : x;
  },
  weightsFile: publishedPair(
    { folder: "inception_v3", stem: "inception_v3", size },
    {
      top: { hash: "9a0d58056eeedaa3f26cb7ebd46da564" },
      noTop: { hash: "bcbd6486424b2319ff4ef7d526e38f63" },
    },
  ),
});

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

/** Convolutions one behind the other, each of `[filters, kernelSize]`. */
function chain(
  graph: GraphBuilder,
  from: string,
  convolutions: readonly (readonly [filters: number, kernelSize: WindowSize])[],
): string {
  return convolutions.reduce((x, [filters, kernelSize]) => inceptionConvolution(graph, x, filters, kernelSize), from);
}

function pooled(graph: GraphBuilder, from: string, filters: number): string {
  const x = graph.averagePooling2D(from, 3, { strides: 1, padding: "same" });
  return inceptionConvolution(graph, x, filters, 1);
}

const wide: Size2D = [1, 7];
const high: Size2D = [7, 1];
const shrinking = { padding: "valid", strides: 2 } as const;

function module35(graph: GraphBuilder, from: string, poolFilters: number, name: string): string {
  const branches = [
    chain(graph, from, [[64, 1]]),
    chain(graph, from, [
      [48, 1],
      [64, 5],
    ]),
    chain(graph, from, [
      [64, 1],
      [96, 3],
      [96, 3],
    ]),
    pooled(graph, from, poolFilters),
  ];
  return graph.concatenate(branches, { name });
}

function reduction35(graph: GraphBuilder, from: string): string {
  const single = inceptionConvolution(graph, from, 384, 3, shrinking);
  const double = chain(graph, from, [
    [64, 1],
    [96, 3],
  ]);
  const branches = [
    single,
    inceptionConvolution(graph, double, 96, 3, shrinking),
    graph.maxPooling2D(from, 3, { strides: 2 }),
  ];
  return graph.concatenate(branches, { name: "mixed3" });
}

function module17(graph: GraphBuilder, from: string, filters: number, name: string): string {
  const branches = [
    chain(graph, from, [[192, 1]]),
    chain(graph, from, [
      [filters, 1],
      [filters, wide],
      [192, high],
    ]),
    chain(graph, from, [
      [filters, 1],
      [filters, high],
      [filters, wide],
      [filters, high],
      [192, wide],
    ]),
    pooled(graph, from, 192),
  ];
  return graph.concatenate(branches, { name });
}

function reduction17(graph: GraphBuilder, from: string): string {
  const single = inceptionConvolution(graph, chain(graph, from, [[192, 1]]), 320, 3, shrinking);
  const large = chain(graph, from, [
    [192, 1],
    [192, wide],
    [192, high],
  ]);
  const branches = [
    single,
    inceptionConvolution(graph, large, 192, 3, shrinking),
    graph.maxPooling2D(from, 3, { strides: 2 }),
  ];
  return graph.concatenate(branches, { name: "mixed8" });
}

function module8(graph: GraphBuilder, from: string, at: number): string {
  const single = chain(graph, from, [[320, 1]]);
  const split = (x: string, options: { readonly name?: string } = {}): string =>
    graph.concatenate(
      [inceptionConvolution(graph, x, 384, [1, 3]), inceptionConvolution(graph, x, 384, [3, 1])],
      options,
    );
  const small = split(chain(graph, from, [[384, 1]]), { name: `mixed9_${at}` });
  const large = split(
    chain(graph, from, [
      [448, 1],
      [384, 3],
    ]),
  );
  return graph.concatenate([single, small, large, pooled(graph, from, 192)], { name: `mixed${9 + at}` });
}
