import type { NdArray } from "../../src/ndarray.js";
import type { Layer, LayerClassName, LayerConfigs } from "../../src/network/layer.js";
import type { Network, Topology, Weight } from "../../src/network/network.js";
import { weightShapes } from "../../src/network/weight-shapes.js";
import { createRandom } from "../../src/random.js";

/** A network of every kind of layer and of every setting that a runtime may lack, with two outputs and random weights. */
export function everyLayerNetwork(): Network {
  const topology: Topology = {
    name: "every-layer",
    inputs: ["pixels"],
    outputs: ["predictions", "relu_bent"],
    layers: [
      layer("InputLayer", "pixels", [], { shape: [12, 10, 3], dtype: "uint8" }),
      layer("PreprocessInput", "caffe", ["pixels"], { mode: "caffe" }),
      layer("PreprocessInput", "torch", ["pixels"], { mode: "torch" }),
      layer("PreprocessInput", "scaled", ["pixels"], { mode: "tf" }),
      layer("PreprocessInput", "raw", ["pixels"], { mode: "none" }),
      layer("Concatenate", "joined", ["caffe", "torch", "scaled", "raw"], { axis: -1 }),
      layer("BatchNormalization", "normalized", ["joined"], {
        epsilon: 1e-3,
        momentum: 0.9,
        scale: true,
        center: true,
      }),
      layer("ZeroPadding2D", "padded", ["normalized"], {
        padding: [
          [1, 2],
          [0, 3],
        ],
      }),
      layer("Conv2D", "grouped", ["padded"], { ...convolution, filters: 8, groups: 4, activation: "relu6" }),
      layer("Conv2D", "dilated", ["grouped"], { ...convolution, filters: 6, dilationRate: [2, 1], activation: "tanh" }),
      layer("DepthwiseConv2D", "depthwise", ["dilated"], {
        depthMultiplier: 2,
        kernelSize: [3, 2],
        strides: [1, 1],
        padding: "same",
        dilationRate: [1, 2],
        useBias: true,
        activation: "relu",
      }),
      layer("DepthwiseConv2D", "depthwise_strided", ["depthwise"], {
        depthMultiplier: 1,
        kernelSize: [3, 3],
        strides: [2, 2],
        padding: "same",
        dilationRate: [1, 1],
        useBias: false,
        activation: "linear",
      }),
      layer("BatchNormalization", "centered", ["depthwise_strided"], {
        epsilon: 1e-3,
        momentum: 0.9,
        scale: false,
        center: true,
      }),
      layer("ReLU", "relu", ["centered"], { maxValue: null, negativeSlope: 0, threshold: 0 }),
      layer("ReLU", "relu6", ["centered"], { maxValue: 6, negativeSlope: 0, threshold: 0 }),
      layer("ReLU", "relu_bent", ["centered"], { maxValue: 0.75, negativeSlope: 0.2, threshold: 0.25 }),
      layer("Add", "added", ["relu", "relu6", "relu_bent"], {}),
      layer("MaxPooling2D", "max", ["added"], { poolSize: [3, 3], strides: [2, 2], padding: "same" }),
      layer("AveragePooling2D", "average", ["added"], { poolSize: [3, 3], strides: [2, 2], padding: "same" }),
      layer("Concatenate", "both", ["max", "average"], { axis: 3 }),
      layer("Conv2D", "pointwise", ["both"], { ...convolution, kernelSize: [1, 1], filters: 8, useBias: false }),
      layer("GlobalAveragePooling2D", "global_average", ["pointwise"], { keepdims: true }),
      layer("GlobalMaxPooling2D", "global_max", ["pointwise"], { keepdims: false }),
      layer("GlobalMaxPooling2D", "global_max_kept", ["pointwise"], { keepdims: true }),
      layer("GlobalAveragePooling2D", "global_average_flat", ["pointwise"], { keepdims: false }),
      layer("Dense", "dense_on_axes", ["global_average"], { units: 8, useBias: true, activation: "sigmoid" }),
      {
        ...layer("Dense", "dense_again", ["global_max_kept"], { units: 8, useBias: true, activation: "sigmoid" }),
        weightsOf: "dense_on_axes",
      },
      layer("Flatten", "flat", ["dense_on_axes"], {}),
      layer("Reshape", "reshaped", ["dense_again"], { targetShape: [2, -1] }),
      layer("Flatten", "flat_again", ["reshaped"], {}),
      layer("Concatenate", "features", ["flat", "flat_again", "global_max", "global_average_flat"], { axis: 1 }),
      layer("Dropout", "dropout", ["features"], { rate: 0.5 }),
      layer("Dense", "logits", ["dropout"], { units: 4, useBias: false, activation: "linear" }),
      layer("Activation", "predictions", ["logits"], { activation: "softmax" }),
    ],
  };
  return { ...topology, weights: gentleWeights(topology) };
}

/** A batch of random pixels for {@link everyLayerNetwork}. */
export function everyLayerBatch(batchSize: number): NdArray<"uint8"> {
  const random = createRandom(batchSize);
  const data = Uint8Array.from({ length: batchSize * 12 * 10 * 3 }, () => random.integerBelow(256));
  return { dtype: "uint8", shape: [batchSize, 12, 10, 3], data };
}

const convolution: LayerConfigs["Conv2D"] = {
  filters: 1,
  kernelSize: [3, 3],
  strides: [1, 1],
  padding: "valid",
  dilationRate: [1, 1],
  groups: 1,
  useBias: true,
  activation: "linear",
};

function layer<C extends LayerClassName>(
  className: C,
  name: string,
  inputs: readonly string[],
  config: LayerConfigs[C],
): Layer {
  return { className, name, inputs, config } as unknown as Layer;
}

function gentleWeights(topology: Topology): ReadonlyMap<string, readonly Weight[]> {
  const random = createRandom(5);
  const make = (name: string, shape: readonly number[]): Weight => {
    const length = shape.reduce((product, axis) => product * axis, 1);
    const positive = name === "moving_variance";
    const data = Float32Array.from({ length }, () => (positive ? 2000 + random.double() : random.double() - 0.45));
    return { name, array: { dtype: "float32", shape, data } };
  };
  return new Map(
    [...weightShapes(topology)].map(([name, weights]) => [
      name,
      weights.map((weight) => make(weight.name, weight.shape)),
    ]),
  );
}
