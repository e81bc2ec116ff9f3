import type { Backbone } from "./backbone.js";
import {
  type BlockShape,
  type BlockStyle,
  blockPrefix,
  efficientnetTop,
  fusedBlock,
  mobileBlock,
} from "./efficientnet-blocks.js";
import type { GraphBuilder } from "./graph-builder.js";
import { kerasApplication } from "./keras-application.js";
import { isSquareOf, kerasApplicationsUrl, type PublishedPair, publishedFile } from "./published-weights.js";

/** A stage: kind and number of its blocks, and the first of them. All windows are 3x3. */
type Stage = readonly [kind: "fused" | "mobile", blocks: number, filters: number, expansion: number, strides: 1 | 2];

const stagesB: readonly Stage[] = [
  ["fused", 1, 16, 1, 1],
  ["fused", 2, 32, 4, 2],
  ["fused", 2, 48, 4, 2],
  ["mobile", 3, 96, 4, 2],
  ["mobile", 5, 112, 6, 1],
  ["mobile", 8, 192, 6, 2],
];

const stagesS: readonly Stage[] = [
  ["fused", 2, 24, 1, 1],
  ["fused", 4, 48, 4, 2],
  ["fused", 4, 64, 4, 2],
  ["mobile", 6, 128, 4, 2],
  ["mobile", 9, 160, 6, 1],
  ["mobile", 15, 256, 6, 2],
];

const stagesM: readonly Stage[] = [
  ["fused", 3, 24, 1, 1],
  ["fused", 5, 48, 4, 2],
  ["fused", 5, 80, 4, 2],
  ["mobile", 7, 160, 4, 2],
  ["mobile", 14, 176, 6, 1],
  ["mobile", 18, 304, 6, 2],
  ["mobile", 5, 512, 6, 1],
];

const stagesL: readonly Stage[] = [
  ["fused", 4, 32, 1, 1],
  ["fused", 7, 64, 4, 2],
  ["fused", 7, 96, 4, 2],
  ["mobile", 10, 192, 4, 2],
  ["mobile", 19, 224, 6, 1],
  ["mobile", 25, 384, 6, 2],
  ["mobile", 7, 640, 6, 1],
];

const momentum = 0.9;

const style: BlockStyle = {
  momentum,
  depthwise: (graph, from, { kernelSize, strides }, prefix) =>
    graph.depthwiseConv2D(from, kernelSize, { strides, padding: "same", useBias: false, name: `${prefix}dwconv2` }),
};

/** Of ImageNet's training pictures scaled to 0..1: red, green, blue. */
const statistics = { mean: [0.485, 0.456, 0.406], variance: [0.229 ** 2, 0.224 ** 2, 0.225 ** 2] };

interface Variant {
  readonly stages: readonly Stage[];
  /** Filters of the first convolution, before they are scaled. */
  readonly stem: number;
  readonly width: number;
  readonly depth: number;
  readonly size: number;
  /** How pixels are prepared: scaled to -1..1 by 128, or by ImageNet's statistics. */
  readonly pixels: "scaled" | "normalized";
}

/**
 * EfficientNetV2B0: as EfficientNet, whose first blocks have one convolution in place of two. 5,919,312 parameters without
 * top, 7,200,312 with it. Takes pixels 0..255 as they are: it scales them itself. Layers are named as in Keras:
 * `stem_conv`, `block1a_project_conv`, ... `top_activation`, then `avg_pool`, `top_dropout`, `predictions`. Images of any
 * size from 32x32; its published top is for 224x224.
 *
 * M. Tan, Q. Le, "EfficientNetV2: Smaller Models and Faster Training", ICML 2021.
 */
export const efficientnetV2B0: Backbone = efficientnetV2("b0", scaledB(1, 1, 224), {
  top: { hash: "21ecbf6da12460d5c40bb2f29ceb2188" },
  noTop: { hash: "893217f2bb855e2983157299931e43ff" },
});

/** EfficientNetV2B1, for 240x240: as {@link efficientnetV2B0}, deeper. 6,931,124 parameters without top, 8,212,124 with it. */
export const efficientnetV2B1: Backbone = efficientnetV2("b1", scaledB(1, 1.1, 240), {
  top: { hash: "069f0534ff22adf035c89e2d9547a9dc" },
  noTop: { hash: "0e80663031ca32d657f9caa404b6ec37" },
});

/** EfficientNetV2B2, for 260x260: as {@link efficientnetV2B0}, scaled up. 8,769,374 parameters without top, 10,178,374 with it. */
export const efficientnetV2B2: Backbone = efficientnetV2("b2", scaledB(1.1, 1.2, 260), {
  top: { hash: "424e49f28180edbde1e94797771950a7" },
  noTop: { hash: "1dfe2e7a5d45b6632553a8961ea609eb" },
});

/** EfficientNetV2B3, for 300x300: as {@link efficientnetV2B0}, scaled up. 12,930,622 parameters without top, 14,467,622 with it. */
export const efficientnetV2B3: Backbone = efficientnetV2("b3", scaledB(1.2, 1.4, 300), {
  top: { hash: "1f1fc43bd98a6e4fd8fdfd551e02c7a0" },
  noTop: { hash: "f6abf7b5849ac99a89b50dd3fd532856" },
});

/** EfficientNetV2S, for 384x384: as {@link efficientnetV2B0}, larger. 20,331,360 parameters without top, 21,612,360 with it. */
export const efficientnetV2S: Backbone = efficientnetV2("s", searched(stagesS, 24, 384), {
  top: { hash: "e1d88a8495beba45748fedd0cecbe016" },
  noTop: { hash: "af0682fb74e8c54910f2d4393339c070" },
});

/** EfficientNetV2M, for 480x480: as {@link efficientnetV2B0}, larger. 53,150,388 parameters without top, 54,431,388 with it. */
export const efficientnetV2M: Backbone = efficientnetV2("m", searched(stagesM, 24, 480), {
  top: { hash: "a3bf6aa3276309f4fc6a34aa114c95cd" },
  noTop: { hash: "1b8dc055df72dde80d614482840fe342" },
});

/** EfficientNetV2L, for 480x480: as {@link efficientnetV2B0}, larger. 117,746,848 parameters without top, 119,027,848 with it. */
export const efficientnetV2L: Backbone = efficientnetV2("l", searched(stagesL, 32, 480), {
  top: { hash: "27e6d408b53c7ebc868fefa357689935" },
  noTop: { hash: "b0b66b5c863aef5b46e8608fe1711615" },
});

function scaledB(width: number, depth: number, size: number): Variant {
  return { stages: stagesB, stem: 32, width, depth, size, pixels: "normalized" };
}

function searched(stages: readonly Stage[], stem: number, size: number): Variant {
  return { stages, stem, width: 1, depth: 1, size, pixels: "scaled" };
}

function efficientnetV2(name: string, variant: Variant, published: PublishedPair): Backbone {
  const { width, size } = variant;
  const modelName = `efficientnetv2-${name}`;
  return kerasApplication({
    name: `efficientnetv2${name}`,
    modelName,
    size,
    preprocess: "none",
    layer: "top_activation",
    build: (graph, includeTop) => {
      const x = buildBlocks(graph, buildStem(graph, variant), variant);
      const filters = roundedFilters(1280, width);
      return efficientnetTop(graph, x, { filters, momentum, dropout: 0.2, includeTop });
    },
    weightsFile: ({ includeTop, imageSize }) => {
      if (includeTop && !isSquareOf(size, imageSize)) return undefined;
      const fileName = `${modelName}${includeTop ? "" : "_notop"}.h5`;
      const url = `${kerasApplicationsUrl}efficientnet_v2/${fileName}`;
      return publishedFile(url, fileName, includeTop ? published.top : published.noTop);
    },
  });
}

function buildStem(graph: GraphBuilder, { stem, width, pixels }: Variant): string {
  let x =
    pixels === "normalized"
      ? graph.normalization(graph.rescaling(graph.input, 1 / 255, 0), statistics)
      : graph.rescaling(graph.input, 1 / 128, -1);
  const filters = roundedFilters(stem, width);
  x = graph.conv2D(x, filters, 3, { strides: 2, padding: "same", useBias: false, name: "stem_conv" });
  x = graph.batchNormalization(x, { momentum, name: "stem_bn" });
  return graph.activation(x, "silu", { name: "stem_activation" });
}

function buildBlocks(graph: GraphBuilder, stem: string, { stages, width, depth }: Variant): string {
  // Keras counts the blocks before they are scaled.
  const total = stages.reduce((sum, [, blocks]) => sum + blocks, 0);
  let x = stem;
  let before = 0;
  for (const [stage, [kind, blocks, filters, expansion, strides]] of stages.entries()) {
    const first: BlockShape = { kernelSize: 3, filters: roundedFilters(filters, width), expansion, strides };
    const add = kind === "fused" ? fusedBlock : mobileBlock;
    for (let at = 0; at < Math.ceil(depth * blocks); at++) {
      const block = at === 0 ? first : { ...first, strides: 1 };
      x = add(graph, x, { block, style, prefix: blockPrefix(stage, at), depth: before / total });
      before++;
    }
  }
  return x;
}

/** The nearest multiple of 8, but at least 8: unlike in the first version, it may be much less. */
function roundedFilters(filters: number, width: number): number {
  return Math.max(8, Math.floor(Math.trunc(filters * width + 4) / 8) * 8);
}
