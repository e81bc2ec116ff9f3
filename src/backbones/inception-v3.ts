import type { Size2D } from "../network/layer.js";
import type { Backbone } from "./backbone.js";
import type { GraphBuilder } from "./graph-builder.js";
import { inceptionChain, inceptionConvolution, inceptionPool, inceptionStem } from "./inception-blocks.js";
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

const wide: Size2D = [1, 7];
const high: Size2D = [7, 1];
const shrinking = { padding: "valid", strides: 2 } as const;

function module35(graph: GraphBuilder, from: string, poolFilters: number, name: string): string {
  const branches = [
    inceptionChain(graph, from, [[64, 1]]),
    inceptionChain(graph, from, [
      [48, 1],
      [64, 5],
    ]),
    inceptionChain(graph, from, [
      [64, 1],
      [96, 3],
      [96, 3],
    ]),
    inceptionPool(graph, from, poolFilters),
  ];
  return graph.concatenate(branches, { name });
}

function reduction35(graph: GraphBuilder, from: string): string {
  const single = inceptionConvolution(graph, from, 384, 3, shrinking);
  const double = inceptionChain(graph, from, [
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
    inceptionChain(graph, from, [[192, 1]]),
    inceptionChain(graph, from, [
      [filters, 1],
      [filters, wide],
      [192, high],
    ]),
    inceptionChain(graph, from, [
      [filters, 1],
      [filters, high],
      [filters, wide],
      [filters, high],
      [192, wide],
    ]),
    inceptionPool(graph, from, 192),
  ];
  return graph.concatenate(branches, { name });
}

function reduction17(graph: GraphBuilder, from: string): string {
  const single = inceptionConvolution(graph, inceptionChain(graph, from, [[192, 1]]), 320, 3, shrinking);
  const large = inceptionChain(graph, from, [
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
  const single = inceptionChain(graph, from, [[320, 1]]);
  const split = (x: string, options: { readonly name?: string } = {}): string =>
    graph.concatenate(
      [inceptionConvolution(graph, x, 384, [1, 3]), inceptionConvolution(graph, x, 384, [3, 1])],
      options,
    );
  const small = split(inceptionChain(graph, from, [[384, 1]]), { name: `mixed9_${at}` });
  const large = split(
    inceptionChain(graph, from, [
      [448, 1],
      [384, 3],
    ]),
  );
  return graph.concatenate([single, small, large, inceptionPool(graph, from, 192)], { name: `mixed${9 + at}` });
}
