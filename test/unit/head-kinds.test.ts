import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import * as tf from "@tensorflow/tfjs-layers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { fromLayersModel } from "../../src/keras/from-layers-model.js";
import type { NdArray } from "../../src/ndarray.js";
import { headNetwork } from "../../src/training/head-network.js";
import { TransferHead } from "../../src/transfer-head.js";
import { separableData, separableRows } from "../support/separable-data.js";

const rows = 90;
const width = 6;
const labelNames = ["first", "second"];
let folder: string;
let file: string;
const { xs } = separableRows(rows, [width], 3, 4);
const features: NdArray<"float32"> = { dtype: "float32", shape: [rows, width], data: xs };
const sumOf = (row: number) => (xs[row * width] as number) - 2 * (xs[row * width + 1] as number);

/** A file with multi-hot labels, and a column of prices. */
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "head-kinds-"));
  file = path.join(folder, "features.hdf5");
  await using writer = await HDF5DatasetWriter.create(file, {
    rows,
    rowShape: [width],
    labelShape: [2],
    classLabels: labelNames,
    columns: { price: { dtype: "float32" }, weights: { dtype: "float64" }, dark: { dtype: "float32" } },
  });
  const labels = Int32Array.from({ length: rows * 2 }, (_, at) =>
    Number((xs[Math.floor(at / 2) * width + (at % 2)] as number) > 0.8),
  );
  const columns = {
    price: Float32Array.from({ length: rows }, (_, row) => sumOf(row)),
    weights: Float64Array.from({ length: rows }, (_, row) => row % 3),
    dark: new Float32Array(rows).fill(-1),
  };
  await writer.add(features, { dtype: "int32", shape: [rows, 2], data: labels }, { columns });
  await writer.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const open = () =>
  HDF5DatasetGenerator.open(file, { batchSize: 16, shuffle: true, columns: ["price", "weights", "dark"] });
const backend = () => tfjsCpu();

describe("a multi-label head", () => {
  test("learns labels that a row has in any number, and comes back from its file", async () => {
    await using data = await open();
    await using head = await TransferHead.create({
      task: "multi-label",
      inputShape: [width],
      classLabels: labelNames,
      learningRate: 0.05,
      backend: backend(),
    });
    const logs = await head.fit(data, { epochs: 40, validation: data });
    expect(logs.at(-1)?.accuracy).toBeGreaterThan(0.9);
    const report = await head.evaluate(data);
    expect(report.accuracy).toBe(logs.at(-1)?.valAccuracy);
    expect(report.perLabel.map(({ label }) => label)).toEqual(labelNames);
    expect(report.micro.f1).toBeGreaterThan(0.9);
    expect(report.toString()).toContain("samples avg");
    expect(report.predictions.outputs.shape).toEqual([rows, 2]);
    // Nothing is above 1: no label is given, and those that rows have are missed.
    const { micro } = await head.evaluate(data, { threshold: 1 });
    expect(micro).toMatchObject({ recall: 0, support: report.micro.support });

    const bytes = await head.encode();
    await using again = await TransferHead.load(bytes, { task: "multi-label", backend: backend() });
    expect(await again.predict(features)).toEqual(await head.predict(features));
    await expect(TransferHead.load(bytes, { backend: backend() })).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(/does not fit the task "classification".*`task` may also be "multi-label"/),
    });
  });

  test("refuses labels that are neither one nor zero, and single classes", async () => {
    await using head = await TransferHead.create({
      task: "multi-label",
      inputShape: [width],
      classLabels: labelNames,
      backend: backend(),
    });
    const wrong = { ...separableData(4, [width], 2), classLabels: labelNames, labels: undefined };
    await expect(head.fit(wrong, { epochs: 1 })).rejects.toMatchObject({
      name: "ShapeMismatchError",
      message: expect.stringMatching(/labels of shape \[4\] in `ys`.*several labels for each row/),
    });
    const twos = {
      length: 1,
      async *[Symbol.asyncIterator]() {
        const ys = { dtype: "int32", shape: [1, 2], data: Int32Array.of(1, 2) } as const;
        yield { xs: { dtype: "float32", shape: [1, width], data: new Float32Array(width) } as const, ys };
      },
    };
    await expect(head.fit(twos, { epochs: 1 })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(/Row 0 .* has 2 as label 1/),
    });
    await expect(head.fit(twos, { epochs: 1, classWeight: "balanced" })).rejects.toMatchObject({
      message: expect.stringMatching(/`classWeight` was given for a multi-label task/),
    });
  });
});

describe("a regression head", () => {
  const create = (classLabels = ["price"]) =>
    TransferHead.create({
      task: "regression",
      inputShape: [width],
      classLabels,
      learningRate: 0.05,
      backend: backend(),
    });

  test("meets the numbers of a column, and comes back from its file", async () => {
    await using data = await open();
    await using head = await create();
    const fit = { epochs: 120, validation: data, targetColumn: "price" };
    const logs = await head.fit(data, fit);
    const report = await head.evaluate(data, { targetColumn: "price" });
    expect(report.r2).toBeGreaterThan(0.99);
    expect(logs.at(-1)?.valMeanAbsoluteError).toBeCloseTo(report.meanAbsoluteError, 6);
    expect(logs.at(-1)?.accuracy).toBeUndefined();
    await expect(head.classify(features)).rejects.toMatchObject({ name: "UnsupportedError" });
    await using again = await TransferHead.load(await head.encode(), { task: "regression", backend: backend() });
    expect(await again.predict(features)).toEqual(await head.predict(features));
  });

  test("takes several numbers from `ys`, and says what is missing", async () => {
    await using data = await open();
    await using two = await create(["a", "b"]);
    await two.fit(data, { epochs: 1 });
    await using one = await create();
    await expect(one.fit(data, { epochs: 1 })).rejects.toMatchObject({
      name: "ShapeMismatchError",
      message: expect.stringMatching(/learns numbers, \[16\]/),
    });
    await expect(one.fit(data, { epochs: 1, targetColumn: "cost" })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(/no column "cost".*columns: \["cost"\]/),
    });
    await expect(create([])).rejects.toMatchObject({ message: expect.stringMatching(/one output or more/) });
  });
});

describe("a network of one's own", () => {
  test("of tfjs becomes a head with its weights, learns, and is saved", async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 5, inputShape: [width], activation: "relu" }),
        tf.layers.dense({ units: 3, activation: "softmax" }),
      ],
    });
    const network = await fromLayersModel(model);
    await using head = await TransferHead.fromNetwork(network, {
      classLabels: ["class 0", "class 1", "class 2"],
      optimizer: "rmsprop",
      backend: backend(),
    });
    const { data: ours } = await head.predict(features);
    const input = (await import("@tensorflow/tfjs-core")).tensor2d(xs, [rows, width]);
    const theirs = await (model.predict(input) as import("@tensorflow/tfjs-core").Tensor).data();
    expect(Math.max(...ours.map((value, at) => Math.abs(value - (theirs[at] as number))))).toBeLessThan(1e-6);
    const data = separableData(rows, [width], 3);
    const logs = await head.fit(data, { epochs: 30 });
    expect(logs.at(-1)?.loss).toBeLessThan(logs[0]?.loss ?? 0);
    await using again = await TransferHead.load(await head.encode(), { backend: backend() });
    expect(await again.predict(features)).toEqual(await head.predict(features));
    input.dispose();
    model.dispose();
  });

  test("that does not fit the task, or the class labels, is refused", async () => {
    const network = headNetwork({ inputShape: [width], classLabels: ["a", "b", "c"] });
    await expect(
      TransferHead.fromNetwork(network, { classLabels: ["a", "b"], backend: backend() }),
    ).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(/tells 3 classes apart, but there are 2 class labels/),
    });
    await expect(
      TransferHead.fromNetwork(network, { task: "regression", classLabels: ["a", "b", "c"], backend: backend() }),
    ).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(/its last layer "predictions" has the activation softmax/),
    });
    await expect(fromLayersModel({} as never)).rejects.toMatchObject({ name: "InvalidModelError" });
  });
});

describe("weights of rows", () => {
  const train = async (sampleWeight: string | undefined, places: readonly number[]) => {
    await using data = await open();
    await using head = await TransferHead.create({
      task: "regression",
      inputShape: [width],
      classLabels: ["price"],
      optimizer: { name: "sgd", learningRate: 0.1 },
      backend: backend(),
    });
    await head.fit(data.subset(places).with({ batchSize: rows, shuffle: false }), {
      epochs: 1,
      sampleWeight,
      targetColumn: "price",
    });
    return [...(await head.network()).weights.values()].flat().flatMap(({ array }) => [...array.data]);
  };

  test("of 0, 1 and 2 are as if rows were left out and given twice", async () => {
    const all = Array.from({ length: rows }, (_, row) => row);
    const weighted = await train("weights", all);
    const repeated = await train(
      undefined,
      all.flatMap((row) => new Array<number>(row % 3).fill(row)),
    );
    expect(weighted).toHaveLength(repeated.length);
    for (const [at, weight] of weighted.entries()) expect(weight).toBeCloseTo(repeated[at] ?? Number.NaN, 5);
    expect(weighted).not.toEqual(await train(undefined, all));
  });

  test("below 0 are refused", async () => {
    await expect(train("dark", [0, 1])).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(/holds the weight -1/),
    });
  });
});

describe("findLearningRate", () => {
  const classLabels = ["class 0", "class 1", "class 2"];
  const data = separableData(rows, [width], 3, 16);

  test("gives a table up to where the loss explodes, a rate that trains, and leaves the head as it was", async () => {
    const create = () =>
      TransferHead.create({ inputShape: [width], classLabels, optimizer: { name: "sgd" }, backend: backend() });
    await using head = await create();
    await head.fit(data, { epochs: 1 });
    const { trials, suggestion } = await head.findLearningRate(data, { minimum: 1e-4, maximum: 1e4, steps: 80 });
    expect(trials.length).toBeLessThan(80);
    expect(trials[0]?.learningRate).toBeCloseTo(1e-4, 12);
    expect((trials[9]?.learningRate ?? 0) / (trials[8]?.learningRate ?? 0)).toBeCloseTo(1e8 ** (1 / 79), 9);
    expect(suggestion).toBeGreaterThan(1e-3);
    expect(suggestion).toBeLessThan(10);
    await head.fit(data, { epochs: 1 });
    await using other = await create();
    await other.fit(data, { epochs: 1 });
    await other.fit(data, { epochs: 1 });
    expect(await head.predict(features)).toEqual(await other.predict(features));
    expect(head.history).toEqual(other.history);
  });

  test.each([{ minimum: 0 }, { minimum: 1, maximum: 0.1 }, { steps: 2 }])("refuses %j", async (options) => {
    await using head = await TransferHead.create({ inputShape: [width], classLabels, backend: backend() });
    await expect(head.findLearningRate(data, options)).rejects.toMatchObject({ name: "InvalidArgumentError" });
  });
});

describe("optimizers", () => {
  const create = (optimizer: unknown, more = {}) =>
    TransferHead.create({
      inputShape: [2],
      classLabels: ["a", "b"],
      optimizer: optimizer as "adam",
      backend: backend(),
      ...more,
    });

  test.each<readonly [unknown, object, RegExp]>([
    ["adagrad", {}, /`optimizer` is "adagrad": expected "sgd", "rmsprop", "adam" or "adamw"/],
    [{ name: "sgd", beta1: 0.9 }, {}, /a setting `beta1`, which "sgd" has not: expected name, learningRate, momentum/],
    [{ name: "sgd", learningRate: 1 }, { learningRate: 1 }, /were both given/],
    [{ name: "sgd", learningRate: -1 }, {}, /`learningRate` is -1/],
    ["adam", { clipping: { clipnorm: 1, clipvalue: 1 } }, /one way of clipping at most/],
    ["adam", { labelSmoothing: 1 }, /`labelSmoothing` is 1/],
    ["adam", { l1: -1 }, /`l1` is -1/],
    ["adam", { activation: "rellu" }, /`activation` is "rellu"/],
    ["adam", { task: "ranking" }, /`task` is "ranking"/],
  ])("refuses %j with %j", async (optimizer, more, message) => {
    await expect(create(optimizer, more)).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });
});
