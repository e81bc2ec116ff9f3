import type { Backbone } from "./backbone.js";
import type { GraphBuilder, WindowSize } from "./graph-builder.js";
import { inceptionChain, inceptionConvolution, inceptionPool, inceptionStem } from "./inception-blocks.js";
import { averageClassifier, kerasApplication } from "./keras-application.js";
import { publishedPair } from "./published-weights.js";

const size = 299;

/** Convolutions one behind the other, each of `[filters, kernelSize]`. */
type Branch = readonly (readonly [filters: number, kernelSize: WindowSize])[];

/** A residual block's parallel branches, and what their sum is scaled by. */
interface BlockKind {
  readonly name: string;
  readonly branches: readonly Branch[];
  readonly scale: number;
}

const block35: BlockKind = {
  name: "block35",
  branches: [
    [[32, 1]],
    [
      [32, 1],
      [32, 3],
    ],
    [
      [32, 1],
      [48, 3],
      [64, 3],
    ],
  ],
  scale: 0.17,
};

const block17: BlockKind = {
  name: "block17",
  branches: [
    [[192, 1]],
    [
      [128, 1],
      [160, [1, 7]],
      [192, [7, 1]],
    ],
  ],
  scale: 0.1,
};

const block8: BlockKind = {
  name: "block8",
  branches: [
    [[192, 1]],
    [
      [192, 1],
      [224, [1, 3]],
      [256, [3, 1]],
    ],
  ],
  scale: 0.2,
};

/**
 * InceptionResNetV2: Inception modules whose outputs are scaled and added to their inputs. 54,336,736 parameters without
 * top, 55,873,736 with it. Layers are named as in Keras: `mixed_5b`, `block35_1_ac`, ... `conv_7b_ac`, then `avg_pool`,
 * `predictions`; other layers have the names that a fresh Keras session gives. Images of any size from 75x75; its
 * published top is for 299x299.
 *
 * C. Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning", AAAI 2017.
 */
export const inceptionResNetV2: Backbone = kerasApplication({
  name: "inceptionresnetv2",
  modelName: "inception_resnet_v2",
  size,
  minimumSize: 75,
  preprocess: "tf",
  layer: "conv_7b_ac",
  build: (graph, includeTop) => {
    let x = mixed5b(graph, inceptionStem(graph));
    for (let at = 1; at <= 10; at++) x = activeBlock(graph, x, block35, at);
    x = mixed6a(graph, x);
    for (let at = 1; at <= 20; at++) x = activeBlock(graph, x, block17, at);
    x = mixed7a(graph, x);
    for (let at = 1; at <= 9; at++) x = activeBlock(graph, x, block8, at);
    x = residualBlock(graph, x, { ...block8, scale: 1 }, 10);
    x = graph.conv2D(x, 1536, 1, { padding: "same", useBias: false, name: "conv_7b" });
    x = graph.batchNormalization(x, { scale: false, name: "conv_7b_bn" });
    x = graph.activation(x, "relu", { name: "conv_7b_ac" });
    return includeTop ? averageClassifier(graph, x, "avg_pool") : x;
  },
  weightsFile: publishedPair(
    { folder: "inception_resnet_v2", stem: "inception_resnet_v2", size },
    {
      top: { hash: "e693bd0210a403b3192acc6073ad2e96" },
      noTop: { hash: "d19885ff4a710c122648d3b5c3b684e4" },
    },
  ),
});

function activeBlock(graph: GraphBuilder, input: string, kind: BlockKind, at: number): string {
  return graph.activation(residualBlock(graph, input, kind, at), "relu", { name: `${kind.name}_${at}_ac` });
}

function residualBlock(graph: GraphBuilder, input: string, kind: BlockKind, at: number): string {
  const name = `${kind.name}_${at}`;
  const branches = kind.branches.map((branch) => inceptionChain(graph, input, branch));
  const mixed = graph.concatenate(branches, { name: `${name}_mixed` });
  const up = graph.conv2D(mixed, graph.channelsOf(input), 1, { padding: "same", name: `${name}_conv` });
  return graph.add("CustomScaleLayer", [input, up], { scale: kind.scale });
}

const shrinking = { padding: "valid", strides: 2 } as const;

function mixed5b(graph: GraphBuilder, from: string): string {
  const branches = [
    inceptionChain(graph, from, [[96, 1]]),
    inceptionChain(graph, from, [
      [48, 1],
      [64, 5],
    ]),
    inceptionChain(graph, from, [
      [64, 1],
      [96, 3],
      [96, 3],
    ]),
    inceptionPool(graph, from, 64),
  ];
  return graph.concatenate(branches, { name: "mixed_5b" });
}

function mixed6a(graph: GraphBuilder, from: string): string {
  const single = inceptionConvolution(graph, from, 384, 3, shrinking);
  const double = inceptionChain(graph, from, [
    [256, 1],
    [256, 3],
  ]);
  const branches = [
    single,
    inceptionConvolution(graph, double, 384, 3, shrinking),
    graph.maxPooling2D(from, 3, { strides: 2 }),
  ];
  return graph.concatenate(branches, { name: "mixed_6a" });
}

function mixed7a(graph: GraphBuilder, from: string): string {
  const shrunk = (convolutions: Branch, filters: number): string =>
    inceptionConvolution(graph, inceptionChain(graph, from, convolutions), filters, 3, shrinking);
  const branches = [
    shrunk([[256, 1]], 384),
    shrunk([[256, 1]], 288),
    shrunk(
      [
        [256, 1],
        [288, 3],
      ],
      320,
    ),
    graph.maxPooling2D(from, 3, { strides: 2 }),
  ];
  return graph.concatenate(branches, { name: "mixed_7a" });
}
