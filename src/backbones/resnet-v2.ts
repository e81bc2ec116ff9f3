import type { Backbone } from "./backbone.js";
import type { GraphBuilder } from "./graph-builder.js";
import { averageClassifier, kerasApplication } from "./keras-application.js";
import { type PublishedPair, publishedPair } from "./published-weights.js";
import { normalizedRelu, resnetStem } from "./resnet.js";

/**
 * ResNet50V2: as ResNet50, with normalization and ReLU before each convolution. 23,564,800 parameters without top,
 * 25,613,800 with it. Layers are named as in Keras: `conv1_conv`, `conv2_block1_preact_bn`, ... `post_relu`, then
 * `avg_pool`, `predictions`. Images of any size from 32x32; its published top is for 224x224.
 *
 * K. He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016.
 */
export const resnet50V2: Backbone = resnetV2("resnet50v2", [3, 4, 6, 3], {
  top: { hash: "3ef43a0b657b3be2300d5770ece849e0" },
  noTop: { hash: "fac2f116257151a9d068a22e544a4917" },
});

/** ResNet101V2: as {@link resnet50V2} with 33 blocks. 42,626,560 parameters without top, 44,675,560 with it. */
export const resnet101V2: Backbone = resnetV2("resnet101v2", [3, 4, 23, 3], {
  top: { hash: "6343647c601c52e1368623803854d971" },
  noTop: { hash: "c0ed64b8031c3730f411d2eb4eea35b5" },
});

/** ResNet152V2: as {@link resnet50V2} with 50 blocks. 58,331,648 parameters without top, 60,380,648 with it. */
export const resnet152V2: Backbone = resnetV2("resnet152v2", [3, 8, 36, 3], {
  top: { hash: "a49b44d1979771252814e80f8ec446f9" },
  noTop: { hash: "ed17cf2e0169df9d443503ef94b23b33" },
});

function resnetV2(name: string, depths: readonly [number, number, number, number], published: PublishedPair): Backbone {
  const size = 224;
  return kerasApplication({
    name,
    size,
    preprocess: "tf",
    layer: "post_relu",
    build: (graph, includeTop) => {
      let x = resnetStem(graph, (convolved) => convolved);
      for (const [stage, blocks] of depths.entries()) {
        for (let block = 1; block <= blocks; block++) {
          x = residualBlock(graph, x, {
            filters: 64 * 2 ** stage,
            // Unlike in the first version, a stage makes the picture smaller at its end, and the last one does not.
            strides: block === blocks && stage < 3 ? 2 : 1,
            projected: block === 1,
            name: `conv${stage + 2}_block${block}`,
          });
        }
      }
      x = normalizedRelu(graph, x, "post");
      return includeTop ? averageClassifier(graph, x, "avg_pool") : x;
    },
    weightsFile: publishedPair({ folder: "resnet", stem: name, size }, published),
  });
}

function residualBlock(
  graph: GraphBuilder,
  input: string,
  block: { readonly filters: number; readonly strides: number; readonly projected: boolean; readonly name: string },
): string {
  const { filters, strides, projected, name } = block;
  const active = normalizedRelu(graph, input, `${name}_preact`);
  let shortcut = input;
  if (projected) shortcut = graph.conv2D(active, 4 * filters, 1, { strides, name: `${name}_0_conv` });
  else if (strides > 1) shortcut = graph.maxPooling2D(input, 1, { strides });

  let x = graph.conv2D(active, filters, 1, { useBias: false, name: `${name}_1_conv` });
  x = normalizedRelu(graph, x, `${name}_1`);
  x = graph.zeroPadding2D(x, 1, { name: `${name}_2_pad` });
  x = graph.conv2D(x, filters, 3, { strides, useBias: false, name: `${name}_2_conv` });
  x = normalizedRelu(graph, x, `${name}_2`);
  x = graph.conv2D(x, 4 * filters, 1, { name: `${name}_3_conv` });
  return graph.sum([shortcut, x], { name: `${name}_out` });
}
