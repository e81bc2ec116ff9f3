import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { contiguous } from "../../src/hdf5/contiguous-engine.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { jsfive } from "../../src/hdf5/jsfive.node.js";
import { type AddOptions, HDF5DatasetWriter, type HDF5DatasetWriterOptions } from "../../src/hdf5-dataset-writer.js";
import type { NdArray } from "../../src/ndarray.js";

let folder: string;
let target: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "columns-"));
  target = path.join(folder, "data.hdf5");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const options: HDF5DatasetWriterOptions = {
  rowShape: [2],
  labelShape: [3],
  labelDtype: "uint8",
  classLabels: ["cat", "dog", "panda"],
  columns: {
    sample_weights: { dtype: "float32" },
    boxes: { dtype: "int32", shape: [2, 2] },
    ids: { dtype: "int64" },
    photographer: { dtype: "string" },
  },
};

/** Everything about rows `first` to `first + count`. */
function batch(first: number, count: number): Parameters<HDF5DatasetWriter["add"]> {
  const at = <T>(make: (row: number) => T) => Array.from({ length: count }, (_, i) => make(first + i));
  const rows: NdArray = { dtype: "float32", shape: [count, 2], data: Float32Array.from(at((i) => [i, -i]).flat()) };
  const labels: NdArray = {
    dtype: "uint8",
    shape: [count, 3],
    data: Uint8Array.from(at((i) => [i & 1, (i >> 1) & 1, (i >> 2) & 1]).flat()),
  };
  const columns = {
    sample_weights: at((i) => i / 4),
    boxes: {
      dtype: "int32",
      shape: [count, 2, 2],
      data: Int32Array.from(at((i) => [i, i + 1, -i, 7]).flat()),
    } satisfies NdArray,
    ids: Float64Array.from(at((i) => 2 ** 40 + i)),
    photographer: at((i) => (i % 3 === 1 ? "" : `Ünal ${i}`)),
  };
  return [rows, labels, { names: at((i) => `${i}.jpg`), columns }];
}

describe("further columns and labels of several values", () => {
  test.each([contiguous(), h5wasm(), jsfive()])("are read whole by engine $name", async (engine) => {
    for (const compression of [undefined, { gzip: 1 }]) {
      await using writer = await HDF5DatasetWriter.create(target, { ...options, compression, overwrite: true });
      for (let first = 0; first < 10; first += 4) await writer.add(...batch(first, Math.min(4, 10 - first)));
      await writer.close();
      if (compression && engine.name === "contiguous") continue;
      const file = await engine.open(target);
      const [rows, labels, { columns } = {}] = batch(0, 10);
      expect(await file.list("/")).toEqual(
        ["boxes", "features", "file_names", "ids", "label_names", "labels", "photographer", "sample_weights"].sort(),
      );
      expect(await file.read("features")).toEqual(rows);
      expect(await file.read("labels")).toEqual(labels);
      expect(await file.read("boxes")).toEqual(columns?.boxes);
      const weights = Float32Array.from({ length: 10 }, (_, i) => i / 4);
      expect(await file.read("sample_weights")).toEqual({ dtype: "float32", shape: [10], data: weights });
      const ids = BigInt64Array.from({ length: 10 }, (_, i) => 2n ** 40n + BigInt(i));
      expect(await file.read("ids")).toEqual({ dtype: "int64", shape: [10], data: ids });
      expect(await file.readStrings("photographer")).toEqual(columns?.photographer);
      expect(await file.readStrings("label_names")).toEqual(["cat", "dog", "panda"]);
      await file.close();
    }
  });

  test("survive interruptions: the same bytes as an undisturbed run, in the buffer or not", async () => {
    const files: Buffer[] = [];
    for (const [name, stops, bufferSize] of [
      ["whole", [], 100],
      ["one", [4], 100],
      ["many", [1, 2, 5, 9], 3],
      ["direct", [3, 7], 1],
    ] as const) {
      const file = path.join(folder, name);
      let done = 0;
      for (const stop of [...stops, 12]) {
        await using writer = await HDF5DatasetWriter.create(file, { ...options, bufferSize, resume: true });
        expect(writer.rowsWritten).toBe(done);
        for (; done < stop; done++) await writer.add(...batch(done, 1));
        if (stop === 12) await writer.close();
      }
      files.push(await readFile(file));
    }
    for (const bytes of files) expect(bytes.equals(files[0] as Buffer)).toBe(true);
  });

  test("belong to the caller again after `add`", async () => {
    await using writer = await HDF5DatasetWriter.create(target, options);
    const [rows, labels, more] = batch(0, 2);
    const boxes = more?.columns?.boxes as NdArray<"int32">;
    await writer.add(rows, labels, more);
    (labels as NdArray<"uint8">).data.fill(9);
    boxes.data.fill(9);
    await writer.close();
    const file = await contiguous().open(target);
    expect(await file.read("labels")).toEqual(batch(0, 2)[1]);
    expect(await file.read("boxes")).toEqual(batch(0, 2)[2]?.columns?.boxes);
    await file.close();
  });

  const [good, labels, more] = batch(0, 2);
  const withColumns = (columns: AddOptions["columns"]) =>
    [good, labels, { ...more, columns: { ...more?.columns, ...columns } }] as Parameters<HDF5DatasetWriter["add"]>;
  test.each<[string, string, RegExp, Parameters<HDF5DatasetWriter["add"]>]>([
    [
      "no values of a column",
      "InvalidArgumentError",
      /without values of column "boxes"/,
      [good, labels, { ...more, columns: { sample_weights: [1, 1] } }],
    ],
    [
      "values of an unknown column",
      "InvalidArgumentError",
      /"weights"; .*sample_weights/,
      withColumns({ weights: [1, 1] }),
    ],
    ["fewer values than rows", "ShapeMismatchError", /"sample_weights"/, withColumns({ sample_weights: [1] })],
    ["single values for a column of boxes", "ShapeMismatchError", /\[2, 2, 2\]/, withColumns({ boxes: [1, 2] })],
    [
      "an array of another shape",
      "ShapeMismatchError",
      /\[2, 4\]/,
      withColumns({ boxes: { dtype: "int32", shape: [2, 4], data: new Int32Array(8) } }),
    ],
    ["a value beyond the type", "InvalidArgumentError", /0\.5/, withColumns({ ids: [0.5, 1] })],
    [
      "a text in a column of numbers",
      "InvalidArgumentError",
      /"a".*not a number/,
      withColumns({ sample_weights: ["a", "b"] }),
    ],
    ["numbers in a column of texts", "InvalidArgumentError", /"photographer"/, withColumns({ photographer: [1, 2] })],
    ["one label for each row where there are three", "ShapeMismatchError", /\[2, 3\]/, [good, [0, 1], more]],
    [
      "a label beyond uint8",
      "InvalidArgumentError",
      /300/,
      [good, { dtype: "int32", shape: [2, 3], data: Int32Array.of(0, 0, 0, 0, 0, 300) }, more],
    ],
  ])("%s: an error, and nothing is taken", async (_, name, message, bad) => {
    await using writer = await HDF5DatasetWriter.create(target, options);
    await expect(writer.add(...bad)).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
    expect(writer.rowsWritten).toBe(0);
    await writer.add(good, labels, more);
    await writer.close();
  });

  test.each<[string, object]>([
    ["labelShape", { labelShape: [0] }],
    ["labelDtype", { labelDtype: "float32" }],
    ["columns.features", { columns: { features: { dtype: "int32" } } }],
    ["columns.labels", { columns: { labels: { dtype: "int32" } } }],
    ["columns.file_names", { columns: { file_names: { dtype: "string" } } }],
    ["columns.a/b", { columns: { "a/b": { dtype: "int32" } } }],
    ["columns.a", { columns: { a: { dtype: "text" } } }],
    ["columns.a", { columns: { a: null } }],
    ["columns.a", { columns: { a: "float32" } }],
    ["columns.a", { columns: { a: { dtype: "string", shape: [2] } } }],
    ["columns.a", { columns: { a: { dtype: "int32", shape: [0.5] } } }],
    ["columns", { columns: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`c${i}`, { dtype: "uint8" }])) }],
  ])("option %s: %o is an error before any file is made", async (name, bad) => {
    await expect(HDF5DatasetWriter.create(target, { rowShape: [2], ...bad } as never)).rejects.toThrow(`\`${name}\``);
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ["labelShape", { labelShape: [2] }],
    ["labelDtype", { labelDtype: "int32" }],
    ["columns", { columns: { sample_weights: { dtype: "float64" } } }],
  ])("a run with another `%s` is not gone on with", async (name, other) => {
    await (await HDF5DatasetWriter.create(target, options))[Symbol.asyncDispose]();
    const resumed = HDF5DatasetWriter.create(target, { ...options, ...other, resume: true } as never);
    await expect(resumed).rejects.toThrow(`\`${name}\` was`);
  });

  test("twenty of them, with long names, and fourteen attributes have room in the head", async () => {
    const columns = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`${"column ".repeat(20)}${i}`, { dtype: "uint8" as const }]),
    );
    const values = Object.fromEntries(Object.keys(columns).map((name, i) => [name, [i]]));
    await using writer = await HDF5DatasetWriter.create(target, { rowShape: [2], columns });
    await writer.add({ dtype: "float32", shape: [1, 2], data: Float32Array.of(1, 2) }, [0], { columns: values });
    const facts = Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`fact ${i}`, i]));
    await writer.storeAttributes({ text: "x".repeat(500), ...facts });
    await expect(writer.storeAttributes({ more: 1 })).rejects.toThrow(/15 attributes; up to 14/);
    await writer.close();
    for (const engine of [contiguous(), jsfive()]) {
      const opened = await engine.open(target);
      expect(await opened.attributes("/")).toHaveLength(16);
      await opened.close();
    }
    const file = await h5wasm().open(target);
    expect(await file.attributes("/")).toHaveLength(16);
    expect((await file.attribute("/", "fact 12"))?.data).toEqual(BigInt64Array.of(12n));
    expect(await file.list("/")).toHaveLength(22);
    for (const [i, name] of Object.keys(columns).entries()) expect((await file.read(name)).data[0]).toBe(i);
    await file.close();
  });

  test("one class for each row may be kept as uint8, and given as an array", async () => {
    await using writer = await HDF5DatasetWriter.create(target, { rowShape: [2], labelDtype: "uint8" });
    const rows: NdArray = { dtype: "float32", shape: [2, 2], data: new Float32Array(4) };
    await writer.add(rows, { dtype: "int64", shape: [2], data: BigInt64Array.of(3n, 200n) });
    await expect(writer.add(rows, [0, 256])).rejects.toThrow("256");
    await expect(writer.add(rows, { dtype: "uint8", shape: [2, 2], data: new Uint8Array(4) })).rejects.toThrow(
      "labelShape",
    );
    await expect(writer.storeClassLabels(["a", "b"])).rejects.toThrow("200");
    await writer.close();
    const file = await contiguous().open(target);
    expect(await file.read("labels")).toEqual({ dtype: "uint8", shape: [2], data: Uint8Array.of(3, 200) });
    await file.close();
  });
});
