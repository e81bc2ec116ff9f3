import type { Backbone } from "./backbone.js";
import type { GraphBuilder } from "./graph-builder.js";
import { averageClassifier, kerasApplication } from "./keras-application.js";
import { type PublishedPair, publishedPair } from "./published-weights.js";

/** Number of residual blocks in each of the four stages. */
type Depths = readonly [number, number, number, number];

/**
 * ResNet50: 16 residual blocks of three convolutions. 23,587,712 parameters without top, 25,636,712 with it. Layers are
 * named as in Keras: `conv1_conv`, `conv2_block1_1_conv`, ... `conv5_block3_out`, then `avg_pool`, `predictions`. Images of
 * any size from 32x32; its published top is for 224x224.
 *
 * K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
 */
export const resnet50: Backbone = resnet("resnet50", [3, 4, 6, 3], {
  top: { hash: "2cb95161c43110f7111970584f804107" },
  noTop: { hash: "4d473c1dd8becc155b73f8504c6f6626", bytes: 94765736 },
});

/** ResNet101: as {@link resnet50} with 33 blocks. 42,658,176 parameters without top, 44,707,176 with it. */
export const resnet101: Backbone = resnet("resnet101", [3, 4, 23, 3], {
  top: { hash: "f1aeb4b969a6efcfb50fad2f0c20cfc5" },
  noTop: { hash: "88cf7a10940856eca736dc7b7e228a21" },
});

/** ResNet152: as {@link resnet50} with 50 blocks. 58,370,944 parameters without top, 60,419,944 with it. */
export const resnet152: Backbone = resnet("resnet152", [3, 8, 36, 3], {
  top: { hash: "100835be76be38e30d865e96f2aaae62" },
  noTop: { hash: "ee4c566cf9a93f14d82f913c2dc6dd0c" },
});

/** What all batch normalizations of both versions have. */
export const resnetEpsilon = 1.001e-5;

function resnet(name: string, depths: Depths, published: PublishedPair): Backbone {
  const size = 224;
  return kerasApplication({
    name,
    size,
    preprocess: "caffe",
    layer: "conv5_block3_out",
    build: (graph, includeTop) => {
      let x = resnetStem(graph, (convolved) => normalizedRelu(graph, convolved, "conv1"));
      for (const [stage, blocks] of depths.entries()) {
        for (let block = 1; block <= blocks; block++) {
          const first = block === 1;
          x = residualBlock(graph, x, {
            filters: 64 * 2 ** stage,
            strides: first && stage > 0 ? 2 : 1,
            projected: first,
            name: `conv${stage + 2}_block${block}`,
          });
        }
      }
      return includeTop ? averageClassifier(graph, x, "avg_pool") : x;
    },
    weightsFile: publishedPair({ folder: "resnet", stem: name, size }, published),
  });
}

/**
 * Convolution and pool that both versions begin with, each with stride 2.
 *
 * @param between what stands behind the convolution
 */
export function resnetStem(graph: GraphBuilder, between: (convolved: string) => string): string {
  let x = graph.zeroPadding2D(graph.input, 3, { name: "conv1_pad" });
  x = between(graph.conv2D(x, 64, 7, { strides: 2, name: "conv1_conv" }));
  x = graph.zeroPadding2D(x, 1, { name: "pool1_pad" });
  return graph.maxPooling2D(x, 3, { strides: 2, name: "pool1_pool" });
}

function residualBlock(
  graph: GraphBuilder,
  input: string,
  block: { readonly filters: number; readonly strides: number; readonly projected: boolean; readonly name: string },
): string {
  const { filters, strides, projected, name } = block;
  const normalized = (from: string, at: number): string =>
    graph.batchNormalization(from, { epsilon: resnetEpsilon, name: `${name}_${at}_bn` });
  const shortcut = projected
    ? normalized(graph.conv2D(input, 4 * filters, 1, { strides, name: `${name}_0_conv` }), 0)
    : input;
  let x = graph.conv2D(input, filters, 1, { strides, name: `${name}_1_conv` });
  x = normalizedRelu(graph, x, `${name}_1`);
  x = graph.conv2D(x, filters, 3, { padding: "same", name: `${name}_2_conv` });
  x = normalizedRelu(graph, x, `${name}_2`);
  x = normalized(graph.conv2D(x, 4 * filters, 1, { name: `${name}_3_conv` }), 3);
  x = graph.sum([shortcut, x], { name: `${name}_add` });
  return graph.activation(x, "relu", { name: `${name}_out` });
}

/** Batch normalization and ReLU as both versions have them, called `<name>_bn` and `<name>_relu`. */
export function normalizedRelu(graph: GraphBuilder, from: string, name: string): string {
  const x = graph.batchNormalization(from, { epsilon: resnetEpsilon, name: `${name}_bn` });
  return graph.activation(x, "relu", { name: `${name}_relu` });
}
