import type { Layer, Size2D } from "../network/layer.js";
import type { Topology } from "../network/network.js";
import type { Backbone, TopologyOptions, WeightsFile } from "./backbone.js";
import { checkImageSize } from "./image-size.js";

/** Squeeze and expand filters of each fire module, by the number in its name. */
const fires: readonly (readonly [fire: number, squeeze: number, expand: number])[] = [
  [2, 16, 64],
  [3, 16, 64],
  [4, 32, 128],
  [5, 32, 128],
  [6, 48, 192],
  [7, 48, 192],
  [8, 64, 256],
  [9, 64, 256],
];

/** The pools stand behind fire modules 3 and 5 in version 1.1. */
const pooledFires: readonly number[] = [3, 5];

const releaseUrl = "https://github.com/rcmalli/keras-squeezenet/releases/download/v1.0/";

const sizes = { name: "squeezenet", imageSize: [227, 227], minimumSize: 48 } as const;

/**
 * SqueezeNet 1.1: fire modules of 1x1 and 3x3 convolutions, 722,496 parameters without top. Not in `keras.applications`;
 * layers are named as in the weights file of R. C. Malli's Keras port, `conv1`, `fire2/squeeze1x1` ... `fire9/concat`, and
 * the weights are of that port. Images of any size from 48x48, also with top (it ends in a global average). Keras 3 itself
 * refuses layer names with a slash.
 *
 * The port publishes no hash. That of the file without top was computed from a copy that gives the known outputs; the
 * file with top can only be checked for its length.
 *
 * F. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", 2016.
 */
export const squeezenet: Backbone = {
  ...sizes,
  preprocess: "caffe",
  layer: "fire9/concat",
  topology: ({ includeTop, imageSize }) => squeezenetTopology(checkImageSize(sizes, imageSize), includeTop),
  weightsFile: squeezenetWeightsFile,
};

function squeezenetTopology([height, width]: readonly [number, number], includeTop: boolean): Topology {
  const input = "input_layer";
  const layers: Layer[] = [
    { className: "InputLayer", name: input, inputs: [], config: { shape: [height, width, 3], dtype: "float32" } },
  ];
  const convolution = (name: string, from: string, filters: number, size: number, strides: Size2D): Layer => ({
    className: "Conv2D",
    name,
    inputs: [from],
    config: {
      filters,
      kernelSize: [size, size],
      strides,
      // Windows of the fire modules keep the size; the first convolution, with stride 2, pads nothing.
      padding: strides[0] === 1 && size > 1 ? "same" : "valid",
      dilationRate: [1, 1],
      groups: 1,
      useBias: true,
      activation: "linear",
    },
  });
  const relu = (name: string, from: string): Layer => ({
    className: "Activation",
    name,
    inputs: [from],
    config: { activation: "relu" },
  });
  const pool = (name: string, from: string): Layer => ({
    className: "MaxPooling2D",
    name,
    inputs: [from],
    config: { poolSize: [3, 3], strides: [2, 2], padding: "valid" },
  });

  layers.push(convolution("conv1", input, 64, 3, [2, 2]), relu("relu_conv1", "conv1"), pool("pool1", "relu_conv1"));
  let previous = "pool1";
  for (const [number, squeeze, expand] of fires) {
    const fire = `fire${number}`;
    layers.push(
      convolution(`${fire}/squeeze1x1`, previous, squeeze, 1, [1, 1]),
      relu(`${fire}/relu_squeeze1x1`, `${fire}/squeeze1x1`),
      convolution(`${fire}/expand1x1`, `${fire}/relu_squeeze1x1`, expand, 1, [1, 1]),
      convolution(`${fire}/expand3x3`, `${fire}/relu_squeeze1x1`, expand, 3, [1, 1]),
      relu(`${fire}/relu_expand1x1`, `${fire}/expand1x1`),
      relu(`${fire}/relu_expand3x3`, `${fire}/expand3x3`),
      {
        className: "Concatenate",
        name: `${fire}/concat`,
        inputs: [`${fire}/relu_expand1x1`, `${fire}/relu_expand3x3`],
        config: { axis: 3 },
      },
    );
    previous = `${fire}/concat`;
    if (pooledFires.includes(number)) {
      layers.push(pool(`pool${number}`, previous));
      previous = `pool${number}`;
    }
  }
  if (includeTop) {
    const average = "global_average_pooling2d";
    layers.push(
      { className: "Dropout", name: "drop9", inputs: [previous], config: { rate: 0.5 } },
      convolution("conv10", "drop9", 1000, 1, [1, 1]),
      relu("relu_conv10", "conv10"),
      { className: "GlobalAveragePooling2D", name: average, inputs: ["relu_conv10"], config: { keepdims: false } },
      { className: "Activation", name: "loss", inputs: [average], config: { activation: "softmax" } },
    );
    previous = "loss";
  }
  return { name: "squeezenet", layers, inputs: [input], outputs: [previous] };
}

function squeezenetWeightsFile({ includeTop }: TopologyOptions): WeightsFile {
  if (includeTop) {
    const fileName = "squeezenet_weights_tf_dim_ordering_tf_kernels.h5";
    return { url: `${releaseUrl}${fileName}`, fileName };
  }
  const fileName = "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5";
  return {
    url: `${releaseUrl}${fileName}`,
    fileName,
    hash: { algorithm: "md5", hex: "80b66c92d79d4310e07fb60a297bf0d1" },
    bytes: 3002560,
  };
}
