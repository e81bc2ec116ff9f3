import type { Backbone } from "./backbone.js";
import type { GraphBuilder } from "./graph-builder.js";
import { kerasApplication } from "./keras-application.js";
import { isSquareOf, kerasApplicationsUrl, type PublishedPair, publishedFile } from "./published-weights.js";

const size = 224;

const epsilon = 1e-6;

/** Of ImageNet's training pictures: red, green, blue. */
const statistics = {
  mean: [0.485 * 255, 0.456 * 255, 0.406 * 255],
  variance: [(0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2],
};

interface Variant {
  /** Blocks of each of the four stages, and their filters. */
  readonly stages: readonly (readonly [blocks: number, filters: number])[];
  readonly published: PublishedPair;
}

/**
 * ConvNeXt tiny: depthwise 7x7 convolutions and dense layers over the channels of each pixel. 27,820,128 parameters
 * without top, 28,589,128 with it. Takes pixels 0..255 as they are: it normalizes them itself. Layers are named as in
 * Keras: `convnext_tiny_stem_conv`, `convnext_tiny_stage_0_block_0_depthwise_conv`, ... `layer_normalization`; with top,
 * `convnext_tiny_head_gap`, ... `convnext_tiny_head_dense`. The small models that Keras has for the stem and between the
 * stages are not models of their own here. Images of any size from 32x32; its published top is for 224x224.
 *
 * Z. Liu et al., "A ConvNet for the 2020s", CVPR 2022.
 */
export const convnextTiny: Backbone = convnext("tiny", {
  stages: [
    [3, 96],
    [3, 192],
    [9, 384],
    [3, 768],
  ],
  published: {
    top: { hash: "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff" },
    noTop: { hash: "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1" },
  },
});

/** ConvNeXt small: as {@link convnextTiny}, deeper. 49,454,688 parameters without top, 50,223,688 with it. */
export const convnextSmall: Backbone = convnext("small", {
  stages: [
    [3, 96],
    [3, 192],
    [27, 384],
    [3, 768],
  ],
  published: {
    top: { hash: "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c" },
    noTop: { hash: "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab" },
  },
});

/** ConvNeXt base: as {@link convnextTiny}, deeper and wider. 87,566,464 parameters without top, 88,591,464 with it. */
export const convnextBase: Backbone = convnext("base", {
  stages: [
    [3, 128],
    [3, 256],
    [27, 512],
    [3, 1024],
  ],
  published: {
    top: { hash: "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6" },
    noTop: { hash: "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45" },
  },
});

function convnext(variant: string, { stages, published }: Variant): Backbone {
  const modelName = `convnext_${variant}`;
  return kerasApplication({
    name: `convnext${variant}`,
    modelName,
    size,
    preprocess: "none",
    layer: "layer_normalization",
    build: (graph, includeTop) => {
      let x = graph.normalization(graph.input, statistics, { name: `${modelName}_prestem_normalization` });
      for (const [stage, [blocks, filters]] of stages.entries()) {
        x = stage === 0 ? stem(graph, x, filters, modelName) : downsampled(graph, x, filters, modelName, stage - 1);
        for (let at = 0; at < blocks; at++) x = block(graph, x, filters, `${modelName}_stage_${stage}_block_${at}`);
      }
      return includeTop ? classifier(graph, x, `${modelName}_head`) : graph.layerNormalization(x, epsilon);
    },
    weightsFile: ({ includeTop, imageSize }) => {
      if (includeTop && !isSquareOf(size, imageSize)) return undefined;
      const fileName = `${modelName}${includeTop ? "" : "_notop"}.h5`;
      const url = `${kerasApplicationsUrl}convnext/${fileName}`;
      return publishedFile(url, fileName, includeTop ? published.top : published.noTop);
    },
  });
}

function stem(graph: GraphBuilder, from: string, filters: number, prefix: string): string {
  const x = graph.conv2D(from, filters, 4, { strides: 4, name: `${prefix}_stem_conv` });
  return graph.layerNormalization(x, epsilon, { name: `${prefix}_stem_layernorm` });
}

function downsampled(graph: GraphBuilder, from: string, filters: number, prefix: string, at: number): string {
  const x = graph.layerNormalization(from, epsilon, { name: `${prefix}_downsampling_layernorm_${at}` });
  return graph.conv2D(x, filters, 2, { strides: 2, name: `${prefix}_downsampling_conv_${at}` });
}

function block(graph: GraphBuilder, input: string, filters: number, name: string): string {
  const depthwise = { padding: "same", groups: filters, name: `${name}_depthwise_conv` } as const;
  let x = graph.conv2D(input, filters, 7, depthwise);
  x = graph.layerNormalization(x, epsilon, { name: `${name}_layernorm` });
  x = graph.dense(x, 4 * filters, { name: `${name}_pointwise_conv_1` });
  x = graph.activation(x, "gelu", { name: `${name}_gelu` });
  x = graph.dense(x, filters, { name: `${name}_pointwise_conv_2` });
  x = graph.add("LayerScale", [x], { initValues: 1e-6, projectionDim: filters }, `${name}_layer_scale`);
  x = graph.activation(x, "linear", { name: `${name}_identity` });
  return graph.sum([input, x]);
}

function classifier(graph: GraphBuilder, features: string, prefix: string): string {
  let x = graph.globalAveragePooling2D(features, { name: `${prefix}_gap` });
  x = graph.layerNormalization(x, epsilon, { name: `${prefix}_layernorm` });
  return graph.dense(x, 1000, { activation: "softmax", name: `${prefix}_dense` });
}
