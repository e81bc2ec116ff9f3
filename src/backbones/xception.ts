import type { Backbone } from "./backbone.js";
import type { GraphBuilder } from "./graph-builder.js";
import { averageClassifier, kerasApplication } from "./keras-application.js";
import { publishedPair } from "./published-weights.js";

const size = 299;

/**
 * Xception: residual blocks of depthwise separable convolutions. 20,861,480 parameters without top, 22,910,480 with it.
 * Layers are named as in Keras: `block1_conv1`, `block2_sepconv1`, ... `block14_sepconv2_act`, then `avg_pool`,
 * `predictions`; the shortcuts have the names that a fresh Keras session gives. Images of any size from 71x71; its
 * published top is for 299x299.
 *
 * F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", CVPR 2017.
 */
export const xception: Backbone = kerasApplication({
  name: "xception",
  size,
  minimumSize: 71,
  preprocess: "tf",
  layer: "block14_sepconv2_act",
  build: (graph, includeTop) => {
    let x = convolution(graph, graph.input, 32, 2, "block1_conv1");
    x = convolution(graph, x, 64, 1, "block1_conv2");
    x = shrinkingBlock(graph, x, "block2", [128, 128]);
    x = shrinkingBlock(graph, x, "block3", [256, 256]);
    x = shrinkingBlock(graph, x, "block4", [728, 728]);
    for (let block = 5; block <= 12; block++) x = middleBlock(graph, x, `block${block}`);
    x = shrinkingBlock(graph, x, "block13", [728, 1024]);
    for (const [at, filters] of [1536, 2048].entries()) {
      const name = `block14_sepconv${at + 1}`;
      x = graph.activation(separable(graph, x, filters, name), "relu", { name: `${name}_act` });
    }
    return includeTop ? averageClassifier(graph, x, "avg_pool") : x;
  },
  weightsFile: publishedPair(
    { folder: "xception", stem: "xception", size },
    {
      top: { hash: "0a58e3b7378bc2990ea3b43d5981f1f6" },
      noTop: { hash: "b0042744bf5b25fce3cb969f33bebb97" },
    },
  ),
});

function convolution(graph: GraphBuilder, from: string, filters: number, strides: number, name: string): string {
  let x = graph.conv2D(from, filters, 3, { strides, useBias: false, name });
  x = graph.batchNormalization(x, { name: `${name}_bn` });
  return graph.activation(x, "relu", { name: `${name}_act` });
}

function separable(graph: GraphBuilder, from: string, filters: number, name: string): string {
  const x = graph.separableConv2D(from, filters, 3, { padding: "same", useBias: false, name });
  return graph.batchNormalization(x, { name: `${name}_bn` });
}

function activeSeparable(graph: GraphBuilder, from: string, filters: number, name: string): string {
  return separable(graph, graph.activation(from, "relu", { name: `${name}_act` }), filters, name);
}

function shrinkingBlock(
  graph: GraphBuilder,
  input: string,
  name: string,
  [first, second]: readonly [number, number],
): string {
  const shortcut = graph.batchNormalization(
    graph.conv2D(input, second, 1, { strides: 2, padding: "same", useBias: false }),
  );
  // The first of these blocks takes what has gone through a ReLU already.
  const begin = name === "block2" ? separable : activeSeparable;
  let x = begin(graph, input, first, `${name}_sepconv1`);
  x = activeSeparable(graph, x, second, `${name}_sepconv2`);
  x = graph.maxPooling2D(x, 3, { strides: 2, padding: "same", name: `${name}_pool` });
  return graph.sum([x, shortcut]);
}

function middleBlock(graph: GraphBuilder, input: string, name: string): string {
  let x = input;
  for (const at of [1, 2, 3]) x = activeSeparable(graph, x, 728, `${name}_sepconv${at}`);
  return graph.sum([x, input]);
}
