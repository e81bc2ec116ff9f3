import type { Layer, LayerClassName, LayerConfigs } from "../../src/network/layer.js";
import { type AugmentationConfigs, augmentationNames } from "../../src/network/layers/augmentation.js";
import type { Network, Topology } from "../../src/network/network.js";

/** Settings that a test does not care about. */
export const layerDefaults: LayerConfigs = {
  InputLayer: { shape: [8, 8, 3], dtype: "float32" },
  PreprocessInput: { mode: "caffe" },
  Conv2D: {
    filters: 4,
    kernelSize: [3, 3],
    strides: [1, 1],
    padding: "same",
    dilationRate: [1, 1],
    groups: 1,
    useBias: true,
    activation: "linear",
  },
  DepthwiseConv2D: {
    depthMultiplier: 1,
    kernelSize: [3, 3],
    strides: [1, 1],
    padding: "same",
    dilationRate: [1, 1],
    useBias: true,
    activation: "linear",
  },
  Dense: { units: 5, useBias: true, activation: "linear" },
  BatchNormalization: { epsilon: 1e-3, momentum: 0.99, scale: true, center: true },
  Activation: { activation: "relu" },
  ReLU: { maxValue: 6, negativeSlope: 0, threshold: 0 },
  MaxPooling2D: { poolSize: [2, 2], strides: [2, 2], padding: "valid" },
  AveragePooling2D: { poolSize: [2, 2], strides: [2, 2], padding: "valid" },
  GlobalAveragePooling2D: { keepdims: false },
  GlobalMaxPooling2D: { keepdims: false },
  ZeroPadding2D: {
    padding: [
      [1, 2],
      [3, 4],
    ],
  },
  Concatenate: { axis: -1 },
  Add: {},
  Flatten: {},
  Reshape: { targetShape: [-1] },
  Dropout: { rate: 0.5 },
  Conv1D: {
    filters: 4,
    kernelSize: 3,
    strides: 1,
    padding: "same",
    dilationRate: 1,
    groups: 1,
    useBias: true,
    activation: "linear",
  },
  DepthwiseConv1D: {
    depthMultiplier: 1,
    kernelSize: 3,
    strides: 1,
    padding: "same",
    dilationRate: 1,
    useBias: true,
    activation: "linear",
  },
  SeparableConv1D: {
    filters: 4,
    kernelSize: 3,
    strides: 1,
    padding: "same",
    dilationRate: 1,
    depthMultiplier: 1,
    useBias: true,
    activation: "linear",
  },
  SeparableConv2D: {
    filters: 4,
    kernelSize: [3, 3],
    strides: [1, 1],
    padding: "same",
    dilationRate: [1, 1],
    depthMultiplier: 1,
    useBias: true,
    activation: "linear",
  },
  Conv1DTranspose: {
    filters: 4,
    kernelSize: 3,
    strides: 2,
    padding: "same",
    outputPadding: null,
    dilationRate: 1,
    useBias: true,
    activation: "linear",
  },
  Conv2DTranspose: {
    filters: 4,
    kernelSize: [3, 3],
    strides: [2, 2],
    padding: "same",
    outputPadding: null,
    dilationRate: [1, 1],
    useBias: true,
    activation: "linear",
  },
  MaxPooling1D: { poolSize: 2, strides: 2, padding: "valid" },
  AveragePooling1D: { poolSize: 2, strides: 2, padding: "valid" },
  GlobalAveragePooling1D: { keepdims: false },
  GlobalMaxPooling1D: { keepdims: false },
  LayerNormalization: { axis: [-1], epsilon: 1e-3, scale: true, center: true },
  GroupNormalization: { groups: 1, epsilon: 1e-3, scale: true, center: true },
  UnitNormalization: { axis: [-1] },
  Rescaling: { scale: 1 / 127.5, offset: -1 },
  Normalization: { axis: [-1], mean: null, variance: null, invert: false },
  LayerScale: { initValues: 1e-6, projectionDim: 3 },
  Softmax: { axis: -1 },
  LeakyReLU: { negativeSlope: 0.3 },
  ELU: { alpha: 1 },
  PReLU: { sharedAxes: [1, 2] },
  ZeroPadding1D: { padding: [1, 2] },
  Cropping1D: { cropping: [1, 1] },
  Cropping2D: {
    cropping: [
      [1, 0],
      [0, 2],
    ],
  },
  UpSampling1D: { size: 2 },
  UpSampling2D: { size: [2, 2], interpolation: "nearest" },
  Resizing: { height: 5, width: 7, interpolation: "bilinear", antialias: false },
  Dot: { axes: [-1, -1], normalize: false },
  RMSNormalization: { axis: [-1], epsilon: 1e-6 },
  CenterCrop: { height: 3, width: 4 },
  Subtract: {},
  Multiply: {},
  Average: {},
  Maximum: {},
  Minimum: {},
  CustomScaleLayer: { scale: 0.17 },
  Identity: {},
  Permute: { dims: [2, 1, 3] },
  RepeatVector: { n: 3 },
  SpatialDropout1D: { rate: 0.5 },
  SpatialDropout2D: { rate: 0.5 },
  GaussianDropout: { rate: 0.5 },
  AlphaDropout: { rate: 0.5 },
  GaussianNoise: { stddev: 0.1 },
  ActivityRegularization: { l1: 0, l2: 0.01 },
  StochasticDepth: { dropPathRate: 0.2 },
  ...augmentationDefaults(),
};

function augmentationDefaults(): AugmentationConfigs {
  return Object.fromEntries(
    augmentationNames.map((name) => [name, { settings: {} }]),
  ) as unknown as AugmentationConfigs;
}

/** A layer with default settings but for those given. */
export function layer<C extends LayerClassName>(
  className: C,
  name: string,
  inputs: readonly string[] = [],
  config: Partial<LayerConfigs[C]> = {},
  weightsOf?: string,
): Layer {
  const shared = weightsOf === undefined ? {} : { weightsOf };
  return { className, name, inputs, config: { ...layerDefaults[className], ...config }, ...shared } as unknown as Layer;
}

/** A network of these layers, which ends in the last one; without weights. */
export function networkOf(layers: readonly Layer[], more: Partial<Network> = {}): Network {
  return {
    name: "test",
    layers,
    inputs: layers.filter(({ className }) => className === "InputLayer").map(({ name }) => name),
    outputs: [layers.at(-1)?.name ?? ""],
    weights: new Map(),
    ...more,
  };
}

/** One layer of each kind of input `shape`, behind an InputLayer. */
export function single<C extends LayerClassName>(
  className: C,
  shape: readonly (number | null)[],
  config: Partial<LayerConfigs[C]> = {},
): Topology {
  return networkOf([layer("InputLayer", "input", [], { shape }), layer(className, "x", ["input"], config)]);
}
