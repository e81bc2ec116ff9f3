import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { TrainableBackend } from "../../src/backends/trainable-backend.js";
import { contiguous } from "../../src/hdf5/contiguous-engine.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { jsfive } from "../../src/hdf5/jsfive.node.js";
import type { NdArray } from "../../src/ndarray.js";
import type { Network } from "../../src/network/network.js";
import type { TransferHeadOptions } from "../../src/training/head-options.js";
import { TransferHead } from "../../src/transfer-head.js";
import { rowsData, separableData, separableRows } from "../support/separable-data.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "transfer-head-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const data = separableData(200, [2, 2, 6], 3);
const rows: NdArray<"float32"> = { dtype: "float32", shape: [200, 2, 2, 6], data: data.xs };
const options: TransferHeadOptions = {
  inputShape: [2, 2, 6],
  classLabels: ["class 0", "class 1", "class 2"],
  hidden: [12],
  dropout: 0.3,
  learningRate: 0.01,
  seed: 11,
};

function bits(network: Network): readonly (readonly [string, Uint32Array])[] {
  return [...network.weights].flatMap(([layer, weights]) =>
    weights.map(({ name, array }) => [`${layer}/${name}`, new Uint32Array(array.data.slice().buffer)] as const),
  );
}

describe.each([
  ["tfjs-wasm", tfjsWasm],
  ["tfjs-cpu", tfjsCpu],
])("TransferHead on %s", (name, backend) => {
  test("learns to tell separable classes apart, on rows that it has not seen", async () => {
    await using head = await TransferHead.create({ ...options, backend: backend() });
    expect(head.backend.name).toBe(name);
    const logs = await head.fit(data, { epochs: 15 });
    expect(logs.at(-1)?.loss).toBeLessThan((logs[0]?.loss ?? 0) / 4);
    const unseen = separableRows(90, [2, 2, 6], 3, 99);
    const report = await head.evaluate(rowsData(unseen.xs, unseen.ys, [2, 2, 6], head.classLabels, 32));
    expect(report.accuracy).toBeGreaterThanOrEqual(0.98);
    expect(report.perClass.map(({ support }) => support)).toEqual([30, 30, 30]);
  });

  test("ends with the same weights, bit for bit, from the same seed, and with others from another", async () => {
    const train = async (seed: number) => {
      await using head = await TransferHead.create({ ...options, seed, backend: backend() });
      await head.fit(data, { epochs: 2 });
      return bits(await head.network());
    };
    const first = await train(5);
    expect(await train(5)).toEqual(first);
    expect(await train(6)).not.toEqual(first);
  });

  test("goes on where it stopped when fit is called again", async () => {
    await using once = await TransferHead.create({ ...options, backend: backend() });
    await once.fit(data, { epochs: 3, validation: data });
    await using twice = await TransferHead.create({ ...options, backend: backend() });
    await twice.fit(data, { epochs: 1, validation: data });
    const later = await twice.fit(data, { epochs: 2, validation: data });
    expect(later.map(({ epoch }) => epoch)).toEqual([2, 3]);
    expect(twice.history).toEqual(once.history);
    expect(bits(await twice.network())).toEqual(bits(await once.network()));
  });

  test("predicts the same after it was saved and loaded", async () => {
    const file = path.join(folder, `${name}.h5`);
    await using head = await TransferHead.create({
      ...options,
      l2: 0.001,
      backend: backend(),
      metadata: { backbone: "vgg16", size: 224 },
    });
    await head.fit(data, { epochs: 2 });
    await head.save(file);
    await using loaded = await TransferHead.load(file, { backend: backend() });
    expect(await loaded.predict(rows)).toEqual(await head.predict(rows));
    expect(loaded.classLabels).toEqual(head.classLabels);
    expect(loaded.inputShape).toEqual([2, 2, 6]);
    expect(loaded.metadata).toEqual({ backbone: "vgg16", size: 224 });
    // The penalty is in the file too: it is a part of the loss.
    expect((await loaded.evaluate(data)).loss).toBe((await head.evaluate(data)).loss);
    await using ofBytes = await TransferHead.load(await readFile(file), { backend: backend() });
    expect(await ofBytes.predict(rows)).toEqual(await head.predict(rows));
    await loaded.fit(data, { epochs: 1 });
  });
});

describe("TransferHead", () => {
  const create = (more: Partial<TransferHeadOptions> = {}) =>
    TransferHead.create({ ...options, backend: tfjsWasm(), ...more });

  test("is softmax regression on the flattened features unless hidden layers are asked for", async () => {
    await using head = await TransferHead.create({ inputShape: [4], classLabels: ["a", "b"], backend: tfjsWasm() });
    const { layers } = await head.network();
    expect(layers.map(({ className, name }) => [className, name])).toEqual([
      ["InputLayer", "features"],
      ["Dense", "predictions"],
    ]);
    await using full = await create({ hidden: [5, 4] });
    expect((await full.network()).layers.map(({ name }) => name)).toEqual([
      "features",
      "flatten",
      "hidden_1",
      "dropout_1",
      "hidden_2",
      "dropout_2",
      "predictions",
    ]);
    await using dropped = await create({ hidden: [] });
    expect((await dropped.network()).layers.map(({ name }) => name)).toEqual([
      "features",
      "flatten",
      "dropout_1",
      "predictions",
    ]);
  });

  test("names the most probable classes of each row, the best first", async () => {
    await using head = await create();
    await head.fit(data, { epochs: 10 });
    const answers = await head.classify({ ...rows, shape: [2, 2, 2, 6], data: data.xs.slice(0, 48) }, { top: 2 });
    expect(answers).toHaveLength(2);
    expect(answers.map((row) => row[0]?.label)).toEqual(["class 0", "class 1"]);
    for (const row of answers) {
      expect(row).toHaveLength(2);
      expect(row[0]?.probability).toBeGreaterThan(row[1]?.probability ?? 1);
    }
    const [all] = await head.classify({ ...rows, shape: [1, 2, 2, 6], data: data.xs.slice(0, 24) });
    expect(all?.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
  });

  test("predicts many rows in pieces with the result of single rows, and none for none", async () => {
    await using head = await create();
    const many = separableRows(600, [2, 2, 6], 3, 4);
    const whole = await head.predict({ dtype: "float32", shape: [600, 2, 2, 6], data: many.xs });
    expect(whole.shape).toEqual([600, 3]);
    const last = await head.predict({ dtype: "float32", shape: [1, 2, 2, 6], data: many.xs.slice(-24) });
    expect(whole.data.slice(-3)).toEqual(last.data);
    expect(await head.predict({ dtype: "float32", shape: [0, 2, 2, 6], data: new Float32Array(0) })).toEqual({
      dtype: "float32",
      shape: [0, 3],
      data: new Float32Array(0),
    });
  });

  test.each([
    [[2, 24], 48],
    [[24], 24],
    [[1, 2, 2, 6], 23],
  ])("refuses features of shape %j with %i values", async (shape, values) => {
    await using head = await create();
    await expect(head.predict({ dtype: "float32", shape, data: new Float32Array(values) })).rejects.toMatchObject({
      name: "ShapeMismatchError",
      message: expect.stringMatching(/expected \[rows, 2, 2, 6\]/),
    });
  });

  test.each<readonly [Partial<TransferHeadOptions>, RegExp]>([
    [{ classLabels: ["one"] }, /at least two classes/],
    [{ classLabels: ["a", "a"] }, /"a" twice/],
    [{ classLabels: ["a", ""] }, /an empty name/],
    [{ inputShape: [] }, /`inputShape` is \[\]/],
    [{ inputShape: [0] }, /`inputShape` is \[0\]/],
    [{ hidden: [1.5] }, /`hidden` is \[1.5\]/],
    [{ dropout: 1 }, /`dropout` is 1/],
    [{ learningRate: 0 }, /`learningRate` is 0/],
    [{ learningRate: Number.NaN }, /`learningRate` is NaN/],
    [{ l2: -1 }, /`l2` is -1/],
    [{ seed: -1 }, /`seed` is -1/],
    [{ metadata: { size: Number.NaN } }, /`metadata` has NaN for "size"/],
  ])("refuses %j", async (wrong, message) => {
    await expect(create(wrong)).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });

  test("does not train twice at once", async () => {
    await using head = await create();
    const first = head.fit(data, { epochs: 1 });
    await expect(head.fit(data, { epochs: 1 })).rejects.toMatchObject({ name: "InvalidArgumentError" });
    await first;
    await head.fit(data, { epochs: 1 });
  });

  test("has sound weights and can train again after features that are too large", async () => {
    await using head = await create();
    await head.fit(data, { epochs: 1 });
    const before = bits(await head.network());
    const spoilt = rowsData(data.xs.slice().fill(3e38, 4000, 4020), data.ys, [2, 2, 6], head.classLabels, 32);
    await expect(head.fit(spoilt, { epochs: 1 })).rejects.toMatchObject({ name: "TrainingDivergedError", epoch: 2 });
    expect(bits(await head.network())).toEqual(before);
    const [log] = await head.fit(data, { epochs: 1 });
    expect(log).toMatchObject({ epoch: 2, loss: expect.any(Number) });
    expect(log?.loss).toBeLessThan(2);
  });

  test("stays closed when that happens while the weights from before training diverged are put back", async () => {
    const backend = tfjsCpu();
    const watched: TrainableBackend = {
      ...backend,
      async loadForTraining(...args) {
        const loaded = await backend.loadForTraining(...args);
        return {
          ...loaded,
          setState: async (state) => {
            await head.close();
            await loaded.setState(state);
          },
        };
      },
    };
    const head = await TransferHead.create({ ...options, backend: watched });
    const spoilt = rowsData(data.xs.slice().fill(3e38, 4000, 4020), data.ys, [2, 2, 6], head.classLabels, 32);
    await expect(head.fit(spoilt, { epochs: 1 })).rejects.toMatchObject({ name: "ClosedError" });
    await expect(head.predict(rows)).rejects.toMatchObject({ name: "ClosedError" });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "refuses features with %d and names the row, in fit, evaluate and predict",
    async (value) => {
      await using head = await create();
      // Value 7 of row 100, which has 24; in batches of 32 rows.
      const spoilt = rowsData(data.xs.slice().fill(value, 2407, 2408), data.ys, [2, 2, 6], head.classLabels, 32);
      const refusal = (place: string) => ({
        name: "InvalidArgumentError",
        message: expect.stringContaining(`${place} has ${value} as value 7`),
      });
      await expect(head.fit(spoilt, { epochs: 1 })).rejects.toMatchObject(refusal("Row 100 of a pass over `train`"));
      await expect(head.fit(data, { epochs: 1, validation: spoilt })).rejects.toMatchObject(
        refusal("Row 100 of a pass over `validation`"),
      );
      await expect(head.evaluate(spoilt)).rejects.toMatchObject(refusal("Row 100 of a pass over `data`"));
      const features = { dtype: "float32", shape: [200, 2, 2, 6], data: spoilt.xs } as const;
      await expect(head.predict(features)).rejects.toMatchObject(refusal("Row 100 of the features given to `predict`"));
    },
  );

  test("can be used on after an abort", async () => {
    await using head = await create();
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    await expect(head.fit(data, { signal: controller.signal, onProgress })).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(head.history).toEqual([]);
    expect((await head.fit(data, { epochs: 1 }))[0]?.epoch).toBe(1);
  });

  test("refuses everything after close, which may be called twice", async () => {
    const head = await create();
    await head.close();
    await head.close();
    for (const use of [
      () => head.fit(data),
      () => head.evaluate(data),
      () => head.predict(rows),
      () => head.network(),
      () => head.save(path.join(folder, "never.h5")),
    ]) {
      await expect(use()).rejects.toMatchObject({ name: "ClosedError" });
    }
    expect(await readdir(folder)).not.toContain("never.h5");
  });

  test.each([h5wasm, jsfive, contiguous].map((make) => [make().name, make] as const))(
    "is read by %s from bytes, labels and metadata included",
    async (_, makeEngine) => {
      await using head = await create({ classLabels: ["Käse", "猫", "class 2"], metadata: { layer: "block5_pool" } });
      const bytes = await head.encode();
      await using loaded = await TransferHead.load(bytes, { engine: makeEngine(), backend: tfjsWasm() });
      expect(bits(await loaded.network())).toEqual(bits(await head.network()));
      expect(loaded.classLabels).toEqual(["Käse", "猫", "class 2"]);
      expect(loaded.metadata).toEqual({ layer: "block5_pool" });
    },
  );

  test("replaces a file by default, and keeps it with overwrite: false", async () => {
    await using head = await create();
    const file = path.join(folder, "again.h5");
    await writeFile(file, "old");
    await expect(head.save(file, { overwrite: false })).rejects.toMatchObject({
      name: "FileAccessError",
      reason: "exists",
    });
    expect(await readFile(file, "utf8")).toBe("old");
    await head.save(file);
    expect((await readFile(file)).subarray(1, 4).toString()).toBe("HDF");
  });

  test("gives predictions that another backend confirms from its plain data", async () => {
    await using head = await create();
    await head.fit(data, { epochs: 1 });
    const backend = onnx();
    await backend.init();
    const loaded = await backend.load(await head.network());
    const [confirmed] = await loaded.run([rows]);
    await loaded.dispose();
    const { data: predicted } = await head.predict(rows);
    const error = Math.max(...predicted.map((value, at) => Math.abs(value - (confirmed?.data[at] ?? Number.NaN))));
    expect(error).toBeLessThan(1e-6);
  });
});
