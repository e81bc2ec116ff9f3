import { InvalidArgumentError } from "../errors.js";
import type { Activation } from "../network/layer.js";
import { checkOptions } from "../options/check-options.js";
import type { Backbone } from "./backbone.js";
import { divisibleBy8 } from "./divisible-by-8.js";
import type { GraphBuilder } from "./graph-builder.js";
import { kerasApplication } from "./keras-application.js";
import { kerasApplicationsUrl, type PublishedPair, publishedFile } from "./published-weights.js";

/** Widths that weights are published for: the share of filters of the full network in each layer. */
export type MobileNetV3Alpha = 0.75 | 1;

/** An inverted residual block: expansion, filters at full width, size of the window, stride, squeezed or not, activation. */
type Block = readonly [
  expansion: number,
  filters: number,
  kernelSize: 3 | 5,
  strides: 1 | 2,
  squeezed: boolean,
  activation: "relu" | "hard_silu",
];

interface Variant {
  readonly name: string;
  readonly modelName: string;
  /** How names of weights files call it. */
  readonly fileStem: string;
  readonly blocks: readonly Block[];
  /** Filters before the classifier. */
  readonly lastFilters: number;
  readonly layer: string;
  readonly published: Readonly<Record<MobileNetV3Alpha, PublishedPair>>;
}

const small: Variant = {
  name: "mobilenetv3small",
  modelName: "MobileNetV3Small",
  fileStem: "weights_mobilenet_v3_small_224",
  blocks: [
    [1, 16, 3, 2, true, "relu"],
    [72 / 16, 24, 3, 2, false, "relu"],
    [88 / 24, 24, 3, 1, false, "relu"],
    [4, 40, 5, 2, true, "hard_silu"],
    [6, 40, 5, 1, true, "hard_silu"],
    [6, 40, 5, 1, true, "hard_silu"],
    [3, 48, 5, 1, true, "hard_silu"],
    [3, 48, 5, 1, true, "hard_silu"],
    [6, 96, 5, 2, true, "hard_silu"],
    [6, 96, 5, 1, true, "hard_silu"],
    [6, 96, 5, 1, true, "hard_silu"],
  ],
  lastFilters: 1024,
  layer: "activation_17",
  published: {
    0.75: {
      top: { hash: "cb65d4e5be93758266aa0a7f2c6708b7" },
      noTop: { hash: "ebdb5cc8e0b497cd13a7c275d475c819" },
    },
    1: {
      top: { hash: "8768d4c2e7dee89b9d02b2d03d65d862" },
      noTop: { hash: "d3e8ec802a04aa4fc771ee12a9a9b836" },
    },
  },
};

const large: Variant = {
  name: "mobilenetv3large",
  modelName: "MobileNetV3Large",
  fileStem: "weights_mobilenet_v3_large_224",
  blocks: [
    [1, 16, 3, 1, false, "relu"],
    [4, 24, 3, 2, false, "relu"],
    [3, 24, 3, 1, false, "relu"],
    [3, 40, 5, 2, true, "relu"],
    [3, 40, 5, 1, true, "relu"],
    [3, 40, 5, 1, true, "relu"],
    [6, 80, 3, 2, false, "hard_silu"],
    [2.5, 80, 3, 1, false, "hard_silu"],
    [2.3, 80, 3, 1, false, "hard_silu"],
    [2.3, 80, 3, 1, false, "hard_silu"],
    [6, 112, 3, 1, true, "hard_silu"],
    [6, 112, 3, 1, true, "hard_silu"],
    [6, 160, 5, 2, true, "hard_silu"],
    [6, 160, 5, 1, true, "hard_silu"],
    [6, 160, 5, 1, true, "hard_silu"],
  ],
  lastFilters: 1280,
  layer: "activation_19",
  published: {
    0.75: {
      top: { hash: "765b44a33ad4005b3ac83185abf1d0eb" },
      noTop: { hash: "40af19a13ebea4e2ee0c676887f69a2e" },
    },
    1: {
      top: { hash: "59e551e166be033d707958cf9e29a6a7" },
      noTop: { hash: "07fb09a5933dd0c8eaafa16978110389" },
    },
  },
};

/**
 * MobileNetV3 small: inverted residual blocks with squeeze-and-excite, found by search. At full width 939,120 parameters
 * without top, 2,554,968 with it. Takes pixels 0..255 as they are: it scales them itself. Layers are named as in Keras:
 * `conv`, `expanded_conv_depthwise`, ... `conv_1_bn`, then `conv_2`, `logits`, `predictions`; activations have the names
 * that a fresh Keras session gives, and the features are `activation_17`. Images of any size from 32x32, also with top.
 *
 * A. Howard et al., "Searching for MobileNetV3", ICCV 2019.
 *
 * @param options.alpha width: 0.75 or 1 (default)
 * @throws InvalidArgumentError for another width
 */
export function mobilenetV3Small(options: { readonly alpha?: MobileNetV3Alpha } = {}): Backbone {
  checkOptions("mobilenetV3Small", options, { alpha: true });
  return mobilenetV3(small, options.alpha ?? 1);
}

/**
 * MobileNetV3 large: as {@link mobilenetV3Small}, with more and wider blocks. At full width 2,996,352 parameters without
 * top, 5,507,432 with it; the features are `activation_19`.
 *
 * @param options.alpha width: 0.75 or 1 (default)
 * @throws InvalidArgumentError for another width
 */
export function mobilenetV3Large(options: { readonly alpha?: MobileNetV3Alpha } = {}): Backbone {
  checkOptions("mobilenetV3Large", options, { alpha: true });
  return mobilenetV3(large, options.alpha ?? 1);
}

function mobilenetV3(variant: Variant, alpha: MobileNetV3Alpha): Backbone {
  if (alpha !== 0.75 && alpha !== 1) {
    throw new InvalidArgumentError(`\`alpha\` is ${alpha}: expected 0.75 or 1.`);
  }
  return kerasApplication({
    name: variant.name,
    modelName: variant.modelName,
    size: 224,
    preprocess: "none",
    layer: variant.layer,
    build: (graph, includeTop) => {
      const features = buildFeatures(graph, variant, alpha);
      return includeTop ? classifier(graph, features, variant.lastFilters) : features;
    },
    weightsFile: ({ includeTop }) => {
      const { top, noTop } = variant.published[alpha];
      const width = alpha === 1 ? "1.0" : String(alpha);
      const fileName = `${variant.fileStem}_${width}_float${includeTop ? "" : "_no_top_v2"}.h5`;
      return publishedFile(`${kerasApplicationsUrl}mobilenet_v3/${fileName}`, fileName, includeTop ? top : noTop);
    },
  });
}

function buildFeatures(graph: GraphBuilder, { blocks }: Variant, alpha: number): string {
  let x = graph.rescaling(graph.input, 1 / 127.5, -1);
  x = graph.conv2D(x, 16, 3, { strides: 2, padding: "same", useBias: false, name: "conv" });
  x = activated(graph, normalized(graph, x, "conv_bn"), "hard_silu");
  for (const [id, [expansion, filters, kernelSize, strides, squeezed, activation]] of blocks.entries()) {
    const prefix = id === 0 ? "expanded_conv_" : `expanded_conv_${id}_`;
    const width = divisibleBy8(filters * alpha);
    const inner = divisibleBy8(graph.channelsOf(x) * expansion);
    const input = x;
    if (id > 0) {
      x = graph.conv2D(x, inner, 1, { padding: "same", useBias: false, name: `${prefix}expand` });
      x = activated(graph, normalized(graph, x, `${prefix}expand_bn`), activation);
    }
    x = depthwise(graph, x, { kernelSize, strides, name: `${prefix}depthwise` });
    x = activated(graph, x, activation);
    if (squeezed) x = squeezeAndExcite(graph, x, inner, `${prefix}squeeze_excite_`);
    x = graph.conv2D(x, width, 1, { padding: "same", useBias: false, name: `${prefix}project` });
    x = normalized(graph, x, `${prefix}project_bn`);
    if (strides === 1 && graph.channelsOf(input) === width) x = graph.sum([input, x], { name: `${prefix}add` });
  }
  const last = divisibleBy8(graph.channelsOf(x) * 6);
  x = graph.conv2D(x, last, 1, { padding: "same", useBias: false, name: "conv_1" });
  return activated(graph, normalized(graph, x, "conv_1_bn"), "hard_silu");
}

function depthwise(
  graph: GraphBuilder,
  from: string,
  { kernelSize, strides, name }: { readonly kernelSize: number; readonly strides: number; readonly name: string },
): string {
  const padded = strides === 2 ? graph.padForStride2(from, kernelSize, { name: `${name}_pad` }) : from;
  const padding = strides === 1 ? "same" : "valid";
  const x = graph.depthwiseConv2D(padded, kernelSize, { strides, padding, useBias: false, name });
  return normalized(graph, x, `${name}_bn`);
}

function squeezeAndExcite(graph: GraphBuilder, input: string, filters: number, prefix: string): string {
  let x = graph.globalAveragePooling2D(input, { keepdims: true, name: `${prefix}avg_pool` });
  x = graph.conv2D(x, divisibleBy8(filters * 0.25), 1, { padding: "same", name: `${prefix}conv` });
  x = graph.reLU(x, { name: `${prefix}relu` });
  x = graph.conv2D(x, filters, 1, { padding: "same", name: `${prefix}conv_1` });
  // A hard sigmoid. Keras adds and multiplies by operations that are no layers; they have names all the same.
  x = graph.rescaling(x, 1, 3, { name: graph.freeName("Add") });
  x = graph.reLU(x, { maxValue: 6 });
  x = graph.rescaling(x, 1 / 6, 0, { name: graph.freeName("Multiply") });
  return graph.product([input, x], { name: `${prefix}mul` });
}

function classifier(graph: GraphBuilder, features: string, filters: number): string {
  let x = graph.globalAveragePooling2D(features, { keepdims: true });
  x = graph.conv2D(x, filters, 1, { padding: "same", name: "conv_2" });
  x = graph.activation(x, "hard_silu");
  x = graph.dropout(x, 0.2);
  x = graph.conv2D(x, 1000, 1, { padding: "same", name: "logits" });
  return graph.activation(graph.flatten(x), "softmax", { name: "predictions" });
}

function normalized(graph: GraphBuilder, from: string, name: string): string {
  return graph.batchNormalization(from, { momentum: 0.999, name });
}

/** ReLU is a layer of its own kind here, the other one is not. */
function activated(graph: GraphBuilder, from: string, activation: Extract<Activation, "relu" | "hard_silu">): string {
  return activation === "relu" ? graph.reLU(from) : graph.activation(from, activation);
}
