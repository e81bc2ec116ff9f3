import { InvalidArgumentError } from "../errors.js";
import type { Layer, Size2D } from "../network/layer.js";
import type { Topology } from "../network/network.js";
import type { Backbone, TopologyOptions, WeightsFile } from "./backbone.js";
import { checkImageSize } from "./image-size.js";
import { kerasApplicationsUrl } from "./weights-url.js";

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
  const { alpha = 1 } = options;
  if (!(alpha in alphaNames)) {
    throw new InvalidArgumentError(`\`alpha\` is ${alpha}: expected 0.25, 0.5, 0.75 or 1.`);
  }
  const sizes = { name: "mobilenet", imageSize: [224, 224], minimumSize: 32 } as const;
  return {
    ...sizes,
    preprocess: "tf",
    layer: "conv_pw_13_relu",
    topology: ({ includeTop, imageSize }) => mobilenetTopology(alpha, checkImageSize(sizes, imageSize), includeTop),
    weightsFile: (wanted) => mobilenetWeightsFile(alpha, wanted),
  };
}

function mobilenetTopology(
  alpha: MobileNetAlpha,
  [height, width]: readonly [number, number],
  includeTop: boolean,
): Topology {
  const input = "input_layer";
  const layers: Layer[] = [
    { className: "InputLayer", name: input, inputs: [], config: { shape: [height, width, 3], dtype: "float32" } },
  ];
  let previous = input;
  const add = (layer: Layer): void => {
    layers.push(layer);
    previous = layer.name;
  };
  const convolution = (name: string, filters: number, kernelSize: Size2D, strides: Size2D, useBias: boolean): void =>
    add({
      className: "Conv2D",
      name,
      inputs: [previous],
      config: {
        filters,
        kernelSize,
        strides,
        padding: "same",
        dilationRate: [1, 1],
        groups: 1,
        useBias,
        activation: "linear",
      },
    });
  const normalized = (name: string): void => {
    add({
      className: "BatchNormalization",
      name: `${name}_bn`,
      inputs: [previous],
      config: { epsilon: 1e-3, momentum: 0.99, scale: true, center: true },
    });
    add({
      className: "ReLU",
      name: `${name}_relu`,
      inputs: [previous],
      config: { maxValue: 6, negativeSlope: 0, threshold: 0 },
    });
  };

  convolution("conv1", Math.trunc(32 * alpha), [3, 3], [2, 2], false);
  normalized("conv1");
  for (const [index, [filters, stride]] of blocks.entries()) {
    const block = index + 1;
    if (stride === 2) {
      const padding = [
        [0, 1],
        [0, 1],
      ] as const;
      add({ className: "ZeroPadding2D", name: `conv_pad_${block}`, inputs: [previous], config: { padding } });
    }
    add({
      className: "DepthwiseConv2D",
      name: `conv_dw_${block}`,
      inputs: [previous],
      config: {
        depthMultiplier: 1,
        kernelSize: [3, 3],
        strides: [stride, stride],
        padding: stride === 1 ? "same" : "valid",
        dilationRate: [1, 1],
        useBias: false,
        activation: "linear",
      },
    });
    normalized(`conv_dw_${block}`);
    convolution(`conv_pw_${block}`, Math.trunc(filters * alpha), [1, 1], [1, 1], false);
    normalized(`conv_pw_${block}`);
  }
  if (includeTop) {
    const average = "global_average_pooling2d";
    add({ className: "GlobalAveragePooling2D", name: average, inputs: [previous], config: { keepdims: true } });
    add({ className: "Dropout", name: "dropout", inputs: [previous], config: { rate: 1e-3 } });
    convolution("conv_preds", 1000, [1, 1], [1, 1], true);
    add({ className: "Reshape", name: "reshape_2", inputs: [previous], config: { targetShape: [1000] } });
    add({ className: "Activation", name: "predictions", inputs: [previous], config: { activation: "softmax" } });
  }
  return { name: `mobilenet_${alpha.toFixed(2)}_${height}`, layers, inputs: [input], outputs: [previous] };
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
