import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { readKerasModel } from "../../src/keras/read-model.js";
import { encodeKerasModel } from "../../src/keras/write-model.js";
import { type NdArray, sizeOf } from "../../src/ndarray.js";
import { createRandom } from "../../src/random.js";
import type { TransferHeadOptions } from "../../src/training/head-options.js";
import type { Task } from "../../src/training/target.js";
import type { TrainingData } from "../../src/training/training-data.js";
import { TransferHead } from "../../src/transfer-head.js";
import { separableData } from "../support/separable-data.js";
import { runPythonOn } from "./reference-python.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "keras-heads-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Result {
  readonly version: string;
  readonly error: number;
  readonly backend: string;
  readonly layers: readonly string[];
  readonly loss: number;
  /** The figure beside the loss. */
  readonly figure: number;
  readonly history: Readonly<Record<string, readonly number[]>>;
  readonly optimizer: Readonly<Record<string, number>>;
  readonly resavedPredictions: readonly number[];
  readonly resavedLoss: number;
}

interface HeadCase extends Omit<TransferHeadOptions<Task>, "classLabels"> {
  readonly name: string;
  /** Keras's name of the figure beside the loss. */
  readonly figure?: string;
}

const headsOfBoth: readonly HeadCase[] = [
  { name: "softmax regression", inputShape: [9] },
  { name: "the originals' head", inputShape: [2, 3, 4], hidden: [16], dropout: 0.5 },
  { name: "two hidden layers and a penalty", inputShape: [20], hidden: [12, 8], dropout: 0.2, l2: 0.01 },
  {
    name: "several labels, batch normalization and both penalties",
    task: "multi-label",
    inputShape: [9],
    hidden: [12],
    activation: "tanh",
    batchNormalization: true,
    l1: 0.001,
    l2: 0.002,
    optimizer: { name: "rmsprop", momentum: 0.5, centered: true },
    figure: "binary_accuracy",
  },
  {
    name: "numbers, momentum and clipping",
    task: "regression",
    inputShape: [9],
    hidden: [12],
    l1: 0.001,
    optimizer: { name: "sgd", momentum: 0.9, nesterov: true },
    clipping: { clipnorm: 1 },
    figure: "mean_absolute_error",
  },
  { name: "smoothed classes", inputShape: [9], labelSmoothing: 0.1, l2: 0.01 },
  {
    name: "smoothed labels",
    task: "multi-label",
    inputShape: [9],
    labelSmoothing: 0.2,
    figure: "binary_accuracy",
  },
];
/** Keras 2 finds no AdamW in an `.h5` file, unless it has written it itself. */
const headsOfKeras3: readonly HeadCase[] = [
  ...headsOfBoth,
  { name: "weight decay", inputShape: [9], optimizer: { name: "adamw", weightDecay: 0.01 } },
];
const classLabels = ["class 0", "class 1", "class 2"];
const rows = 96;
const rowsOf = (inputShape: readonly number[]): NdArray => ({
  dtype: "float32",
  shape: [rows, ...inputShape],
  data: separableData(rows, inputShape, 3).xs,
});

/** Targets as Keras takes them, `[rows, 3]`: one-hot, ones where a feature is large, or the features themselves. */
function targetsOf({ inputShape, task = "classification" }: HeadCase): NdArray<"float32"> {
  const { xs, ys } = separableData(rows, inputShape, 3);
  const width = sizeOf(inputShape);
  const data = Float32Array.from({ length: rows * 3 }, (_, at) => {
    const row = Math.floor(at / 3);
    const value = xs[row * width + (at % 3)] as number;
    if (task === "classification") return Number(ys[row] === at % 3);
    return task === "multi-label" ? Number(value > 0.7) : value;
  });
  return { dtype: "float32", shape: [rows, 3], data };
}

function dataOf(head: HeadCase): TrainingData {
  const data = { ...separableData(rows, head.inputShape, 3), labels: undefined };
  if ((head.task ?? "classification") === "classification") return data;
  const targets = targetsOf(head);
  return {
    ...data,
    async *[Symbol.asyncIterator]() {
      let row = 0;
      for await (const { xs } of data) {
        const count = xs.shape[0] ?? 0;
        const ys = { ...targets, shape: [count, 3], data: targets.data.subarray(row * 3, (row + count) * 3) };
        row += count;
        yield { xs, ys };
      }
    },
  };
}

function plain({ shape, data }: NdArray) {
  return { shape, data: Array.from(data, Number) };
}

describe.each([
  ["keras", "tensorflow", headsOfKeras3],
  ["keras", "jax", headsOfKeras3],
  ["tf_keras", "tensorflow", headsOfBoth],
] as const)("a file of ours in %s on %s", (keras, backend, heads) => {
  const results = new Map<string, Result>();
  const pathOf = (name: string) => path.join(folder, `${keras} ${backend} ${name}.h5`);

  // One run of Python for all files, as its start takes longer than everything else.
  beforeAll(async () => {
    const jobs = [...(await Promise.all(heads.map((head) => headJob(head)))), await networkJob()];
    const list = path.join(folder, `${keras}-${backend}.json`);
    await writeFile(list, JSON.stringify(jobs));
    // Keras writes notes of its own before the last line.
    const printed = (await runPythonOn(backend, "keras_heads.py", list)).trim().split("\n").at(-1) ?? "";
    for (const [index, result] of (JSON.parse(printed) as Result[]).entries()) {
      results.set(heads[index]?.name ?? "network", result);
    }
  });

  async function headJob(headCase: HeadCase) {
    const { name, figure: _, ...shape } = headCase;
    await using head = await TransferHead.create<Task>({
      ...shape,
      classLabels,
      learningRate: 0.004,
      seed: 7,
      backend: tfjsWasm(),
    });
    await head.fit(dataOf(headCase), { epochs: 3 });
    await head.save(pathOf(name));
    const xs = rowsOf(shape.inputShape);
    const predictions = [plain(await head.predict(xs))];
    const resaved = pathOf(`${name} resaved`);
    return {
      file: pathOf(name),
      keras,
      inputs: [plain(xs)],
      predictions,
      targets: plain(targetsOf(headCase)),
      resaved,
    };
  }

  async function networkJob() {
    const version = keras === "keras" ? "keras3" : "keras2";
    const source = fileURLToPath(new URL(`../fixtures/keras-models/${version}-picture-network.h5`, import.meta.url));
    const opened = await h5wasm().open(source);
    const { network } = await readKerasModel(opened, source);
    await opened.close();
    await writeFile(pathOf("network"), await encodeKerasModel(network, { engine: h5wasm() }));
    const random = createRandom(1);
    const shape = [4, 9, 8, 3];
    const inputs = network.inputs.map((): NdArray => {
      const data = Float32Array.from({ length: sizeOf(shape) }, () => random.double() * 2 - 1);
      return { dtype: "float32", shape, data };
    });
    const runtime = onnx();
    await runtime.init();
    const loaded = await runtime.load(network);
    const predictions = (await loaded.run(inputs)).map(plain);
    await loaded.dispose();
    return { file: pathOf("network"), keras, inputs: inputs.map(plain), predictions };
  }

  test.each(heads)("$name: loads, predicts the same, and measures the same loss", async (headCase) => {
    const { name, task } = headCase;
    const result = results.get(name);
    await using head = await TransferHead.load<Task>(pathOf(name), { task, backend: tfjsWasm() });
    expect(result?.backend).toBe(backend);
    expect(result?.error).toBeLessThan(1e-6);
    expect(result?.layers).toEqual((await head.network()).layers.map((layer) => layer.name));
    const report = await head.evaluate(dataOf(headCase));
    expect(Math.abs((result?.loss ?? 0) / report.loss - 1)).toBeLessThan(1e-5);
    const figure = "meanAbsoluteError" in report ? report.meanAbsoluteError : report.accuracy;
    expect(result?.figure).toBeCloseTo(figure, 6);
  });

  test.each(heads)(
    "$name: is compiled, so that fit goes on",
    ({ name, optimizer: options, clipping, figure = "accuracy" }) => {
      const { optimizer, history } = results.get(name) as Result;
      expect(optimizer.learning_rate).toBeCloseTo(0.004, 8);
      const settings: Readonly<Record<string, unknown>> = typeof options === "object" ? { ...options } : {};
      if ("momentum" in settings) expect(optimizer.momentum).toBeCloseTo(Number(settings.momentum), 6);
      if ("nesterov" in settings) expect(optimizer.nesterov).toBe(1);
      else expect(optimizer.epsilon).toBeCloseTo(1e-7, 12);
      if ("weightDecay" in settings) expect(optimizer.weight_decay).toBeCloseTo(Number(settings.weightDecay), 8);
      expect(optimizer.clipnorm).toBe(clipping?.clipnorm);
      expect(history.loss).toHaveLength(4);
      expect(history.loss?.at(-1)).toBeLessThan(Number(history.loss?.[0]));
      expect(history[figure]).toHaveLength(4);
    },
  );

  test.each(heads)("$name: comes back after Keras has trained and saved it", async (headCase) => {
    const { name, inputShape, task } = headCase;
    const resaved = pathOf(`${name} resaved`);
    // Keras drops the labels when it saves, so they must be given.
    await expect(TransferHead.load<Task>(resaved, { task, backend: tfjsWasm() })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(/pass `classLabels`, the names of its 3 (classes|outputs)/),
    });
    await using back = await TransferHead.load<Task>(resaved, { task, classLabels, backend: tfjsWasm() });
    const { data } = await back.predict(rowsOf(inputShape));
    const golden = results.get(name)?.resavedPredictions ?? [];
    expect(golden).toHaveLength(data.length);
    expect(Math.max(...data.map((value, at) => Math.abs(value - (golden[at] as number))))).toBeLessThan(1e-6);
    const { loss } = await back.evaluate(dataOf(headCase));
    expect(Math.abs((results.get(name)?.resavedLoss ?? 0) / loss - 1)).toBeLessThan(1e-5);
    await back.fit(dataOf(headCase), { epochs: 1 });
  });

  test("a network of every kind of layer, one of them applied twice: read from Keras, written, and the same there", () => {
    expect(results.get("network")?.error).toBeLessThan(1e-5);
  });
});
