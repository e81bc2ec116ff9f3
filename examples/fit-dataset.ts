/**
 * The writer and the generator alone, with a tfjs model of your own: rows go into an HDF5 file, and batches of them
 * stream from it into `model.fitDataset`. `tsx examples/fit-dataset.ts`
 */
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import "@tensorflow/tfjs-backend-cpu";
import { createRandom, HDF5DatasetGenerator, HDF5DatasetWriter } from "cnn-transfer";

// Points in a square; the class says on which side of the diagonal a point lies.
const rows = 400;
const random = createRandom(1);
const points = new Float32Array(rows * 2);
const sides = new Int32Array(rows);
for (let row = 0; row < rows; row++) {
  const [x, y] = [random.double(), random.double()];
  points.set([x, y], row * 2);
  sides[row] = x > y ? 1 : 0;
}

await using writer = await HDF5DatasetWriter.create("points.hdf5", {
  rows,
  rowShape: [2],
  classLabels: ["above", "below"],
  overwrite: true,
});
await writer.add({ dtype: "float32", shape: [rows, 2], data: points }, sides);
await writer.close();

await using data = await HDF5DatasetGenerator.open("points.hdf5", { batchSize: 32, shuffle: true, seed: 1 });
const { train, validation } = data.split({ validation: 0.25, stratify: true });

const model = layers.sequential();
model.add(layers.layers.dense({ units: 8, activation: "relu", inputShape: [2] }));
model.add(layers.layers.dense({ units: 2, activation: "softmax" }));
model.compile({ optimizer: tf.train.adam(0.05), loss: "categoricalCrossentropy", metrics: ["accuracy"] });
const { history } = await model.fitDataset(train.dataset({ tf }), {
  epochs: 8,
  validationData: validation.dataset({ tf }),
  verbose: 0,
});
console.log("accuracy on points that it was not trained on:", history.val_acc?.at(-1));
