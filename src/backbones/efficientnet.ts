import type { Backbone } from "./backbone.js";
import { divisibleBy8 } from "./divisible-by-8.js";
import { type BlockShape, type BlockStyle, blockPrefix, efficientnetTop, mobileBlock } from "./efficientnet-blocks.js";
import type { GraphBuilder } from "./graph-builder.js";
import { kerasApplication } from "./keras-application.js";
import { isSquareOf, type PublishedPair, publishedFile } from "./published-weights.js";

/** Weights of this family are published beside those of the others. */
const weightsUrl = "https://storage.googleapis.com/keras-applications/";

/** Seven stages: their first block, and the number of blocks of EfficientNetB0. */
const stages: readonly (readonly [
  kernelSize: 3 | 5,
  blocks: number,
  filters: number,
  expansion: number,
  strides: 1 | 2,
])[] = [
  [3, 1, 16, 1, 1],
  [3, 2, 24, 6, 2],
  [5, 2, 40, 6, 2],
  [3, 3, 80, 6, 2],
  [5, 3, 112, 6, 1],
  [5, 4, 192, 6, 2],
  [3, 1, 320, 6, 1],
];

const momentum = 0.99;

const style: BlockStyle = {
  momentum,
  depthwise(graph, from, { kernelSize, strides }, prefix) {
    const padded = strides === 2 ? graph.padForStride2(from, kernelSize, { name: `${prefix}dwconv_pad` }) : from;
    const padding = strides === 2 ? "valid" : "same";
    return graph.depthwiseConv2D(padded, kernelSize, { strides, padding, useBias: false, name: `${prefix}dwconv` });
  },
};

/** Standard deviations of ImageNet's training pictures scaled to 0..1: red, green, blue. */
const deviations = [0.229, 0.224, 0.225];

interface Scale {
  readonly width: number;
  readonly depth: number;
  readonly size: number;
  readonly dropout: number;
}

/**
 * EfficientNetB0: inverted residual blocks with squeeze-and-excite. 4,049,571 parameters without top, 5,330,571 with it
 * (7 of them are the statistics that it normalizes pixels with). Takes pixels 0..255 as they are: it scales them itself.
 * Layers are named as in Keras: `stem_conv`, `block1a_dwconv`, ... `top_activation`, then `avg_pool`, `top_dropout`,
 * `predictions`. Images of any size from 32x32; its published top is for 224x224.
 *
 * The graph is the one that Keras builds for its ImageNet weights, which has one Rescaling more than the one it builds
 * without weights.
 *
 * M. Tan, Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019.
 */
export const efficientnetB0: Backbone = efficientnet(
  "b0",
  { width: 1, depth: 1, size: 224, dropout: 0.2 },
  {
    top: { hash: "902e53a9f72be733fc0bcb005b3ebbac" },
    noTop: { hash: "50bc09e76180e00e4465e1a485ddc09d" },
  },
);

/** EfficientNetB1, for 240x240: as {@link efficientnetB0}, deeper. 6,575,239 parameters without top, 7,856,239 with it. */
export const efficientnetB1: Backbone = efficientnet(
  "b1",
  { width: 1, depth: 1.1, size: 240, dropout: 0.2 },
  {
    top: { hash: "1d254153d4ab51201f1646940f018540" },
    noTop: { hash: "74c4e6b3e1f6a1eea24c589628592432" },
  },
);

/** EfficientNetB2, for 260x260: as {@link efficientnetB0}, scaled up. 7,768,569 parameters without top, 9,177,569 with it. */
export const efficientnetB2: Backbone = efficientnet(
  "b2",
  { width: 1.1, depth: 1.2, size: 260, dropout: 0.3 },
  {
    top: { hash: "b15cce36ff4dcbd00b6dd88e7857a6ad" },
    noTop: { hash: "111f8e2ac8aa800a7a99e3239f7bfb39" },
  },
);

/** EfficientNetB3, for 300x300: as {@link efficientnetB0}, scaled up. 10,783,535 parameters without top, 12,320,535 with it. */
export const efficientnetB3: Backbone = efficientnet(
  "b3",
  { width: 1.2, depth: 1.4, size: 300, dropout: 0.3 },
  {
    top: { hash: "ffd1fdc53d0ce67064dc6a9c7960ede0" },
    noTop: { hash: "af6d107764bb5b1abb91932881670226" },
  },
);

/** EfficientNetB4, for 380x380: as {@link efficientnetB0}, scaled up. 17,673,823 parameters without top, 19,466,823 with it. */
export const efficientnetB4: Backbone = efficientnet(
  "b4",
  { width: 1.4, depth: 1.8, size: 380, dropout: 0.4 },
  {
    top: { hash: "18c95ad55216b8f92d7e70b3a046e2fc" },
    noTop: { hash: "ebc24e6d6c33eaebbd558eafbeedf1ba" },
  },
);

/** EfficientNetB5, for 456x456: as {@link efficientnetB0}, scaled up. 28,513,527 parameters without top, 30,562,527 with it. */
export const efficientnetB5: Backbone = efficientnet(
  "b5",
  { width: 1.6, depth: 2.2, size: 456, dropout: 0.4 },
  {
    top: { hash: "ace28f2a6363774853a83a0b21b9421a" },
    noTop: { hash: "38879255a25d3c92d5e44e04ae6cec6f" },
  },
);

/** EfficientNetB6, for 528x528: as {@link efficientnetB0}, scaled up. 40,960,143 parameters without top, 43,265,143 with it. */
export const efficientnetB6: Backbone = efficientnet(
  "b6",
  { width: 1.8, depth: 2.6, size: 528, dropout: 0.5 },
  {
    top: { hash: "165f6e37dce68623721b423839de8be5" },
    noTop: { hash: "9ecce42647a20130c1f39a5d4cb75743" },
  },
);

/** EfficientNetB7, for 600x600: as {@link efficientnetB0}, scaled up. 64,097,687 parameters without top, 66,658,687 with it. */
export const efficientnetB7: Backbone = efficientnet(
  "b7",
  { width: 2, depth: 3.1, size: 600, dropout: 0.5 },
  {
    top: { hash: "8c03f828fec3ef71311cd463b6759d99" },
    noTop: { hash: "cbcfe4450ddf6f3ad90b1b398090fe4a" },
  },
);

function efficientnet(variant: string, scale: Scale, published: PublishedPair): Backbone {
  const name = `efficientnet${variant}`;
  return kerasApplication({
    name,
    size: scale.size,
    preprocess: "none",
    layer: "top_activation",
    build: (graph, includeTop) => {
      const x = buildBlocks(graph, buildStem(graph, scale), scale);
      const filters = divisibleBy8(1280 * scale.width);
      return efficientnetTop(graph, x, { filters, momentum, dropout: scale.dropout, includeTop });
    },
    weightsFile: ({ includeTop, imageSize }) => {
      if (includeTop && !isSquareOf(scale.size, imageSize)) return undefined;
      const fileName = `${name}${includeTop ? "" : "_notop"}.h5`;
      return publishedFile(`${weightsUrl}${fileName}`, fileName, includeTop ? published.top : published.noTop);
    },
  });
}

function buildStem(graph: GraphBuilder, { width }: Scale): string {
  let x = graph.rescaling(graph.input, 1 / 255, 0);
  x = graph.normalization(x, null);
  // The weights were trained with pixels divided by the variance: what the layer before divides by is its root.
  x = graph.rescaling(
    x,
    deviations.map((deviation) => 1 / Math.sqrt(deviation)),
    0,
  );
  x = graph.padForStride2(x, 3, { name: "stem_conv_pad" });
  x = graph.conv2D(x, divisibleBy8(32 * width), 3, { strides: 2, useBias: false, name: "stem_conv" });
  x = graph.batchNormalization(x, { momentum, name: "stem_bn" });
  return graph.activation(x, "silu", { name: "stem_activation" });
}

function buildBlocks(graph: GraphBuilder, stem: string, { width, depth }: Scale): string {
  const repeats = (blocks: number): number => Math.ceil(depth * blocks);
  const total = stages.reduce((sum, [, blocks]) => sum + repeats(blocks), 0);
  let x = stem;
  let before = 0;
  for (const [stage, [kernelSize, blocks, filters, expansion, strides]] of stages.entries()) {
    const first: BlockShape = { kernelSize, filters: divisibleBy8(filters * width), expansion, strides };
    for (let at = 0; at < repeats(blocks); at++) {
      const block = at === 0 ? first : { ...first, strides: 1 };
      x = mobileBlock(graph, x, { block, style, prefix: blockPrefix(stage, at), depth: before / total });
      before++;
    }
  }
  return x;
}
