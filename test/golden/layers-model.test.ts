import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import { beforeAll, expect, test } from "vitest";
import { toLayersModel } from "../../src/backends/tfjs/layers-model.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { loadConformanceNetworks, relativeError } from "../support/conformance-networks.js";

beforeAll(async () => {
  await tfjsCpu().init();
  await tf.setBackend("cpu");
});

test.each(loadConformanceNetworks())(
  "toLayersModel gives a model that computes what Keras computes for $name",
  async ({ network, cases }) => {
    const model = await toLayersModel(network, tfl);
    for (const { inputs, outputs } of cases) {
      const tensors = inputs.map(({ data, shape }) => tf.tensor(Float32Array.from(data as Float32Array), [...shape]));
      const predicted = [model.predict(tensors.length === 1 ? (tensors[0] as tf.Tensor) : tensors)].flat();
      expect(predicted).toHaveLength(outputs.length);
      for (const [index, expected] of outputs.entries()) {
        const { shape } = predicted[index] as tf.Tensor;
        const data = Float32Array.from((predicted[index] as tf.Tensor).dataSync());
        expect(shape).toEqual(expected.shape);
        expect(relativeError({ dtype: "float32", shape, data }, expected)).toBeLessThan(1e-5);
      }
      tf.dispose([tensors, predicted]);
    }
    model.dispose();
  },
);
