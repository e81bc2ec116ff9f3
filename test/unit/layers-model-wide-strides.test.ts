import "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import { expect, test } from "vitest";
import { toLayersModel } from "../../src/backends/tfjs/layers-model.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import type { Layer, LayerConfigs } from "../../src/network/layer.js";
import { randomWeights } from "../../src/network/random-weights.js";

const shared = {
  kernelSize: [2, 3],
  strides: [5, 4],
  padding: "same",
  dilationRate: [1, 1],
  useBias: true,
  activation: "linear",
} satisfies Partial<LayerConfigs["Conv2D"]>;

test.each([
  { className: "Conv2D", name: "conv", inputs: ["input"], config: { ...shared, filters: 2, groups: 1 } },
  { className: "DepthwiseConv2D", name: "conv", inputs: ["input"], config: { ...shared, depthMultiplier: 1 } },
] satisfies Layer[])(
  "a LayersModel's $className whose strides pass its kernel pads on wasm as on cpu",
  async (layer) => {
    const input: Layer = {
      className: "InputLayer",
      name: "input",
      inputs: [],
      config: { shape: [10, 8, 3], dtype: "float32" },
    };
    const topology = { name: "wide", layers: [input, layer], inputs: ["input"], outputs: ["conv"] };
    const network = { ...topology, weights: randomWeights(topology, 1) };
    const data = Float32Array.from({ length: 10 * 8 * 3 }, (_, i) => Math.sin(i));
    const loaded = await tfjsCpu().load(network);
    const [expected] = await loaded.run([{ dtype: "float32", shape: [1, 10, 8, 3], data }]);
    await loaded.dispose();
    await tf.setBackend("wasm");
    const model = await toLayersModel(network, tfl);
    const values = (model.predict(tf.tensor(data, [1, 10, 8, 3])) as tf.Tensor).dataSync();
    expect(values).toHaveLength(expected?.data.length ?? -1);
    values.forEach((value, i) => {
      expect(value).toBeCloseTo(expected?.data[i] as number, 5);
    });
  },
);
