import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import type { Network } from "../../src/network/network.js";
import { TransferHead } from "../../src/transfer-head.js";
import { separableRows } from "../support/separable-data.js";

const rowShape = [3, 3, 16];
const classLabels = ["cats", "dogs", "panda"];
const rows = 450;
let folder: string;
let features: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "head-on-files-"));
  features = path.join(folder, "features.hdf5");
  const { xs, ys } = separableRows(rows, rowShape, classLabels.length, 8);
  await using writer = await HDF5DatasetWriter.create(features, { rows, rowShape, classLabels });
  const width = xs.length / rows;
  for (let start = 0; start < rows; start += 100) {
    const end = Math.min(rows, start + 100);
    await writer.add(
      { dtype: "float32", shape: [end - start, ...rowShape], data: xs.slice(start * width, end * width) },
      ys.slice(start, end),
    );
  }
  await writer.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function bits({ weights }: Network): readonly Uint32Array[] {
  return [...weights.values()].flat().map(({ array }) => new Uint32Array(array.data.slice().buffer));
}

describe.each([
  ["tfjs-wasm", tfjsWasm],
  ["tfjs-cpu", tfjsCpu],
])("a head on features streamed from a file, on %s", (name, backend) => {
  async function run(seed: number) {
    await using data = await HDF5DatasetGenerator.open(features, { batchSize: 32, shuffle: true, seed });
    const { train, validation } = data.split({ validation: 0.25, stratify: true });
    await using head = await TransferHead.create({
      inputShape: data.rowShape,
      classLabels: data.classLabels,
      hidden: [32],
      dropout: 0.5,
      seed,
      backend: backend(),
    });
    const log = await head.fit(train, { epochs: 12, validation });
    const report = await head.evaluate(validation);
    const file = path.join(folder, `${name} ${seed}.h5`);
    await head.save(file);
    return { log, report, file, bits: bits(await head.network()), validation: validation.length };
  }

  test("learns, reports on every validation row, and comes back from its file with the same report", async () => {
    const { log, report, file, validation } = await run(1);
    expect(log).toHaveLength(12);
    expect(report.accuracy).toBeGreaterThanOrEqual(0.98);
    expect(log.at(-1)?.valAccuracy).toBe(report.accuracy);
    expect(log.at(-1)?.valLoss).toBeCloseTo(report.loss, 12);
    expect(report.macro.support).toBe(validation);
    expect(report.toString()).toContain("       panda ");

    await using loaded = await TransferHead.load(file, { backend: backend() });
    await using data = await HDF5DatasetGenerator.open(features, { batchSize: 100 });
    const again = await loaded.evaluate(data.split({ validation: 0.25, stratify: true, seed: 1 }).validation);
    expect(again.confusionMatrix).toEqual(report.confusionMatrix);
    expect(again.loss).toBeCloseTo(report.loss, 5);
  });

  test("gives the same weights and history, bit for bit, from the same seed", async () => {
    const [first, second] = [await run(2), await run(2)];
    expect(second.bits).toEqual(first.bits);
    expect(second.log).toEqual(first.log);
    expect((await run(3)).bits).not.toEqual(first.bits);
  });
});

describe("data that does not fit the head", () => {
  const create = (more: object) =>
    TransferHead.create({ inputShape: rowShape, classLabels, backend: tfjsCpu(), ...more });

  test.each([
    ["another width", { inputShape: [144] }, "ShapeMismatchError", /\[3, 3, 16\], but this network takes \[144\]/],
    [
      "fewer classes",
      { classLabels: ["cats", "dogs"] },
      "InvalidArgumentError",
      /class 2: expected an integer from 0 to 1/,
    ],
    [
      "other names",
      { classLabels: ["cats", "dogs", "pandas"] },
      "InvalidArgumentError",
      /class 2 is "panda" there and "pandas" here/,
    ],
    [
      "another order",
      { classLabels: ["dogs", "cats", "panda"] },
      "InvalidArgumentError",
      /class 0 is "cats" there and "dogs" here/,
    ],
  ])("%s: refused before anything is read, by fit and evaluate", async (_, more, name, message) => {
    await using data = await HDF5DatasetGenerator.open(features);
    await using head = await create(more);
    const refusal = { name, message: expect.stringMatching(message) };
    await expect(head.fit(data)).rejects.toMatchObject(refusal);
    await expect(head.evaluate(data)).rejects.toMatchObject(refusal);
    expect(head.history).toEqual([]);
  });

  test("no labels in the file: an error that says how to name them", async () => {
    const file = path.join(folder, "unlabelled.hdf5");
    await using writer = await HDF5DatasetWriter.create(file, { rows: 2, rowShape });
    await writer.add({ dtype: "float32", shape: [2, ...rowShape], data: new Float32Array(288) });
    await writer.close();
    await using data = await HDF5DatasetGenerator.open(file, { labelKey: null });
    await using head = await create({});
    await expect(head.fit(data)).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(/2 rows but no labels.*`labelKey`/),
    });
  });
});
