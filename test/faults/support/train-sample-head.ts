import { tfjsWasm } from "../../../src/backends/tfjs/tfjs-wasm.node.js";
import { HDF5DatasetGenerator } from "../../../src/hdf5-dataset-generator.js";
import { weightsChecksum } from "../../../src/network/weights-checksum.js";
import { cosineDecay } from "../../../src/training/schedules.js";
import { TransferHead } from "../../../src/transfer-head.js";

/**
 * Trains a head on the file, with its checkpoint, history and best model in the folder, and goes on where an earlier run
 * was stopped. Prints when epochs begin and end, and in the end what came out, as JSON.
 */
const [features = "", folder = "", every = ""] = process.argv.slice(2);
const say = (line: string) => void process.stdout.write(`${line}\n`);
await using data = await HDF5DatasetGenerator.open(features, {
  batchSize: 16,
  shuffle: true,
  seed: 6,
  columns: ["weights"],
});
const { train, validation } = data.split({ validation: 0.2, stratify: true });
await using head = await TransferHead.create({
  inputShape: data.rowShape,
  classLabels: data.classLabels,
  hidden: [64],
  batchNormalization: true,
  dropout: 0.4,
  optimizer: "adamw",
  backend: tfjsWasm(),
});
say("ready");
await head.fit(train, {
  epochs: 14,
  stepsPerEpoch: 15,
  validation,
  sampleWeight: "weights",
  classWeight: "balanced",
  schedule: cosineDecay({ initialLearningRate: 0.01, decaySteps: 150 }),
  earlyStopping: { patience: 5, restoreBest: true },
  checkpoint: { path: `${folder}/training.checkpoint.h5`, every: Number(every), resume: true },
  history: { path: `${folder}/history.json` },
  saveBest: { path: `${folder}/best.h5` },
  callbacks: [{ onEpochBegin: (epoch) => say(`begin ${epoch}`), onEpochEnd: ({ epoch }) => say(`end ${epoch}`) }],
});
say(JSON.stringify({ weights: weightsChecksum(await head.network()), history: head.history }));
