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
