import type { Backbone } from "./backbone.js";
import type { GraphBuilder } from "./graph-builder.js";
import { kerasApplication } from "./keras-application.js";
import { type PublishedPair, publishedPair } from "./published-weights.js";

/** Filters of each of the five blocks. */
const blockFilters = [64, 128, 256, 512, 512] as const;

/**
 * VGG16: five blocks of 3x3 convolutions, each ending in a pool. 14,714,688 parameters without top, 138,357,544 with it
 * at 224x224. Layers are named as in Keras: `block1_conv1` to `block5_pool`, then `flatten`, `fc1`, `fc2`,
 * `predictions`. Images of any size from 32x32; its published top takes 224x224 only.
 *
 * K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015.
 */
export const vgg16: Backbone = vgg("vgg16", [2, 2, 3, 3, 3], {
  top: { hash: "64373286793e3c8b2b4e3219cbf3544b", bytes: 553467096 },
  noTop: { hash: "6d6bbae143d832006294945121d1f1fc", bytes: 58889256 },
});

/**
 * VGG19: as {@link vgg16} with a fourth convolution in blocks 3 to 5. 20,024,384 parameters without top, 143,667,240
 * with it at 224x224.
 */
export const vgg19: Backbone = vgg("vgg19", [2, 2, 4, 4, 4], {
  top: { hash: "cbe5617147190e668d6c5d5026f83318" },
  noTop: { hash: "253f8cb515780f3b799900260a226db6", bytes: 80134624 },
});

function vgg(name: string, convolutions: readonly number[], published: PublishedPair): Backbone {
  const size = 224;
  return kerasApplication({
    name,
    size,
    preprocess: "caffe",
    layer: "block5_pool",
    build: (graph, includeTop) => {
      const features = blocks(graph, convolutions);
      return includeTop ? classifier(graph, features) : features;
    },
    weightsFile: publishedPair({ folder: name, stem: name, size }, published),
  });
}

function blocks(graph: GraphBuilder, convolutions: readonly number[]): string {
  let x = graph.input;
  for (const [index, filters] of blockFilters.entries()) {
    const block = `block${index + 1}`;
    for (let conv = 1; conv <= (convolutions[index] ?? 0); conv++) {
      x = graph.conv2D(x, filters, 3, { padding: "same", activation: "relu", name: `${block}_conv${conv}` });
    }
    x = graph.maxPooling2D(x, 2, { name: `${block}_pool` });
  }
  return x;
}

function classifier(graph: GraphBuilder, features: string): string {
  const flat = graph.flatten(features, { name: "flatten" });
  const fc1 = graph.dense(flat, 4096, { activation: "relu", name: "fc1" });
  const fc2 = graph.dense(fc1, 4096, { activation: "relu", name: "fc2" });
  return graph.dense(fc2, 1000, { activation: "softmax", name: "predictions" });
}
