import { InvalidArgumentError } from "../errors.js";
import { checkOptions } from "../options/check-options.js";
import type { Backbone, TopologyOptions, WeightsFile } from "./backbone.js";
import { divisibleBy8 } from "./divisible-by-8.js";
import type { GraphBuilder } from "./graph-builder.js";
import { averageClassifier, kerasApplication } from "./keras-application.js";
import { isSquareOf, kerasApplicationsUrl } from "./published-weights.js";

/** Widths that weights are published for: the share of filters of the full network in each layer. */
export type MobileNetV2Alpha = 0.35 | 0.5 | 0.75 | 1 | 1.3 | 1.4;

const alphas: readonly MobileNetV2Alpha[] = [0.35, 0.5, 0.75, 1, 1.3, 1.4];

/** Groups of blocks: filters at full width, stride of the group's first block, number of blocks. */
const groups: readonly (readonly [filters: number, strides: 1 | 2, blocks: number])[] = [
  [16, 1, 1],
  [24, 2, 2],
  [32, 2, 3],
  [64, 2, 4],
  [96, 1, 3],
  [160, 2, 3],
  [320, 1, 1],
];

/** How much wider a block is inside than outside. */
const expansion = 6;

const publishedSizes: readonly number[] = [96, 128, 160, 192, 224];

/**
 * MobileNetV2: inverted residual blocks, small and fast. At full width 2,257,984 parameters without top, 3,538,984 with
 * it. Layers are named as in Keras: `Conv1`, `expanded_conv_depthwise`, `block_1_expand`, ... `out_relu`, then
 * `global_average_pooling2d`, `predictions`. Images of any size from 32x32, also with top; weights are published for
 * squares of 96, 128, 160, 192 and 224, and those of 224 serve every other size without top.
 *
 * Keras publishes no hash of these files, so a download can only be checked for its length.
 *
 * M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
 *
 * @param options.alpha width: 0.35, 0.5, 0.75, 1 (default), 1.3 or 1.4
 * @throws InvalidArgumentError for another width
 *
 * @example
 * const extractor = await FeatureExtractor.create({ backbone: mobilenetV2({ alpha: 0.35 }) });
 */
export function mobilenetV2(options: { readonly alpha?: MobileNetV2Alpha } = {}): Backbone {
  checkOptions("mobilenetV2", options, { alpha: true });
  const { alpha = 1 } = options;
  if (!alphas.includes(alpha)) {
    throw new InvalidArgumentError(`\`alpha\` is ${alpha}: expected 0.35, 0.5, 0.75, 1, 1.3 or 1.4.`);
  }
  return kerasApplication({
    name: "mobilenetv2",
    modelName: ([height]) => `mobilenetv2_${alpha.toFixed(2)}_${height}`,
    size: 224,
    preprocess: "tf",
    layer: "out_relu",
    build: (graph, includeTop) => buildMobilenetV2(graph, alpha, includeTop),
    weightsFile: (wanted) => mobilenetV2WeightsFile(alpha, wanted),
  });
}

function buildMobilenetV2(graph: GraphBuilder, alpha: number, includeTop: boolean): string {
  const stem = { strides: 2, padding: "same", useBias: false, name: "Conv1" } as const;
  let x = graph.conv2D(graph.input, divisibleBy8(32 * alpha), 3, stem);
  x = normalized(graph, x, "bn_Conv1");
  x = graph.reLU(x, { maxValue: 6, name: "Conv1_relu" });
  let id = 0;
  for (const [filters, strides, blocks] of groups) {
    const width = divisibleBy8(Math.trunc(filters * alpha));
    for (let block = 0; block < blocks; block++) {
      x = invertedResidual(graph, x, { filters: width, strides: block === 0 ? strides : 1, id });
      id++;
    }
  }
  // Narrow networks keep the last layer of the full one, as the paper says.
  x = graph.conv2D(x, alpha > 1 ? divisibleBy8(1280 * alpha) : 1280, 1, { useBias: false, name: "Conv_1" });
  x = normalized(graph, x, "Conv_1_bn");
  x = graph.reLU(x, { maxValue: 6, name: "out_relu" });
  return includeTop ? averageClassifier(graph, x) : x;
}

function invertedResidual(
  graph: GraphBuilder,
  input: string,
  { filters, strides, id }: { readonly filters: number; readonly strides: number; readonly id: number },
): string {
  const prefix = id === 0 ? "expanded_conv" : `block_${id}`;
  const channels = graph.channelsOf(input);
  let x = input;
  if (id > 0) {
    const name = `${prefix}_expand`;
    x = graph.conv2D(x, expansion * channels, 1, { padding: "same", useBias: false, name });
    x = normalized(graph, x, `${name}_BN`);
    x = graph.reLU(x, { maxValue: 6, name: `${name}_relu` });
  }
  if (strides === 2) x = graph.padForStride2(x, 3, { name: `${prefix}_pad` });
  const name = `${prefix}_depthwise`;
  x = graph.depthwiseConv2D(x, 3, { strides, padding: strides === 1 ? "same" : "valid", useBias: false, name });
  x = normalized(graph, x, `${name}_BN`);
  x = graph.reLU(x, { maxValue: 6, name: `${name}_relu` });
  x = graph.conv2D(x, filters, 1, { padding: "same", useBias: false, name: `${prefix}_project` });
  x = normalized(graph, x, `${prefix}_project_BN`);
  return channels === filters && strides === 1 ? graph.sum([input, x], { name: `${prefix}_add` }) : x;
}

function normalized(graph: GraphBuilder, from: string, name: string): string {
  return graph.batchNormalization(from, { momentum: 0.999, name });
}

function mobilenetV2WeightsFile(
  alpha: MobileNetV2Alpha,
  { includeTop, imageSize }: TopologyOptions,
): WeightsFile | undefined {
  const rows = publishedSizes.find((size) => isSquareOf(size, imageSize));
  if (includeTop && rows === undefined) return undefined;
  // Python writes a whole number as 1.0.
  const width = Number.isInteger(alpha) ? alpha.toFixed(1) : String(alpha);
  const fileName = `mobilenet_v2_weights_tf_dim_ordering_tf_kernels_${width}_${rows ?? 224}${includeTop ? "" : "_no_top"}.h5`;
  return { url: `${kerasApplicationsUrl}mobilenet_v2/${fileName}`, fileName };
}
