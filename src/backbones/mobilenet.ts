import { InvalidArgumentError } from "../errors.js";
import { checkOptions } from "../options/check-options.js";
import type { Backbone, TopologyOptions, WeightsFile } from "./backbone.js";
import type { GraphBuilder } from "./graph-builder.js";
import { kerasApplication } from "./keras-application.js";
import { kerasApplicationsUrl } from "./published-weights.js";

/** Widths that weights are published for: the share of filters of the full network in each layer. */
export type MobileNetAlpha = 0.25 | 0.5 | 0.75 | 1;

/** Filters at full width and stride of each of the 13 depthwise separable blocks. */
const blocks: readonly (readonly [filters: number, stride: 1 | 2])[] = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
];

/** How weights files spell each width. */
const alphaNames: Readonly<Record<MobileNetAlpha, string>> = { 0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1: "1_0" };

const belowAndRight = [
  [0, 1],
  [0, 1],
] as const;

const publishedSizes: readonly number[] = [128, 160, 192, 224];

/**
 * MobileNet (version 1): depthwise separable convolutions, small and fast. Layers are named as in Keras: `conv1`,
 * `conv_dw_1`, `conv_pw_1`, ... `conv_pw_13_relu`, then `global_average_pooling2d`, `dropout`, `conv_preds`, `reshape_2`,
 * `predictions`. Images of any size from 32x32, also with top; weights are published for squares of 128, 160, 192 and
 * 224, and those of 224 serve every other size without top.
 *
 * Keras publishes no hash of these files, so a download can only be checked for its length.
 *
 * A. Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017.
 *
 * @param options.alpha width: 0.25, 0.5, 0.75 or 1 (default)
 * @throws InvalidArgumentError for another width
 *
 * @example
 * const extractor = await FeatureExtractor.create({ backbone: mobilenet({ alpha: 0.25 }) });
 */
export function mobilenet(options: { readonly alpha?: MobileNetAlpha } = {}): Backbone {
  checkOptions("mobilenet", options, { alpha: true });
  const { alpha = 1 } = options;
  if (typeof alpha !== "number" || !(alpha in alphaNames)) {
    throw new InvalidArgumentError(`\`alpha\` is ${alpha}: expected 0.25, 0.5, 0.75 or 1.`);
  }
  return kerasApplication({
    name: "mobilenet",
    modelName: ([height]) => `mobilenet_${alpha.toFixed(2)}_${height}`,
    size: 224,
    preprocess: "tf",
    layer: "conv_pw_13_relu",
    build: (graph, includeTop) => buildMobilenet(graph, alpha, includeTop),
    weightsFile: (wanted) => mobilenetWeightsFile(alpha, wanted),
  });
}

function buildMobilenet(graph: GraphBuilder, alpha: MobileNetAlpha, includeTop: boolean): string {
  const normalized = (from: string, name: string): string => {
    const x = graph.batchNormalization(from, { name: `${name}_bn` });
    return graph.reLU(x, { maxValue: 6, name: `${name}_relu` });
  };
  const stemFilters = Math.trunc(32 * alpha);
  const stem = { strides: 2, padding: "same", useBias: false, name: "conv1" } as const;
  let x = normalized(graph.conv2D(graph.input, stemFilters, 3, stem), "conv1");
  for (const [index, [filters, strides]] of blocks.entries()) {
    const block = index + 1;
    const depthwise = `conv_dw_${block}`;
    const pointwise = `conv_pw_${block}`;
    // Not `padForStride2`: this network pads below and right at odd sizes too.
    if (strides === 2) x = graph.zeroPadding2D(x, belowAndRight, { name: `conv_pad_${block}` });
    const padding = strides === 1 ? "same" : "valid";
    x = normalized(graph.depthwiseConv2D(x, 3, { strides, padding, useBias: false, name: depthwise }), depthwise);
    const width = Math.trunc(filters * alpha);
    x = normalized(graph.conv2D(x, width, 1, { padding: "same", useBias: false, name: pointwise }), pointwise);
  }
  if (!includeTop) return x;
  x = graph.globalAveragePooling2D(x, { keepdims: true });
  x = graph.dropout(x, 1e-3, { name: "dropout" });
  x = graph.conv2D(x, 1000, 1, { padding: "same", name: "conv_preds" });
  x = graph.reshape(x, [1000], { name: "reshape_2" });
  return graph.activation(x, "softmax", { name: "predictions" });
}

function publishedRows(height: number, width: number): number | undefined {
  return height === width && publishedSizes.includes(height) ? height : undefined;
}

function mobilenetWeightsFile(
  alpha: MobileNetAlpha,
  { includeTop, imageSize: [height, width] }: TopologyOptions,
): WeightsFile | undefined {
  const rows = publishedRows(height, width);
  if (includeTop && rows === undefined) return undefined;
  const fileName = `mobilenet_${alphaNames[alpha]}_${rows ?? 224}_tf${includeTop ? "" : "_no_top"}.h5`;
  return { url: `${kerasApplicationsUrl}mobilenet/${fileName}`, fileName };
}
