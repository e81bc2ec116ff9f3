/**
 * A head that is trained with everything that the loop has: a learning rate that was looked for, a schedule, early
 * stopping, a history, the best model in a file, and a checkpoint. Stop it with Ctrl+C and start it again: it goes on.
 * `tsx examples/training.ts [features.hdf5]`; without a file it makes one.
 */
import { existsSync } from "node:fs";
import { cosineDecay, createRandom, HDF5DatasetGenerator, HDF5DatasetWriter, TransferHead } from "cnn-transfer";

const file = process.argv[2] ?? "points.hdf5";
if (!existsSync(file)) await makeFeatures(file);
await using data = await HDF5DatasetGenerator.open(file, { batchSize: 32, shuffle: true, seed: 1 });
const { train, validation } = data.split({ validation: 0.25, stratify: true });

await using head = await TransferHead.create({
  inputShape: data.rowShape,
  classLabels: data.classLabels,
  hidden: [32],
  batchNormalization: true,
  dropout: 0.3,
  optimizer: "adamw",
  labelSmoothing: 0.05,
});
const { suggestion } = await head.findLearningRate(train, { minimum: 1e-5, maximum: 1, steps: 60 });
const learningRate = suggestion ?? 0.001;
console.log(`learning rate ${learningRate.toPrecision(2)}`);

const epochs = 20;
const steps = epochs * train.batchesPerPass;
const logs = await head.fit(train, {
  epochs,
  validation,
  classWeight: "balanced",
  schedule: cosineDecay({
    initialLearningRate: 0,
    warmupTarget: learningRate,
    warmupSteps: train.batchesPerPass,
    decaySteps: steps - train.batchesPerPass,
  }),
  earlyStopping: { monitor: "valLoss", patience: 6, restoreBest: true },
  checkpoint: { path: "training.checkpoint.h5", resume: true },
  saveBest: { path: "best.h5" },
  history: { path: "history.json" },
  callbacks: [
    {
      onEpochEnd: ({ epoch, loss, valLoss = Number.NaN, valAccuracy = Number.NaN }) =>
        console.log(
          `epoch ${epoch}  loss ${loss.toFixed(4)}  validation ${valLoss.toFixed(4)}  accuracy ${valAccuracy}`,
        ),
    },
  ],
});
console.log(`${logs.length} epochs\n${await head.evaluate(validation)}`);
await using best = await TransferHead.load("best.h5");
console.log(`accuracy of best.h5: ${(await best.evaluate(validation)).accuracy}`);

/** Three clusters of points in 16 dimensions, the last of them with few rows. */
async function makeFeatures(path: string): Promise<void> {
  const [rows, width] = [500, 16] as const;
  const random = createRandom(1);
  const labels = Int32Array.from({ length: rows }, (_, row) => (row % 10 === 0 ? 2 : row % 2));
  const features = Float32Array.from({ length: rows * width }, (_, at) => {
    const label = labels[Math.floor(at / width)];
    return random.double() * 2 + ((at % width) % 3 === label ? 0.7 : 0);
  });
  await using writer = await HDF5DatasetWriter.create(path, {
    rows,
    rowShape: [width],
    classLabels: ["cats", "dogs", "pandas"],
  });
  await writer.add({ dtype: "float32", shape: [rows, width], data: features }, labels);
  await writer.close();
}
