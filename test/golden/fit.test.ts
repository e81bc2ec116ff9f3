import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsNode } from "../../src/backends/tfjs/tfjs-node.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { TrainableBackend } from "../../src/backends/trainable-backend.js";
import type { Network, NetworkWeights } from "../../src/network/network.js";
import type { FitOptions } from "../../src/training/fit-options.js";
import { type HeadShape, headNetwork } from "../../src/training/head-network.js";
import type { LearningOptions } from "../../src/training/head-options.js";
import type { EpochLog } from "../../src/training/history.js";
import { cosineDecay } from "../../src/training/schedules.js";
import type { Task } from "../../src/training/target.js";
import type { TrainingBatch, TrainingData } from "../../src/training/training-data.js";
import { TransferHead } from "../../src/transfer-head.js";
import { tfjsNodeHint, tfjsNodeIsBuilt, tfjsNodeModule } from "../support/tfjs-node-build.js";

type WeightLists = Readonly<
  Record<string, readonly { readonly name: string; readonly shape: readonly number[]; readonly data: number[] }[]>
>;

interface Golden {
  readonly start: WeightLists;
  readonly xs: readonly number[];
  readonly labels: readonly number[];
  readonly sampleWeights: readonly number[] | null;
  readonly history: Readonly<Record<string, readonly number[]>>;
  readonly evaluated: readonly number[];
  readonly end: WeightLists;
}

interface Case {
  readonly shape: HeadShape<Task>;
  readonly learning: LearningOptions;
  readonly fit: FitOptions;
  /** Keras's name of the figure beside the loss. */
  readonly metric: string;
}

const features = 10;
const cases: Readonly<Record<string, Case>> = {
  classification: {
    shape: { inputShape: [features], classLabels: ["a", "b", "c"], hidden: [12], activation: "tanh" },
    learning: {
      optimizer: { name: "sgd", momentum: 0.9, nesterov: true },
      l1: 0.001,
      l2: 0.002,
      labelSmoothing: 0.1,
      clipping: { globalClipnorm: 0.7 },
    },
    fit: {
      epochs: 6,
      classWeight: { a: 0.5, c: 3 },
      schedule: cosineDecay({ initialLearningRate: 0, decaySteps: 20, alpha: 0.1, warmupTarget: 0.1, warmupSteps: 6 }),
    },
    metric: "accuracy",
  },
  "multi-label": {
    shape: {
      task: "multi-label",
      inputShape: [features],
      classLabels: ["a", "b", "c", "d"],
      hidden: [12],
      batchNormalization: true,
    },
    learning: {
      optimizer: { name: "adamw", weightDecay: 0.05 },
      learningRate: 0.01,
      labelSmoothing: 0.05,
      clipping: { clipnorm: 0.5 },
    },
    fit: { epochs: 5, sampleWeight: "weights" },
    metric: "binary_accuracy",
  },
  regression: {
    shape: { task: "regression", inputShape: [features], classLabels: ["width", "height"], hidden: [12] },
    learning: { optimizer: { name: "rmsprop", learningRate: 0.03, momentum: 0.5 }, clipping: { clipvalue: 1 } },
    fit: {
      epochs: 80,
      reduceOnPlateau: { patience: 1, factor: 0.5, minLearningRate: 0.002 },
      earlyStopping: { patience: 4, restoreBest: true },
    },
    metric: "mean_absolute_error",
  },
};

const backends: readonly { readonly name: string; readonly run: boolean; readonly backend: () => TrainableBackend }[] =
  [
    { name: "tfjs-wasm", run: true, backend: () => tfjsWasm() },
    { name: "tfjs-cpu", run: true, backend: () => tfjsCpu() },
    { name: `tfjs-node${tfjsNodeHint}`, run: tfjsNodeIsBuilt, backend: () => tfjsNode({ module: tfjsNodeModule }) },
  ];

describe.each(backends)("$name", ({ run, backend }) => {
  test.runIf(run).each(Object.entries(cases))(
    "a whole fit of a %s has the history, the evaluation and the weights of Keras's",
    async (name, { shape, learning, fit, metric }) => {
      const golden = JSON.parse(
        readFileSync(new URL(`../fixtures/fit/${name}.json`, import.meta.url), "utf8"),
      ) as Golden;
      const network: Network = { ...headNetwork(shape), weights: weightsOf(golden.start) };
      const { task, classLabels } = shape;
      await using head = await TransferHead.fromNetwork<Task>(network, {
        task,
        classLabels,
        ...learning,
        backend: backend(),
      });
      const outputs = classLabels.length;
      const validation = rowsOf(golden, task, outputs, 32, 44, 5);
      const logs = await head.fit(rowsOf(golden, task, outputs, 0, 32, 8), { ...fit, validation });

      const { history } = golden;
      expectSeries(logs, ({ loss }) => loss, history.loss);
      expectSeries(logs, ({ valLoss }) => valLoss, history.val_loss);
      expectSeries(logs, ({ accuracy, meanAbsoluteError }) => accuracy ?? meanAbsoluteError, history[metric]);
      expectSeries(
        logs,
        ({ valAccuracy, valMeanAbsoluteError }) => valAccuracy ?? valMeanAbsoluteError,
        history[`val_${metric}`],
      );
      if (history.learning_rate) expectSeries(logs, ({ learningRate }) => learningRate, history.learning_rate);

      const evaluation = await head.evaluate(validation);
      const figure = "meanAbsoluteError" in evaluation ? evaluation.meanAbsoluteError : evaluation.accuracy;
      expect(evaluation.loss).toBeCloseTo(golden.evaluated[0] ?? Number.NaN, 4);
      expect(figure).toBeCloseTo(golden.evaluated[1] ?? Number.NaN, 4);
      const { weights } = await head.network();
      for (const [layer, expected] of Object.entries(golden.end)) {
        for (const [at, { data }] of expected.entries()) {
          const ours = weights.get(layer)?.[at]?.array.data ?? [];
          const scale = Math.max(...data.map(Math.abs));
          const error = Math.max(...data.map((value, i) => Math.abs(value - (ours[i] as number)))) / scale;
          expect(error, `${layer} ${at}`).toBeLessThan(1e-4);
        }
      }
    },
  );
});

function expectSeries(
  logs: readonly EpochLog[],
  figure: (log: EpochLog) => number | undefined,
  golden: readonly number[] | undefined,
): void {
  expect(logs).toHaveLength(golden?.length ?? -1);
  for (const [epoch, log] of logs.entries()) {
    const expected = golden?.[epoch] ?? Number.NaN;
    expect(Math.abs((figure(log) ?? Number.NaN) - expected), `epoch ${epoch + 1}`).toBeLessThan(1e-4 * expected);
  }
}

function weightsOf(lists: WeightLists): NetworkWeights {
  return new Map(
    Object.entries(lists).map(([layer, weights]) => [
      layer,
      weights.map(({ name, shape, data }) => ({
        name,
        array: { dtype: "float32", shape, data: Float32Array.from(data) } as const,
      })),
    ]),
  );
}

function rowsOf(
  { xs, labels, sampleWeights }: Golden,
  task: Task | undefined,
  outputs: number,
  first: number,
  end: number,
  batchSize: number,
): TrainingData {
  async function* batches(): AsyncGenerator<TrainingBatch> {
    for (let start = first; start < end; start += batchSize) {
      const stop = Math.min(end, start + batchSize);
      const rows = stop - start;
      const several = task !== undefined && task !== "classification";
      const own = labels.slice(start * (several ? outputs : 1), stop * (several ? outputs : 1));
      yield {
        xs: {
          dtype: "float32",
          shape: [rows, features],
          data: Float32Array.from(xs.slice(start * features, stop * features)),
        },
        ys: several
          ? { dtype: "float32", shape: [rows, outputs], data: Float32Array.from(own) }
          : { dtype: "int32", shape: [rows], data: Int32Array.from(own) },
        columns: sampleWeights
          ? { weights: { dtype: "float32", shape: [rows], data: Float32Array.from(sampleWeights.slice(start, stop)) } }
          : {},
      };
    }
  }
  return { length: end - first, [Symbol.asyncIterator]: batches };
}
