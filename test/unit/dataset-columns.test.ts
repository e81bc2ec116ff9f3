import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import type { BatchColumn } from "../../src/hdf5/column-reader.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter, type HDF5DatasetWriterOptions } from "../../src/hdf5-dataset-writer.js";
import type { NdArray } from "../../src/ndarray.js";
import { TransferHead } from "../../src/transfer-head.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "dataset-columns-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const columns = {
  sample_weights: { dtype: "float32" },
  boxes: { dtype: "int32", shape: [2, 2] },
  ids: { dtype: "int64" },
  photographer: { dtype: "string" },
} as const;
const keys = [...Object.keys(columns), "file_names"];

/** A file whose row `n`, from `first` on, has `n` in everything that belongs to it. */
async function file(name: string, first: number, rows: number, options: Partial<HDF5DatasetWriterOptions> = {}) {
  const target = path.join(folder, name);
  const at = <T>(make: (row: number) => T) => Array.from({ length: rows }, (_, i) => make(first + i));
  await using writer = await HDF5DatasetWriter.create(target, {
    rowShape: [2],
    labelShape: [3],
    labelDtype: "uint8",
    columns,
    ...options,
  });
  await writer.add(
    { dtype: "float32", shape: [rows, 2], data: Float32Array.from(at((row) => [row, -row]).flat()) },
    { dtype: "uint8", shape: [rows, 3], data: Uint8Array.from(at(labelsOf).flat()) },
    {
      names: at((row) => `${row}.jpg`),
      columns: {
        sample_weights: at((row) => row / 4),
        boxes: { dtype: "int32", shape: [rows, 2, 2], data: Int32Array.from(at((row) => [row, 1, -row, 2]).flat()) },
        ids: at((row) => 2 ** 40 + row),
        photographer: at((row) => `Ünal ${row}`),
      },
    },
  );
  await writer.close();
  return target;
}

const labelsOf = (row: number) => [row & 1, (row >> 1) & 1, (row >> 2) & 1];

interface Batch {
  readonly xs: NdArray;
  readonly ys: NdArray;
  readonly indices: Uint32Array;
  readonly columns: Readonly<Record<string, BatchColumn>>;
}

/** The rows of a pass, after checking that all that came with each belongs to it. */
async function rowsOf(data: AsyncIterable<Batch>): Promise<number[]> {
  const seen: number[] = [];
  for await (const { xs, ys, indices, columns } of data) {
    const rows = [...indices];
    const each = <T>(make: (row: number) => T) => rows.map(make);
    const count = rows.length;
    expect([...xs.data]).toEqual(each((row) => [row, -row]).flat());
    expect(ys).toEqual({ dtype: "int32", shape: [count, 3], data: Int32Array.from(each(labelsOf).flat()) });
    expect(columns).toEqual({
      sample_weights: { dtype: "float32", shape: [count], data: Float32Array.from(each((row) => row / 4)) },
      boxes: {
        dtype: "int32",
        shape: [count, 2, 2],
        data: Int32Array.from(each((row) => [row, 1, 0 - row, 2]).flat()),
      },
      ids: { dtype: "int64", shape: [count], data: BigInt64Array.from(each((row) => BigInt(2 ** 40 + row))) },
      photographer: { dtype: "string", shape: [count], data: each((row) => `Ünal ${row}`) },
      file_names: { dtype: "string", shape: [count], data: each((row) => `${row}.jpg`) },
    });
    seen.push(...rows);
  }
  return seen;
}

const sorted = (rows: readonly number[]) => [...rows].sort((a, b) => a - b);
const first = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("multi-hot labels and further columns come with their rows", () => {
  test.each([
    ["as stored", undefined, undefined],
    ["as stored, through h5wasm", undefined, h5wasm()],
    ["compressed", { gzip: 1 }, undefined],
  ])("%s: in order, mixed, in blocks, divided, repeated, without the last batch", async (name, compression, engine) => {
    const target = await file(`${name}.hdf5`, 0, 50, { compression });
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 8, columns: keys, engine });
    expect([data.labelShape, data.labels, data.length]).toEqual([[3], undefined, 50]);
    expect(await rowsOf(data)).toEqual(first(50));
    const mixed = data.with({ shuffle: true, seed: 3, prefetch: 4 });
    const seen = await rowsOf(mixed);
    expect(seen).not.toEqual(first(50));
    expect(sorted(seen)).toEqual(first(50));
    expect(sorted(await rowsOf(data.with({ shuffle: { blockRows: 4, bufferRows: 12 } })))).toEqual(first(50));
    expect(sorted(await rowsOf(mixed.batches({ reuse: true })))).toEqual(first(50));
    expect(await rowsOf(mixed.with({ dropLast: true }))).toHaveLength(48);
    const { train, validation, test } = mixed.split({ validation: 0.2, test: 0.2 });
    const parts = [await rowsOf(train), await rowsOf(validation), await rowsOf(test)];
    expect(parts.map(({ length }) => length)).toEqual([30, 10, 10]);
    expect(sorted(parts.flat())).toEqual(first(50));
    for (const fold of mixed.kFold(3)) {
      expect(sorted([...(await rowsOf(fold.train)), ...(await rowsOf(fold.validation))])).toEqual(first(50));
    }
    expect(await rowsOf(data.subset([49, 0, 49]))).toEqual([49, 0, 49]);
  });

  test("out of several files", async () => {
    const files = [await file("1.hdf5", 0, 9), await file("2.hdf5", 9, 1), await file("3.hdf5", 10, 15)];
    await using data = await HDF5DatasetGenerator.open(files, { batchSize: 7, columns: keys });
    expect(await rowsOf(data)).toEqual(first(25));
    expect(sorted(await rowsOf(data.with({ shuffle: true })))).toEqual(first(25));
  });

  test("beside a class for each row, balanced and one-hot", async () => {
    const target = path.join(folder, "classes.hdf5");
    await using writer = await HDF5DatasetWriter.create(target, {
      rowShape: [1],
      columns: { weight: { dtype: "float64" } },
    });
    const numbers = first(10);
    await writer.add(
      { dtype: "float32", shape: [10, 1], data: Float32Array.from(numbers) },
      numbers.map((row) => (row < 7 ? 0 : 1)),
      { columns: { weight: numbers.map((row) => row * 10) } },
    );
    await writer.close();
    await using data = await HDF5DatasetGenerator.open(target, {
      shuffle: true,
      sampling: "balanced",
      batchSize: 4,
      columns: ["weight"],
    });
    expect(data.labelShape).toEqual([]);
    let rows = 0;
    for await (const { xs, ys, columns } of data.batches({ binarize: true })) {
      expect([...(columns.weight?.data ?? [])]).toEqual(Array.from(xs.data, (row) => row * 10));
      expect([...ys.data]).toEqual([...xs.data].flatMap((row) => (row < 7 ? [1, 0] : [0, 1])));
      rows += xs.data.length;
    }
    expect(rows).toBe(14);
  });

  test("for fitDataset: labels as they are, columns as arrays", async () => {
    const tf = { tensor: (values: ArrayLike<number>, shape: number[]) => ({ values: [...Array.from(values)], shape }) };
    const target = await file("fit.hdf5", 0, 10);
    await using data = await HDF5DatasetGenerator.open(target, {
      batchSize: 4,
      shuffle: true,
      dropLast: true,
      columns: ["ids"],
    });
    const iterator = await data.dataset({ tf }).iterator();
    let batches = 0;
    for (let item = await iterator.next(); !item.done; item = await iterator.next()) {
      const { xs, ys, columns } = item.value;
      const rows = xs.values.filter((_, i) => i % 2 === 0);
      expect(ys).toEqual({ values: rows.flatMap(labelsOf), shape: [4, 3] });
      expect(columns.ids?.data).toEqual(BigInt64Array.from(rows, (row) => BigInt(2 ** 40 + row)));
      batches++;
    }
    expect(batches).toBe(2);
    expect(() => data.dataset({ tf, binarize: true })).toThrow(
      expect.objectContaining({ name: "InvalidArgumentError", message: expect.stringContaining("several labels") }),
    );
  });

  test("train a tfjs-layers model on multi-hot labels, without leaking tensors", async () => {
    const core = await import("@tensorflow/tfjs-core");
    const layers = await import("@tensorflow/tfjs-layers");
    await import("@tensorflow/tfjs-backend-cpu");
    await core.setBackend("cpu");
    const target = await file("sigmoid.hdf5", 0, 8);
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 8, columns: keys });
    const model = layers.sequential({
      layers: [layers.layers.dense({ units: 3, activation: "sigmoid", inputShape: [2] })],
    });
    model.compile({ optimizer: core.train.adam(0.1), loss: "binaryCrossentropy" });
    const train = (epochs: number) => model.fitDataset(data.dataset({ tf: core }) as never, { epochs, verbose: 0 });
    await train(1);
    const before = core.memory().numTensors;
    const { history } = await train(60);
    expect(core.memory().numTensors).toBe(before);
    expect(history.loss?.at(-1)).toBeLessThan((history.loss?.[0] as number) * 0.8);
    model.dispose();
  });

  test("the caller may change them: no later batch is altered", async () => {
    const target = await file("changed.hdf5", 0, 20, { compression: { gzip: 1 } });
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 5, columns: keys });
    for await (const { ys, columns } of data) {
      ys.data.fill(77);
      for (const column of Object.values(columns)) (column.data as unknown[]).fill(column.dtype === "int64" ? 7n : 7);
    }
    expect(await rowsOf(data)).toEqual(first(20));
  });
});

describe("a file of h5py", () => {
  const target = path.resolve(import.meta.dirname, "../fixtures/hdf5-columns/columns.h5");
  type Golden = { dtype: string; shape: number[]; data: unknown[] };
  let golden: Record<string, Golden>;
  beforeAll(async () => {
    golden = JSON.parse(await readFile(target.replace(/h5$/, "json"), "utf8"));
  });
  const asked = ["sample_weights", "half", "big", "ids", "paths", "fixed", "authors", "/more/weights", "soft"];

  /** Values of some rows, as JSON has them. */
  const rowsIn = ({ dtype, shape: [, ...rowShape], data }: Golden, rows: Uint32Array) => {
    const length = rowShape.reduce((product, axis) => product * axis, 1);
    const own = [...rows].flatMap((row) => data.slice(row * length, (row + 1) * length));
    return { dtype, shape: [rows.length, ...rowShape], data: own };
  };
  const plain = ({ dtype, shape, data }: BatchColumn) => ({
    dtype,
    shape,
    data: dtype === "int64" ? Array.from(data as ArrayLike<bigint>, String) : [...(data as Iterable<unknown>)],
  });

  test.each([undefined, h5wasm()])("gives each column exactly, shuffled (engine %o)", async (engine) => {
    await using data = await HDF5DatasetGenerator.open(target, {
      engine,
      dataKey: "features",
      columns: asked,
      shuffle: true,
      batchSize: 6,
    });
    let rows = 0;
    for await (const { xs, ys, indices, columns } of data) {
      expect([...xs.data]).toEqual([...indices].flatMap((row) => [row, 0 - row]));
      expect(plain(ys)).toEqual({ ...rowsIn(golden.labels as Golden, indices), dtype: "int32" });
      for (const key of asked) {
        const expected = rowsIn(golden[key.replace(/^\//, "")] as Golden, indices);
        expect([key, plain(columns[key] as BatchColumn)]).toEqual([key, expected]);
      }
      rows += indices.length;
    }
    expect(rows).toBe(23);
  });

  test("one-hot labels of floats come as whole numbers; others are an error that says how to get them", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { labelKey: "one_hot" });
    const { value } = await data[Symbol.asyncIterator]().next();
    expect(value?.ys.dtype).toBe("int32");
    expect([...(value?.ys.data ?? [])]).toEqual(golden.one_hot?.data);
    await using soft = await HDF5DatasetGenerator.open(target, { labelKey: "soft" });
    await expect(soft[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      name: "InvalidDatasetError",
      message: expect.stringMatching(/row 0; .*labelKey: null, columns: \["soft"\]/),
    });
  });

  test.each<[string, string, RegExp, unknown]>([
    [
      "missing",
      "InvalidDatasetError",
      /no dataset "weights", which `columns` names.*"sample_weights" float64/,
      ["weights"],
    ],
    ["of other length", "InvalidDatasetError", /"short" .*\[22\], but "features" has 23 rows/, ["ids", "short"]],
    ["a single value", "InvalidDatasetError", /"scalar".*\[\]/, ["scalar"]],
    ["neither numbers nor texts", "InvalidDatasetError", /"compound".*neither/, ["compound"]],
    ["a group", "InvalidDatasetError", /no dataset "more"/, ["more"]],
    ["named twice", "InvalidArgumentError", /"ids" stands there twice/, ["ids", "ids"]],
    ["not a list", "InvalidArgumentError", /`columns`.*list of texts/, "ids"],
    ["not texts", "InvalidArgumentError", /`columns`.*list of texts/, [1]],
  ])("a column that is %s is one typed error", async (_, name, message, wrong) => {
    const opening = HDF5DatasetGenerator.open(target, { columns: wrong as never });
    await expect(opening).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
  });
});

describe("what needs one class for each row says so where a row has several labels", () => {
  test.each<[string, (data: HDF5DatasetGenerator) => unknown]>([
    ["stratify", (data) => data.split({ validation: 0.5, stratify: true })],
    ["kFold", (data) => data.kFold(2, { stratify: true })],
    ["sampling", (data) => data.with({ shuffle: true, sampling: "balanced" })],
    ["binarize", (data) => data.batches({ binarize: true }).next()],
  ])("%s", async (_, action) => {
    const target = await file("several.hdf5", 0, 8, { overwrite: true });
    await using data = await HDF5DatasetGenerator.open(target);
    await expect((async () => action(data))()).rejects.toMatchObject({
      name: "InvalidDatasetError",
      message: expect.stringMatching(/one class for each row.*shape \[3\]/),
    });
  });

  test("a TransferHead, before it changes anything", async () => {
    const target = await file("head.hdf5", 0, 8);
    await using data = await HDF5DatasetGenerator.open(target);
    await using head = await TransferHead.create({
      inputShape: [2],
      classLabels: ["a", "b", "c"],
      backend: tfjsCpu(),
    });
    const rows: NdArray<"float32"> = { dtype: "float32", shape: [1, 2], data: Float32Array.of(1, 2) };
    const before = await head.predict(rows);
    for (const use of [() => head.fit(data), () => head.evaluate(data)]) {
      await expect(use()).rejects.toMatchObject({
        name: "ShapeMismatchError",
        message: expect.stringMatching(/labels of shape \[8, 3\].*one class for each row/),
      });
    }
    expect(await head.predict(rows)).toEqual(before);
  });
});

test("several files have to have the same columns: the one that differs is named", async () => {
  const good = await file("good.hdf5", 0, 4);
  const other = path.join(folder, "other.hdf5");
  await using writer = await HDF5DatasetWriter.create(other, { rowShape: [2], columns: { ids: { dtype: "int32" } } });
  const rows: NdArray = { dtype: "float32", shape: [1, 2], data: new Float32Array(2) };
  await writer.add(rows, [0], { columns: { ids: [1] } });
  await writer.close();
  await expect(HDF5DatasetGenerator.open([good, other])).rejects.toMatchObject({
    name: "InvalidDatasetError",
    path: other,
    message: expect.stringContaining("labels given, not of shape [3]"),
  });
  const unlabelled = { labelKey: null, columns: ["ids"] };
  await expect(HDF5DatasetGenerator.open([good, other], unlabelled)).rejects.toMatchObject({
    name: "InvalidDatasetError",
    path: other,
    message: expect.stringMatching(/column "ids" int32 of shape \[\], not int64/),
  });
  await expect(HDF5DatasetGenerator.open([good, other], { labelKey: null, columns: ["boxes"] })).rejects.toMatchObject({
    name: "InvalidDatasetError",
    path: other,
    message: expect.stringContaining('no dataset "boxes"'),
  });
});

test("an unfinished file says that its columns are still in its journal", async () => {
  const target = path.join(folder, "unfinished.hdf5");
  await using writer = await HDF5DatasetWriter.create(target, { rowShape: [2], columns: { ids: { dtype: "int32" } } });
  const rows: NdArray = { dtype: "float32", shape: [1, 2], data: new Float32Array(2) };
  await writer.add(rows, [0], { columns: { ids: [1] } });
  await writer.flush();
  const opening = HDF5DatasetGenerator.open(`${target}.partial`, { allowIncomplete: true, columns: ["ids"] });
  await expect(opening).rejects.toMatchObject({
    name: "InvalidDatasetError",
    message: expect.stringContaining("still in the journal"),
  });
  await writer.abort();
});
