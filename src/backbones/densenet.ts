import type { Backbone } from "./backbone.js";
import type { GraphBuilder } from "./graph-builder.js";
import { averageClassifier, kerasApplication } from "./keras-application.js";
import { type PublishedPair, publishedPair } from "./published-weights.js";
import { normalizedRelu } from "./resnet.js";

/** Channels that each layer of a dense block adds. */
const growth = 32;

/**
 * DenseNet121: four dense blocks, in which each layer takes the outputs of all before it. 7,037,504 parameters without
 * top, 8,062,504 with it. Layers are named as in Keras: `conv1_conv`, `conv2_block1_0_bn`, ... `conv5_block16_concat`,
 * `bn`, `relu`, then `avg_pool`, `predictions`. Images of any size from 32x32; its published top is for 224x224.
 *
 * G. Huang et al., "Densely Connected Convolutional Networks", CVPR 2017.
 */
export const densenet121: Backbone = densenet("densenet121", [6, 12, 24, 16], {
  top: { hash: "9d60b8095a5708f2dcce2bca79d332c7" },
  noTop: { hash: "30ee3e1110167f948a6b9946edeeb738" },
});

/** DenseNet169: as {@link densenet121}, deeper. 12,642,880 parameters without top, 14,307,880 with it. */
export const densenet169: Backbone = densenet("densenet169", [6, 12, 32, 32], {
  top: { hash: "d699b8f76981ab1b30698df4c175e90b" },
  noTop: { hash: "b8c4d4c20dd625c148057b9ff1c1176b" },
});

/** DenseNet201: as {@link densenet121}, deeper. 18,321,984 parameters without top, 20,242,984 with it. */
export const densenet201: Backbone = densenet("densenet201", [6, 12, 48, 32], {
  top: { hash: "1ceb130c1ea1b78c3bf6114dbdfd8807" },
  noTop: { hash: "c13680b51ded0fb44dff2d8f86ac8bb1" },
});

function densenet(name: string, depths: readonly [number, number, number, number], published: PublishedPair): Backbone {
  const size = 224;
  return kerasApplication({
    name,
    size,
    preprocess: "torch",
    layer: "relu",
    build: (graph, includeTop) => {
      let x = stem(graph);
      for (const [index, depth] of depths.entries()) {
        const stage = index + 2;
        if (index > 0) x = transition(graph, x, `pool${stage - 1}`);
        for (let block = 1; block <= depth; block++) x = denseLayer(graph, x, `conv${stage}_block${block}`);
      }
      x = graph.batchNormalization(x, { epsilon: 1.001e-5, name: "bn" });
      x = graph.activation(x, "relu", { name: "relu" });
      return includeTop ? averageClassifier(graph, x, "avg_pool") : x;
    },
    weightsFile: publishedPair({ folder: "densenet", stem: name, size }, published),
  });
}

function stem(graph: GraphBuilder): string {
  let x = graph.zeroPadding2D(graph.input, 3);
  x = graph.conv2D(x, 64, 7, { strides: 2, useBias: false, name: "conv1_conv" });
  x = normalizedRelu(graph, x, "conv1");
  x = graph.zeroPadding2D(x, 1);
  return graph.maxPooling2D(x, 3, { strides: 2, name: "pool1" });
}

/** Half the channels, half the size. */
function transition(graph: GraphBuilder, from: string, name: string): string {
  let x = normalizedRelu(graph, from, name);
  x = graph.conv2D(x, graph.channelsOf(x) / 2, 1, { useBias: false, name: `${name}_conv` });
  return graph.averagePooling2D(x, 2, { name: `${name}_pool` });
}

function denseLayer(graph: GraphBuilder, from: string, name: string): string {
  let x = normalizedRelu(graph, from, `${name}_0`);
  x = graph.conv2D(x, 4 * growth, 1, { useBias: false, name: `${name}_1_conv` });
  x = normalizedRelu(graph, x, `${name}_1`);
  x = graph.conv2D(x, growth, 3, { padding: "same", useBias: false, name: `${name}_2_conv` });
  return graph.concatenate([from, x], { name: `${name}_concat` });
}
