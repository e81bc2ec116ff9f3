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
  readonly accuracy: number;
  readonly history: { readonly loss: readonly number[]; readonly accuracy: readonly number[] };
  readonly optimizer: Readonly<Record<string, number>>;
  readonly resavedPredictions: readonly number[];
}

const heads = [
  { name: "softmax regression", inputShape: [9], hidden: [], dropout: 0, l2: 0 },
  { name: "the originals' head", inputShape: [2, 3, 4], hidden: [16], dropout: 0.5, l2: 0 },
  { name: "two hidden layers and a penalty", inputShape: [20], hidden: [12, 8], dropout: 0.2, l2: 0.01 },
];
const classLabels = ["class 0", "class 1", "class 2"];
const rows = 96;
const dataOf = (inputShape: readonly number[]) => separableData(rows, inputShape, 3);
const rowsOf = (inputShape: readonly number[]): NdArray => ({
  dtype: "float32",
  shape: [rows, ...inputShape],
  data: dataOf(inputShape).xs,
});

function plain({ shape, data }: NdArray) {
  return { shape, data: Array.from(data, Number) };
}

describe.each([
  ["keras", "tensorflow"],
  ["keras", "jax"],
  ["tf_keras", "tensorflow"],
] as const)("a file of ours in %s on %s", (keras, backend) => {
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

  async function headJob({ name, ...shape }: (typeof heads)[number]) {
    await using head = await TransferHead.create({
      ...shape,
      classLabels,
      learningRate: 0.004,
      seed: 7,
      backend: tfjsWasm(),
    });
    const data = dataOf(shape.inputShape);
    await head.fit(data, { epochs: 3 });
    await head.save(pathOf(name));
    const xs = rowsOf(shape.inputShape);
    const predictions = [plain(await head.predict(xs))];
    const resaved = pathOf(`${name} resaved`);
    return { file: pathOf(name), keras, inputs: [plain(xs)], predictions, classes: [...data.ys], resaved };
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

  test.each(heads)("$name: loads, predicts the same, and measures the same loss", async ({ name, inputShape }) => {
    const result = results.get(name);
    await using head = await TransferHead.load(pathOf(name), { backend: tfjsWasm() });
    expect(result?.backend).toBe(backend);
    expect(result?.error).toBeLessThan(1e-6);
    expect(result?.layers).toEqual((await head.network()).layers.map((layer) => layer.name));
    const report = await head.evaluate(dataOf(inputShape));
    expect(Math.abs((result?.loss ?? 0) / report.loss - 1)).toBeLessThan(1e-5);
    expect(result?.accuracy).toBeCloseTo(report.accuracy, 6);
  });

  test.each(heads)("$name: is compiled, so that fit goes on", ({ name }) => {
    const { optimizer, history } = results.get(name) as Result;
    expect(optimizer.learning_rate).toBeCloseTo(0.004, 8);
    expect(optimizer.epsilon).toBeCloseTo(1e-7, 12);
    expect(history.loss).toHaveLength(4);
    expect(history.loss.at(-1)).toBeLessThan(history.loss[0] ?? 0);
    expect(history.accuracy).toHaveLength(4);
  });

  test.each(heads)("$name: comes back after Keras has trained and saved it", async ({ name, inputShape }) => {
    const resaved = pathOf(`${name} resaved`);
    // Keras drops the labels when it saves, so they must be given.
    await expect(TransferHead.load(resaved, { backend: tfjsWasm() })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(/pass `classLabels`, the names of its 3 classes/),
    });
    await using back = await TransferHead.load(resaved, { classLabels, backend: tfjsWasm() });
    const { data } = await back.predict(rowsOf(inputShape));
    const golden = results.get(name)?.resavedPredictions ?? [];
    expect(golden).toHaveLength(data.length);
    expect(Math.max(...data.map((value, at) => Math.abs(value - (golden[at] as number))))).toBeLessThan(1e-6);
    await back.fit(dataOf(inputShape), { epochs: 1 });
  });

  test("a network of every kind of layer, one of them applied twice: read from Keras, written, and the same there", () => {
    expect(results.get("network")?.error).toBeLessThan(1e-5);
  });
});
