import type { NdArray } from "../../src/ndarray.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network, Topology } from "../../src/network/network.js";
import { randomWeights } from "../../src/network/random-weights.js";
import { createRandom } from "../../src/random.js";

/** Dense, Dropout and softmax, with a seeded batch to train on. */
export function headNetwork({
  features = 20,
  hidden = 8,
  classes = 3,
  dropout = 0.5,
  rows = 16,
}: {
  readonly features?: number;
  readonly hidden?: number;
  readonly classes?: number;
  readonly dropout?: number;
  readonly rows?: number;
} = {}): { readonly network: Network; readonly xs: NdArray<"float32">; readonly ys: NdArray<"float32"> } {
  const layers: readonly Layer[] = [
    { className: "InputLayer", name: "features", inputs: [], config: { shape: [features], dtype: "float32" } },
    {
      className: "Dense",
      name: "hidden",
      inputs: ["features"],
      config: { units: hidden, useBias: true, activation: "relu" },
    },
    { className: "Dropout", name: "dropout", inputs: ["hidden"], config: { rate: dropout } },
    {
      className: "Dense",
      name: "predictions",
      inputs: ["dropout"],
      config: { units: classes, useBias: true, activation: "softmax" },
    },
  ];
  const topology: Topology = { name: "head", layers, inputs: ["features"], outputs: ["predictions"] };
  const random = createRandom(11);
  const xs = Float32Array.from({ length: rows * features }, () => random.double() * 2 - 1);
  const ys = new Float32Array(rows * classes);
  for (let row = 0; row < rows; row++) ys[row * classes + random.integerBelow(classes)] = 1;
  return {
    network: { ...topology, weights: randomWeights(topology, 3) },
    xs: { dtype: "float32", shape: [rows, features], data: xs },
    ys: { dtype: "float32", shape: [rows, classes], data: ys },
  };
}

/** A convolution, a layer of the caller's, and a softmax, with a seeded batch to train on. */
export function imageNetwork(between: Pick<Layer, "className" | "config">): ReturnType<typeof headNetwork> {
  const window = { strides: [1, 1], padding: "same", dilationRate: [1, 1], groups: 1, useBias: true } as const;
  const layers: readonly Layer[] = [
    { className: "InputLayer", name: "image", inputs: [], config: { shape: [4, 4, 2], dtype: "float32" } },
    {
      className: "Conv2D",
      name: "convolution",
      inputs: ["image"],
      config: { ...window, filters: 4, kernelSize: [3, 3], activation: "selu" },
    },
    { ...between, name: "between", inputs: ["convolution"] } as Layer,
    { className: "GlobalAveragePooling2D", name: "average", inputs: ["between"], config: { keepdims: false } },
    {
      className: "Dense",
      name: "predictions",
      inputs: ["average"],
      config: { units: 3, useBias: true, activation: "softmax" },
    },
  ];
  const topology: Topology = { name: "images", layers, inputs: ["image"], outputs: ["predictions"] };
  const random = createRandom(12);
  const ys = new Float32Array(24);
  for (let row = 0; row < 8; row++) ys[row * 3 + random.integerBelow(3)] = 1;
  return {
    network: { ...topology, weights: randomWeights(topology, 3) },
    xs: {
      dtype: "float32",
      shape: [8, 4, 4, 2],
      data: Float32Array.from({ length: 8 * 32 }, () => random.double() * 2 - 1),
    },
    ys: { dtype: "float32", shape: [8, 3], data: ys },
  };
}
