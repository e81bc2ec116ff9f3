import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsNode } from "../../src/backends/tfjs/tfjs-node.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { splitNetwork } from "../../src/fine-tuning/split-network.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import type { Network } from "../../src/network/network.js";
import type { TrainingBatch, TrainingData } from "../../src/training/training-data.js";
import { TransferModel } from "../../src/transfer-model.js";
import { tfjsNodeHint, tfjsNodeIsBuilt, tfjsNodeModule } from "../support/tfjs-node-build.js";

interface FineTuningCase {
  readonly mode: "caffe" | "tf" | "torch";
  readonly unfreezeFrom: string;
  /** uint8 `[stages, steps, batch, height, width, 3]`. */
  readonly pixels: string;
  readonly shape: readonly [number, number, number, number, number, number];
  readonly stages: readonly {
    readonly classes: readonly (readonly number[])[];
    readonly loss: number;
    readonly weights: Readonly<Record<string, readonly (readonly number[])[]>>;
  }[];
}

const folder = new URL("../fixtures/fine-tuning/", import.meta.url);
const classLabels = ["a", "b", "c"];
const nesterov = { name: "sgd", learningRate: 1e-3, momentum: 0.9, nesterov: true } as const;
const cases = [
  { name: "vgg", first: { optimizer: "rmsprop" }, second: { optimizer: nesterov }, rates: {} },
  {
    name: "batch-normalization",
    first: { optimizer: "adam", learningRate: 1e-2 },
    second: {},
    rates: { learningRate: 1e-3 },
  },
  {
    name: "two-rates",
    first: { optimizer: "adam", learningRate: 1e-2 },
    second: {},
    rates: { learningRate: 1e-3, backboneLearningRate: 1e-4 },
  },
] as const;

describe.each([
  { name: "tfjs-wasm", run: true, backend: () => tfjsWasm() },
  { name: "tfjs-cpu", run: true, backend: () => tfjsCpu() },
  { name: `tfjs-node${tfjsNodeHint}`, run: tfjsNodeIsBuilt, backend: () => tfjsNode({ module: tfjsNodeModule }) },
])("$name", ({ run, backend }) => {
  test.runIf(run).each(cases)(
    "warms up the head and fine-tunes $name to Keras's weights and moving statistics, in ten steps each",
    async ({ name, first, second, rates }) => {
      const golden = JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8")) as FineTuningCase;
      const whole = await loadKeras(fileURLToPath(new URL(`${name}.h5`, folder)));
      await using model = await TransferModel.create({
        backbone: whole,
        layer: "features",
        preprocess: golden.mode,
        head: { classLabels, network: async () => headOf(whole) },
        backend: backend(),
        ...first,
      });
      expect(model.network().layers.map((layer) => layer.name)).toEqual(whole.layers.map((layer) => layer.name));
      expect(new Set(model.frozen)).toEqual(new Set(whole.frozen));

      const [warmUp] = await model.fit(batchesOf(golden, 0), { epochs: 1 });
      compare(model.network(), golden, 0);
      expect(relative(warmUp?.loss, golden.stages[0]?.loss)).toBeLessThan(1e-4);

      model.unfreeze({ from: golden.unfreezeFrom, ...second });
      const [tuned] = await model.fit(batchesOf(golden, 1), { epochs: 1, ...rates });
      compare(model.network(), golden, 1);
      expect(relative(tuned?.loss, golden.stages[1]?.loss)).toBeLessThan(1e-4);
      for (const layer of model.frozen) expect(model.network().weights.get(layer)).toEqual(whole.weights.get(layer));
    },
  );
});

/** The layers behind "features". */
function headOf(network: Network): Network {
  const head = new Set(["hidden_1", "predictions"]);
  return splitNetwork(network, (layer) => !head.has(layer))?.tail as Network;
}

function batchesOf({ pixels, shape, stages }: FineTuningCase, stage: number): TrainingData {
  const bytes = new Uint8Array(Buffer.from(pixels, "base64"));
  const [, steps, batch, ...row] = shape;
  const width = batch * row.reduce((product, axis) => product * axis, 1);
  return {
    length: steps * batch,
    rowShape: row,
    batchesPerPass: steps,
    async *[Symbol.asyncIterator](): AsyncGenerator<TrainingBatch> {
      for (let step = 0; step < steps; step++) {
        const start = (stage * steps + step) * width;
        const classes = Int32Array.from(stages[stage]?.classes[step] ?? []);
        yield {
          xs: { dtype: "uint8", shape: [batch, ...row], data: bytes.slice(start, start + width) },
          ys: { dtype: "int32", shape: [batch], data: classes },
        };
      }
    },
  };
}

function compare({ weights }: Network, golden: FineTuningCase, stage: number): void {
  const expected = golden.stages[stage]?.weights ?? {};
  expect([...weights.keys()].sort()).toEqual(Object.keys(expected).sort());
  for (const [layer, lists] of Object.entries(expected)) {
    for (const [index, list] of lists.entries()) {
      const weight = weights.get(layer)?.[index];
      const data = weight?.array.data ?? new Float32Array();
      expect(data.length).toBe(list.length);
      // A frozen bias or beta is all zeros, and must stay so.
      const scale = Math.max(...list.map(Math.abs)) || 1;
      const error = Math.max(...list.map((value, i) => Math.abs(value - (data[i] as number)))) / scale;
      expect(error, `${layer} ${weight?.name} after stage ${stage}`).toBeLessThan(1e-4);
    }
  }
}

function relative(actual = Number.NaN, expected = Number.NaN): number {
  return Math.abs(actual - expected) / Math.abs(expected);
}
