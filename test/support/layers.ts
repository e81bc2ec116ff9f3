import type { Layer, LayerClassName, LayerConfigs } from "../../src/network/layer.js";
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
};

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
