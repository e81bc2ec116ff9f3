import { describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import type { OptimizerConfig, TrainableNetwork, TrainingOptions } from "../../src/backends/trainable-backend.js";
import { type FitOptions, fitNetwork } from "../../src/training/fit.js";
import type { TrainingBatch, TrainingData } from "../../src/training/training-data.js";
import { headNetwork } from "../support/head-network.js";
import { headTraining } from "../support/head-training.js";
import { rowsData } from "../support/separable-data.js";

const { network, xs } = headNetwork({ hidden: 6 });
const classLabels = ["a", "b", "c"];
const classes = Int32Array.from({ length: 16 }, (_, row) => row % 3);
const optimizers: readonly OptimizerConfig[] = [
  headTraining.optimizer,
  { name: "sgd", learningRate: 0.01, momentum: 0.9, nesterov: false },
  { name: "sgd", learningRate: 0.01, momentum: 0, nesterov: false },
];

/** Rows of which a pass, if one is named, has a second batch of numbers that are far too large. */
function rows(spoiltPass?: number): TrainingData {
  const plain = rowsData(xs.data, classes, [20], classLabels, 8);
  return {
    length: plain.length,
    async *batches({ pass }): AsyncGenerator<TrainingBatch> {
      let batch = 0;
      for await (const { xs: own, ys } of plain) {
        const isSpoilt = pass === spoiltPass && batch++ === 1;
        yield {
          xs: isSpoilt ? { ...own, dtype: "float32", data: new Float32Array(own.data.length).fill(3e38) } : own,
          ys,
        };
      }
    },
    [Symbol.asyncIterator]: () => plain[Symbol.asyncIterator](),
  };
}

function train(loaded: TrainableNetwork, data: TrainingData, options: FitOptions, training: TrainingOptions) {
  return fitNetwork(loaded, data, options, {
    target: { inputShape: [20], classLabels },
    topology: network,
    training,
    history: [],
    onHistory: () => undefined,
  });
}

describe.each([
  ["onnx", onnx],
  ["tfjs-cpu", tfjsCpu],
] as const)("a training that diverges on %s", (_, create) => {
  test.each(optimizers)(
    "has the state from before the epoch to the last bit, with $name $momentum",
    async (optimizer) => {
      const backend = create();
      await backend.init();
      for (const frozen of [[], ["hidden"]]) {
        const layers = new Map(frozen.map((name) => [name, { trainable: false }]));
        const training = { ...headTraining, optimizer, layers };
        const undisturbed = await backend.loadForTraining(network, training);
        await train(undisturbed, rows(), { epochs: 2 }, training);
        const diverging = await backend.loadForTraining(network, training);
        await expect(train(diverging, rows(2), { epochs: 5 }, training)).rejects.toMatchObject({
          name: "TrainingDivergedError",
          epoch: 3,
        });
        expect(await diverging.readState()).toEqual(await undisturbed.readState());
        await undisturbed.dispose();
        await diverging.dispose();
      }
    },
  );
});

describe("the state that a training can go back to", () => {
  /** How often a network's weights and state are copied out. */
  async function watched(training: TrainingOptions) {
    const backend = tfjsCpu();
    await backend.init();
    const loaded = await backend.loadForTraining(network, training);
    const reads = { weights: 0, state: 0 };
    const watching: TrainableNetwork = {
      ...loaded,
      readWeights() {
        reads.weights++;
        return loaded.readWeights();
      },
      readState() {
        reads.state++;
        return loaded.readState();
      },
    };
    return { reads, watching };
  }

  test("is read once for each epoch that another follows", async () => {
    const { reads, watching } = await watched(headTraining);
    await train(watching, rows(), { epochs: 3 }, headTraining);
    expect(reads).toEqual({ weights: 3, state: 3 });
  });

  test("is made of the weights that were read anyway where the optimizer has no values of its own", async () => {
    const training = { ...headTraining, optimizer: optimizers[2] as OptimizerConfig };
    const { reads, watching } = await watched(training);
    await train(watching, rows(), { epochs: 3 }, training);
    expect(reads).toEqual({ weights: 3, state: 1 });
  });
});
