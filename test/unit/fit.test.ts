import { describe, expect, test } from "vitest";
import type { StepOptions, TrainableNetwork, TrainingState } from "../../src/backends/trainable-backend.js";
import type { NdArray } from "../../src/ndarray.js";
import type { NetworkWeights } from "../../src/network/network.js";
import { type FitContext, type FitOptions, fitNetwork } from "../../src/training/fit.js";
import type { EpochLog, TrainingProgress } from "../../src/training/history.js";
import type { TrainingData } from "../../src/training/training-data.js";
import { headTraining } from "../support/head-training.js";
import { rowsData } from "../support/separable-data.js";

/** A network that computes nothing: its losses and weights are given, so that faults come when a test wants them. */
function scriptedNetwork(script: { readonly losses?: readonly number[]; readonly weight?: () => number }) {
  const steps: { readonly xs: NdArray; readonly ys: NdArray<"float32">; readonly options?: StepOptions | undefined }[] =
    [];
  const even = (rows: number): NdArray<"float32"> => ({
    dtype: "float32",
    shape: [rows, 2],
    data: new Float32Array(rows * 2).fill(0.5),
  });
  const restored: TrainingState[] = [];
  const network: TrainableNetwork = {
    inputShapes: [[1]],
    outputs: ["predictions"],
    run: async ([xs]) => [even(xs?.shape[0] ?? 0)],
    step: async (xs, ys, options) => {
      steps.push({ xs, ys, options });
      return { loss: script.losses?.[steps.length - 1] ?? 1, outputs: even(ys.shape[0] ?? 0) };
    },
    readWeights: async () => weightsOf(script.weight?.() ?? 0),
    setWeights: async () => undefined,
    readState: async () => ({ step: steps.length, weights: weightsOf(script.weight?.() ?? 0), slots: new Map() }),
    setState: async (state) => void restored.push(state),
    dispose: async () => undefined,
  };
  return { network, steps, restored };
}

function weightsOf(value: number): NetworkWeights {
  return new Map([
    ["predictions", [{ name: "kernel", array: { dtype: "float32", shape: [1], data: Float32Array.of(value) } }]],
  ]);
}

const target = { inputShape: [1], classLabels: ["a", "b"] };
const topology = { name: "scripted", layers: [], inputs: [], outputs: [] };

function data(classes: readonly number[], batchSize = 4): TrainingData {
  return rowsData(new Float32Array(classes.length), Int32Array.from(classes), [1], ["a", "b"], batchSize);
}

async function trainScripted(
  network: TrainableNetwork,
  train: TrainingData,
  options: FitOptions,
  context: Partial<FitContext> = {},
): Promise<readonly EpochLog[]> {
  let logs: readonly EpochLog[] = [];
  await fitNetwork(network, train, options, {
    target,
    topology,
    training: headTraining,
    history: [],
    onHistory: (history) => {
      logs = history;
    },
    ...context,
  });
  return logs;
}

describe("fitNetwork", () => {
  test("weights a batch's loss and accuracy by its rows, so that a small last batch does not count too much", async () => {
    const { network } = scriptedNetwork({ losses: [1, 4] });
    const logs = await trainScripted(network, data([0, 0, 0, 1, 1]), { epochs: 1 });
    // Every row of the scripted network is predicted to be class 0, of which there are 3 in 5.
    expect(logs).toEqual([{ epoch: 1, loss: (4 * 1 + 1 * 4) / 5, accuracy: 3 / 5, learningRate: 0.01 }]);
  });

  test("gives the backend one-hot targets and float32 rows", async () => {
    const { network, steps } = scriptedNetwork({});
    await trainScripted(network, data([1, 0]), { epochs: 1 });
    expect(steps[0]?.ys).toEqual({ dtype: "float32", shape: [2, 2], data: Float32Array.of(0, 1, 1, 0) });
    expect(steps[0]?.xs).toEqual({ dtype: "float32", shape: [2, 1], data: new Float32Array(2) });
  });

  test("converts rows of other dtypes", async () => {
    const { network, steps } = scriptedNetwork({});
    const train: TrainingData = {
      length: 2,
      async *[Symbol.asyncIterator]() {
        yield {
          xs: { dtype: "uint8", shape: [2, 1], data: Uint8Array.of(7, 255) },
          ys: { dtype: "int32", shape: [2], data: Int32Array.of(0, 1) },
        };
      },
    };
    await trainScripted(network, train, { epochs: 1 });
    expect(steps[0]?.xs.data).toEqual(Float32Array.of(7, 255));
  });

  test("measures validation after each epoch, with the penalty as Keras does", async () => {
    const { network } = scriptedNetwork({ weight: () => 3 });
    const logs = await trainScripted(
      network,
      data([0, 1]),
      { epochs: 2, validation: data([0, 1, 1, 1]) },
      { training: { ...headTraining, l2: 0.5 } },
    );
    expect(logs.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(logs[0]?.valAccuracy).toBe(0.25);
    expect(logs[0]?.valLoss).toBeCloseTo(Math.log(2) + 0.5 * 9, 6);
  });

  test("reports every batch, and every validation once more", async () => {
    const seen: TrainingProgress[] = [];
    const { network } = scriptedNetwork({});
    const onProgress = (progress: TrainingProgress) => seen.push(progress);
    await trainScripted(
      network,
      data([0, 0, 0, 0, 1, 1]),
      { epochs: 2, validation: data([0]), onProgress },
      { history: [{ epoch: 5, loss: 1, accuracy: 0, learningRate: 0.01 }] },
    );
    expect(
      seen.map(({ epoch, epochs, batch, batches, valLoss }) => [epoch, epochs, batch, batches, valLoss !== undefined]),
    ).toEqual([
      [6, 7, 1, 2, false],
      [6, 7, 2, 2, false],
      [6, 7, 2, 2, true],
      [7, 7, 1, 2, false],
      [7, 7, 2, 2, false],
      [7, 7, 2, 2, true],
    ]);
    expect(seen[0]?.etaSeconds).toBeGreaterThan(0);
    expect(seen.at(-1)?.etaSeconds).toBe(0);
  });

  test("calls callbacks in order, waits for them, and ends after the epoch in which one says stop", async () => {
    const { network, steps } = scriptedNetwork({});
    const calls: string[] = [];
    const later = () => new Promise((done) => setTimeout(done, 1));
    const logs = await trainScripted(network, data([0, 0, 0, 0, 1]), {
      epochs: 9,
      callbacks: [
        {
          onEpochBegin: async (epoch) => {
            await later();
            calls.push(`begin ${epoch}`);
          },
          onBatchEnd: async ({ epoch, batch, learningRate }, training) => {
            await later();
            calls.push(`batch ${batch} at ${learningRate}`);
            if (epoch === 2) training.stop();
          },
          onEpochEnd: async ({ epoch, loss }, training) => {
            calls.push(`end ${epoch}: ${loss}, ${(await training.readWeights()).size} layer`);
          },
        },
        { onEpochEnd: () => calls.push("second") },
      ],
    });
    const epoch = (number: number) => [
      `begin ${number}`,
      "batch 1 at 0.01",
      "batch 2 at 0.01",
      `end ${number}: 1, 1 layer`,
      "second",
    ];
    expect(calls).toEqual([...epoch(1), ...epoch(2)]);
    expect(logs).toHaveLength(2);
    expect(steps).toHaveLength(4);
  });

  test("asks a schedule before every step, with steps and epochs of this call", async () => {
    const { network, steps } = scriptedNetwork({});
    const logs = await trainScripted(
      network,
      data([0, 0, 0, 0, 1]),
      { epochs: 2, schedule: ({ step, epoch }) => 1 + step + 100 * epoch },
      { history: [{ epoch: 5, loss: 1, accuracy: 0, learningRate: 0.01 }] },
    );
    expect(steps.map(({ options }) => options?.learningRate)).toEqual([1, 2, 103, 104]);
    expect(logs.slice(1).map(({ epoch, learningRate }) => [epoch, learningRate])).toEqual([
      [6, 2],
      [7, 104],
    ]);
  });

  test.each([
    ["known", data([0, 0, 0, 1])],
    ["counted in a pass", { ...data([0, 0, 0, 1]), labels: undefined }],
  ])("balances classes as scikit-learn, with labels that are %s", async (_, train) => {
    const { network, steps } = scriptedNetwork({});
    await trainScripted(network, train, { epochs: 1, classWeight: "balanced" });
    // compute_class_weight("balanced", classes=[0, 1], y=[0, 0, 0, 1])
    const [often, rare] = [4 / (2 * 3), 4 / (2 * 1)].map(Math.fround) as [number, number];
    expect([...(steps[0]?.options?.sampleWeights?.data ?? [])]).toEqual([often, often, often, rare]);
  });

  test("refuses to balance a class without rows", async () => {
    const { network } = scriptedNetwork({});
    await expect(trainScripted(network, data([0, 0]), { classWeight: "balanced" })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(/has none of "b"/),
    });
  });

  test("takes epochs of some steps out of passes that go on", async () => {
    const { network, steps } = scriptedNetwork({});
    const asked: number[] = [];
    const rows = data([0, 0, 0, 0, 1, 1]);
    const train: TrainingData = {
      ...rows,
      batches: ({ pass }) => {
        asked.push(pass);
        return rows;
      },
    };
    await trainScripted(network, train, { epochs: 2, stepsPerEpoch: 3 });
    expect(steps.map(({ ys }) => ys.shape[0])).toEqual([4, 2, 4, 2, 4, 2]);
    expect(asked).toEqual([0, 1, 2]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])(
    "stops at a loss of %s and starts again from the epoch before",
    async (loss) => {
      const { network, steps, restored } = scriptedNetwork({ losses: [1, 1, 1, loss], weight: () => steps.length });
      let logs: readonly EpochLog[] = [];
      const onHistory = (history: readonly EpochLog[]) => {
        logs = history;
      };
      const fitting = trainScripted(network, data([0, 0, 0, 0, 1]), { epochs: 9 }, { onHistory });
      await expect(fitting).rejects.toMatchObject({
        name: "TrainingDivergedError",
        epoch: 2,
        batch: 2,
        message: expect.stringMatching(/learningRate/),
      });
      expect(restored).toEqual([{ step: 2, weights: weightsOf(2), slots: new Map() }]);
      expect(logs.map(({ epoch }) => epoch)).toEqual([1]);
    },
  );

  test("takes an epoch whose validation loss is NaN for no better than others, also where it comes first", async () => {
    const { network, steps } = scriptedNetwork({ weight: () => steps.length });
    const put: NetworkWeights[] = [];
    const broken: TrainableNetwork = {
      ...network,
      run: async (batch, options) => {
        const [outputs] = await network.run(batch, options);
        if (steps.length === 1) outputs?.data.fill(Number.NaN);
        return outputs === undefined ? [] : [outputs];
      },
      setWeights: async (weights) => void put.push(weights),
    };
    const logs = await trainScripted(broken, data([0]), {
      epochs: 3,
      validation: data([0]),
      earlyStopping: { patience: 5, restoreBest: true },
    });
    expect(logs.map(({ valLoss }) => Number.isNaN(valLoss))).toEqual([true, false, false]);
    expect(put).toEqual([weightsOf(2)]);
  });

  test("finds weights that the last step of an epoch has spoilt", async () => {
    const { network, steps } = scriptedNetwork({ weight: () => (steps.length === 1 ? Number.NaN : 0) });
    await expect(trainScripted(network, data([0]), { epochs: 1 })).rejects.toMatchObject({
      name: "TrainingDivergedError",
      message: expect.stringMatching(/"predictions"/),
    });
  });

  test("stops between two batches with the signal's own reason", async () => {
    const controller = new AbortController();
    const { network, steps } = scriptedNetwork({});
    const onProgress = () => controller.abort("enough");
    await expect(
      trainScripted(network, data([0, 0, 0, 0, 1]), { epochs: 3, signal: controller.signal, onProgress }),
    ).rejects.toBe("enough");
    expect(steps).toHaveLength(1);
  });

  test("ends the data's iteration when it stops", async () => {
    let ended = false;
    const train: TrainingData = {
      length: 2,
      async *[Symbol.asyncIterator]() {
        try {
          yield* data([0, 1], 1);
        } finally {
          ended = true;
        }
      },
    };
    const { network } = scriptedNetwork({ losses: [Number.NaN] });
    await expect(trainScripted(network, train, {})).rejects.toThrow();
    expect(ended).toBe(true);
  });

  test.each<readonly [string, TrainingData, FitOptions, string, RegExp]>([
    ["no rows", data([]), {}, "InvalidArgumentError", /`train` has no rows/],
    ["no validation rows", data([0]), { validation: data([]) }, "InvalidArgumentError", /`validation` has no rows/],
    ["zero epochs", data([0]), { epochs: 0 }, "InvalidArgumentError", /`epochs` is 0/],
    ["half an epoch", data([0]), { epochs: 0.5 }, "InvalidArgumentError", /`epochs` is 0.5/],
    [
      "a class out of range",
      data([0, 1, 2]),
      {},
      "InvalidArgumentError",
      /Row 2 .* class 2: expected an integer from 0 to 1/,
    ],
    ["a negative class", data([-1]), {}, "InvalidArgumentError", /class -1/],
    [
      "rows of another shape",
      rowsData(new Float32Array(2), Int32Array.of(0), [2], ["a", "b"], 4),
      {},
      "ShapeMismatchError",
      /\[2\], but this network takes \[1\]/,
    ],
    [
      "validation rows of another shape",
      data([0]),
      { validation: rowsData(new Float32Array(2), Int32Array.of(0), [2], ["a", "b"], 4) },
      "ShapeMismatchError",
      /`validation`/,
    ],
    [
      "batches of another shape than announced",
      { ...rowsData(new Float32Array(2), Int32Array.of(0), [2], ["a", "b"], 4), rowShape: undefined },
      {},
      "ShapeMismatchError",
      /expected \[rows, 1\]/,
    ],
    [
      "other classes",
      rowsData(new Float32Array(1), Int32Array.of(0), [1], ["a", "c"], 4),
      {},
      "InvalidArgumentError",
      /class 1 is "c" there and "b" here/,
    ],
  ])("refuses %s before any step", async (_, train, options, name, message) => {
    const { network, steps } = scriptedNetwork({});
    await expect(trainScripted(network, train, options)).rejects.toMatchObject({
      name,
      message: expect.stringMatching(message),
    });
    expect(steps).toHaveLength(0);
  });

  test("refuses a pass that gives fewer rows than promised", async () => {
    const { network } = scriptedNetwork({});
    await expect(trainScripted(network, { ...data([0, 1]), length: 3 }, { epochs: 1 })).rejects.toMatchObject({
      name: "ShapeMismatchError",
      message: expect.stringMatching(/gave 2 rows, but its `length` is 3/),
    });
  });
});
