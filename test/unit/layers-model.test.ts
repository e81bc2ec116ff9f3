import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import { expect, test } from "vitest";
import { toLayersModel } from "../../src/backends/tfjs/layers-model.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { everyLayerBatch, everyLayerNetwork } from "../support/every-layer-network.js";

test("a LayersModel of every kind of layer computes what the backend computes, also after saving and loading", async () => {
  const network = everyLayerNetwork();
  const batch = everyLayerBatch(3);
  const backend = tfjsCpu();
  const loaded = await backend.load(network);
  const expected = await loaded.run([batch]);
  await loaded.dispose();

  const before = tf.memory().numTensors;
  const model: tfl.LayersModel = await toLayersModel(network, tfl);
  const input = tf.tensor(Float32Array.from(batch.data), [...batch.shape]);
  const compare = (outputs: tf.Tensor[]) => {
    expect(outputs).toHaveLength(2);
    for (const [index, output] of outputs.entries()) {
      expect(output.shape).toEqual(expected[index]?.shape);
      const values = expected[index]?.data ?? new Float32Array();
      const scale = Math.max(...values.map(Math.abs));
      expect(scale).toBeGreaterThan(0);
      const actual = output.dataSync();
      for (const [at, value] of values.entries())
        expect(Math.abs((actual[at] as number) - value) / scale).toBeLessThan(1e-6);
    }
    tf.dispose(outputs);
  };
  compare(model.predict(input) as tf.Tensor[]);

  let artifacts: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (saved) => {
      artifacts = saved;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
    }),
  );
  model.dispose();
  const again = await tfl.loadLayersModel(tf.io.fromMemory(artifacts as tf.io.ModelArtifacts));
  compare(again.predict(input) as tf.Tensor[]);
  again.dispose();
  input.dispose();
  // tfjs itself does not free the weights of a layer that is applied twice: kernel and bias of one, in two models.
  expect(tf.memory().numTensors).toBe(before + 4);
});
