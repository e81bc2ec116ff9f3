import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { contiguous } from "../../src/hdf5/contiguous-engine.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { jsfive } from "../../src/hdf5/jsfive.node.js";
import { HDF5DatasetWriter, type HDF5DatasetWriterOptions } from "../../src/hdf5-dataset-writer.js";
import type { NdArray } from "../../src/ndarray.js";

let folder: string;
let target: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "writer-"));
  target = path.join(folder, "data.hdf5");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const options: HDF5DatasetWriterOptions = { rows: 6, rowShape: [2, 3], classLabels: ["cat", "dog", "panda"] };

/** Rows `first` to `first + count`, whose values tell where they belong. */
function rows(first: number, count: number): NdArray<"float32"> {
  return {
    dtype: "float32",
    shape: [count, 2, 3],
    data: Float32Array.from({ length: count * 6 }, (_, i) => first * 6 + i),
  };
}

describe("a closed file", () => {
  test.each([contiguous(), h5wasm(), jsfive()])("is read whole by engine $name", async (engine) => {
    const writer = await HDF5DatasetWriter.create(target, {
      ...options,
      attributes: { network: "vgg16", means: [1.5, 2], count: 3 },
    });
    await writer.add(rows(0, 4), [0, 1, 2, 0], { names: ["a.jpg", "ü/b.jpg", "", "d.jpg"] });
    await writer.add(rows(4, 2), ["panda", "dog"], { names: ["e.jpg", "f.jpg"] });
    await writer.close();
    const file = await engine.open(target);
    expect(await file.list("/")).toEqual(["features", "file_names", "label_names", "labels"]);
    expect(await file.read("features")).toEqual({ ...rows(0, 6) });
    expect(await file.read("labels")).toEqual({ dtype: "int32", shape: [6], data: Int32Array.of(0, 1, 2, 0, 2, 1) });
    expect(await file.readStrings("label_names")).toEqual(["cat", "dog", "panda"]);
    expect(await file.readStrings("file_names")).toEqual(["a.jpg", "ü/b.jpg", "", "d.jpg", "e.jpg", "f.jpg"]);
    expect(await file.attribute("/", "network")).toEqual({ dtype: "string", shape: [], data: ["vgg16"] });
    expect(await file.attribute("/", "means")).toEqual({ dtype: "float64", shape: [2], data: Float64Array.of(1.5, 2) });
    expect(await file.attribute("/", "count")).toEqual({ dtype: "int64", shape: [], data: BigInt64Array.of(3n) });
    expect((await file.attribute("/", "complete"))?.data[0]).toBe(1);
    expect((await file.attribute("/", "rows_written"))?.data[0]).toBe(6n);
    await file.close();
    expect(await readdir(folder)).toEqual(["data.hdf5"]);
  });

  test("is the same whether the number of rows was known, and however they were cut into batches", async () => {
    const files: Buffer[] = [];
    for (const [known, batch, bufferSize] of [
      [true, 6, 1],
      [true, 1, 4],
      [true, 4, 2],
      [true, 2, 1000],
    ] as const) {
      const file = path.join(folder, `${known}-${batch}-${bufferSize}.hdf5`);
      const writer = await HDF5DatasetWriter.create(file, { ...options, rows: known ? 6 : undefined, bufferSize });
      for (let first = 0; first < 6; first += batch) {
        const count = Math.min(batch, 6 - first);
        await writer.add(
          rows(first, count),
          Array.from({ length: count }, (_, i) => (first + i) % 3),
        );
      }
      await writer.close();
      files.push(await readFile(file));
    }
    for (const bytes of files) expect(bytes.equals(files[0] as Buffer)).toBe(true);
  });

  test("may have rows whose number was not known, or none at all", async () => {
    for (const count of [0, 1, 2500]) {
      const file = path.join(folder, `${count}.hdf5`);
      const writer = await HDF5DatasetWriter.create(file, { rowShape: [2, 3] });
      for (let first = 0; first < count; first += 100) await writer.add(rows(first, Math.min(100, count - first)));
      await writer.close();
      for (const engine of [contiguous(), h5wasm(), jsfive()]) {
        const opened = await engine.open(file);
        expect(await opened.list("/")).toEqual(["features"]);
        expect((await opened.read("features")).shape).toEqual([count, 2, 3]);
        expect((await opened.read("features")).data).toEqual(rows(0, count).data);
        await opened.close();
      }
    }
  });

  test("may have fewer rows than announced, if that is said", async () => {
    const writer = await HDF5DatasetWriter.create(target, options);
    await writer.add(rows(0, 3), [0, 1, 2]);
    await expect(writer.close()).rejects.toMatchObject({ name: "ShapeMismatchError", expected: [6], received: [3] });
    await writer.skip(2);
    await expect(writer.close()).rejects.toMatchObject({ name: "ShapeMismatchError" });
    await writer.close({ allowFewer: true });
    const file = await h5wasm().open(target);
    expect((await file.read("features")).shape).toEqual([3, 2, 3]);
    await file.close();
  });

  test("counts skipped rows as announced ones", async () => {
    const writer = await HDF5DatasetWriter.create(target, options);
    await writer.add(rows(0, 3), [0, 1, 2], { skipped: 1 });
    await writer.skip(2);
    expect([writer.rowsWritten, writer.rowsSkipped]).toEqual([3, 3]);
    await expect(writer.skip()).rejects.toMatchObject({ name: "ShapeMismatchError" });
    await writer.close();
  });

  test("holds 5,000 names with their collections", async () => {
    const writer = await HDF5DatasetWriter.create(target, { rowShape: [1], dtype: "uint8" });
    const names = Array.from({ length: 5000 }, (_, i) => `folder ${i % 7}/näme ${i}.jpg`);
    for (let first = 0; first < 5000; first += 500) {
      await writer.add({ dtype: "uint8", shape: [500, 1], data: new Uint8Array(500) }, undefined, {
        names: names.slice(first, first + 500),
      });
    }
    await writer.close();
    for (const engine of [contiguous(), h5wasm(), jsfive()]) {
      const file = await engine.open(target);
      expect(await file.readStrings("file_names")).toEqual(names);
      await file.close();
    }
  });
});

describe("compression", () => {
  const width = 700;
  const sparse = (first: number, count: number) =>
    Float32Array.from({ length: count * width }, (_, i) =>
      (first * width + i) % 5 < 4 ? 0 : (first * width + i) % 1000,
    );

  test.each([0, 1, 23, 24, 25, 5000])("of %i rows: every reader finds the same, in a smaller file", async (count) => {
    for (const compression of [undefined, { gzip: 1 }]) {
      const file = path.join(folder, `${compression?.gzip}.hdf5`);
      const writer = await HDF5DatasetWriter.create(file, { rowShape: [width], compression, classLabels: ["a", "b"] });
      for (let first = 0; first < count; first += 100) {
        const rows = Math.min(100, count - first);
        const names = Array.from({ length: rows }, (_, i) => `${first + i}.jpg`);
        await writer.add(
          { dtype: "float32", shape: [rows, width], data: sparse(first, rows) },
          new Int32Array(rows).fill(1),
          { names },
        );
      }
      await writer.close();
    }
    for (const engine of [h5wasm(), jsfive()]) {
      const file = await engine.open(path.join(folder, "1.hdf5"));
      const { shape, data } = await file.read("features");
      expect(shape).toEqual([count, width]);
      expect(Buffer.compare(Buffer.from(data.buffer), Buffer.from(sparse(0, count).buffer))).toBe(0);
      if (count > 0) expect((await file.readStrings("file_names")).at(-1)).toBe(`${count - 1}.jpg`);
      await file.close();
    }
    if (count > 100) {
      expect((await stat(path.join(folder, "1.hdf5"))).size).toBeLessThan(
        (await stat(path.join(folder, "undefined.hdf5"))).size / 3,
      );
    }
    expect((await readdir(folder)).sort()).toEqual(["1.hdf5", "undefined.hdf5"]);
  });

  test("takes levels 1 to 9", async () => {
    for (const gzip of [0, 10, 1.5]) {
      await expect(HDF5DatasetWriter.create(target, { ...options, compression: { gzip } })).rejects.toThrow(
        "`compression`",
      );
    }
  });
});

describe("element types", () => {
  const values = [0, 1, 2, 100, 200, 255];
  const sources: readonly NdArray[] = [
    { dtype: "uint8", shape: [1, 6], data: Uint8Array.from(values) },
    { dtype: "int32", shape: [1, 6], data: Int32Array.from(values) },
    { dtype: "int64", shape: [1, 6], data: BigInt64Array.from(values, BigInt) },
    { dtype: "float32", shape: [1, 6], data: Float32Array.from(values) },
    { dtype: "float64", shape: [1, 6], data: Float64Array.from(values) },
    { dtype: "uint16", shape: [1, 6], data: Uint16Array.from(values) },
  ];
  const types = ["uint8", "int32", "int64", "float16", "float32", "float64"] as const;
  test.each(types)("%s takes values of any type that fit", async (dtype) => {
    const writer = await HDF5DatasetWriter.create(target, { rowShape: [6], dtype });
    for (const source of sources) await writer.add(source);
    await writer.close();
    const file = await h5wasm().open(target);
    expect(await file.stat("features")).toEqual({ kind: "dataset", shape: [sources.length, 6], dtype });
    const read = await file.read("features");
    expect(Array.from(read.data as ArrayLike<number>, Number)).toEqual(sources.flatMap(() => values));
    await file.close();
  });

  test.each<[string, HDF5DatasetWriterOptions["dtype"], NdArray]>([
    ["300 into uint8", "uint8", { dtype: "int32", shape: [1, 1], data: Int32Array.of(300) }],
    ["-1 into uint8", "uint8", { dtype: "float32", shape: [1, 1], data: Float32Array.of(-1) }],
    ["NaN into uint8", "uint8", { dtype: "float32", shape: [1, 1], data: Float32Array.of(Number.NaN) }],
    ["0.5 into int32", "int32", { dtype: "float64", shape: [1, 1], data: Float64Array.of(0.5) }],
    ["2^31 into int32", "int32", { dtype: "float64", shape: [1, 1], data: Float64Array.of(2 ** 31) }],
    ["2^40 into int32", "int32", { dtype: "int64", shape: [1, 1], data: BigInt64Array.of(2n ** 40n) }],
    [
      "infinity into int64",
      "int64",
      { dtype: "float64", shape: [1, 1], data: Float64Array.of(Number.POSITIVE_INFINITY) },
    ],
    ["70000 into float16", "float16", { dtype: "float32", shape: [1, 1], data: Float32Array.of(70000) }],
    ["2049 as an integer into float16", "float16", { dtype: "int32", shape: [1, 1], data: Int32Array.of(2049) }],
    ["1e300 into float32", "float32", { dtype: "float64", shape: [1, 1], data: Float64Array.of(1e300) }],
    [
      "2^24 + 1 as an integer into float32",
      "float32",
      { dtype: "int32", shape: [1, 1], data: Int32Array.of(2 ** 24 + 1) },
    ],
  ])("%s is an error and changes nothing", async (_, dtype, bad) => {
    const writer = await HDF5DatasetWriter.create(target, { rowShape: [1], ...(dtype ? { dtype } : {}) });
    await writer.add({ dtype: "uint8", shape: [1, 1], data: Uint8Array.of(7) });
    await expect(writer.add(bad)).rejects.toMatchObject({ name: "InvalidArgumentError" });
    expect(writer.rowsWritten).toBe(1);
    await writer.close();
  });
});

describe("add checks everything before it takes anything", () => {
  const good = rows(0, 2);
  test.each<[string, string, Parameters<HDF5DatasetWriter["add"]>]>([
    ["rows of another shape", "ShapeMismatchError", [{ ...good, shape: [2, 3, 2] }, [0, 0]]],
    ["a row without batch axis", "ShapeMismatchError", [{ ...good, shape: [12] }, [0, 0]]],
    ["fewer values than the shape says", "ShapeMismatchError", [{ ...good, data: new Float32Array(11) }, [0, 0]]],
    ["more rows than announced", "ShapeMismatchError", [rows(0, 6), [0, 0, 0, 0, 0, 0]]],
    ["fewer labels than rows", "ShapeMismatchError", [good, [0]]],
    ["more labels than rows", "ShapeMismatchError", [good, [0, 1, 2]]],
    ["no labels after rows with labels", "InvalidArgumentError", [good]],
    ["names after rows without names", "InvalidArgumentError", [good, [0, 1], { names: ["a", "b"] }]],
    ["a label beyond the classes", "InvalidArgumentError", [good, [0, 3]]],
    ["a negative label", "InvalidArgumentError", [good, [0, -1]]],
    ["a label that is not whole", "InvalidArgumentError", [good, [0, 0.5]]],
    ["a label that is no number", "InvalidArgumentError", [good, [0, Number.NaN]]],
    ["an unknown class name", "InvalidArgumentError", [good, ["cat", "Cat"]]],
    ["a negative number of skipped rows", "InvalidArgumentError", [good, [0, 0], { skipped: -1 }]],
  ])("%s", async (_, name, bad) => {
    const writer = await HDF5DatasetWriter.create(target, options);
    await writer.add(rows(0, 1), [1]);
    await expect(writer.add(...bad)).rejects.toMatchObject({ name });
    await writer.add(rows(1, 5), [0, 1, 2, 0, 1]);
    await writer.close();
    const file = await contiguous().open(target);
    expect((await file.read("features")).data).toEqual(rows(0, 6).data);
    expect((await file.read("labels")).data).toEqual(Int32Array.of(1, 0, 1, 2, 0, 1));
    await file.close();
  });

  const floats = Float32Array.of(1, 2, 3, 4, 5, 6);
  test.each<[string, string, unknown, string]>([
    ["longer numbers than `dtype` says", "float32", Float64Array.from(floats), "Float64Array"],
    ["integers called floats", "float32", Int32Array.from(floats), "Int32Array"],
    ["a list", "float32", [...floats], "[1, 2, 3, 4, 5, 6]"],
    ["a buffer", "uint8", Object.assign(new ArrayBuffer(6), { length: 6 }), "ArrayBuffer"],
    ["an unknown type", "float23", floats, "float23"],
    ["the name of something of every object", "toString", floats, "toString"],
  ])("%s are refused, not taken for other numbers", async (_, dtype, data, shown) => {
    const writer = await HDF5DatasetWriter.create(target, { rowShape: [2, 3], labelShape: [6] });
    const wrong = { dtype, data } as unknown as NdArray;
    const good: NdArray = { dtype: "float32", shape: [1, 2, 3], data: floats };
    const labels: NdArray = { dtype: "int32", shape: [1, 6], data: new Int32Array(6) };
    for (const [rows, itsLabels] of [
      [{ ...wrong, shape: [1, 2, 3] } as NdArray, labels],
      [good, { ...wrong, shape: [1, 6] } as NdArray],
    ] as const) {
      await expect(writer.add(rows, itsLabels)).rejects.toMatchObject({
        name: "InvalidArgumentError",
        message: expect.stringContaining(shown),
      });
    }
    expect(writer.rowsWritten).toBe(0);
    await writer.abort();
  });

  test("bytes of a canvas are bytes", async () => {
    await using writer = await HDF5DatasetWriter.create(target, { rowShape: [2], dtype: "uint8" });
    const data = Uint8ClampedArray.of(0, 255) as unknown as Uint8Array;
    await writer.add({ dtype: "uint8", shape: [1, 2], data }, [0]);
    await writer.close();
    const file = await contiguous().open(target);
    expect((await file.read("features")).data).toEqual(Uint8Array.of(0, 255));
    await file.close();
  });

  test("class names need to be known", async () => {
    const writer = await HDF5DatasetWriter.create(target, { rowShape: [2, 3] });
    await expect(writer.add(rows(0, 1), ["cat"])).rejects.toThrow("classLabels");
    await writer.add(rows(0, 1), [4]);
    await expect(writer.storeClassLabels(["a", "b"])).rejects.toMatchObject({ name: "InvalidArgumentError" });
    await expect(writer.storeClassLabels(["a", "b", "c", "d", "a"])).rejects.toMatchObject({
      name: "InvalidArgumentError",
    });
    await writer.storeClassLabels(["a", "b", "c", "d", "e"]);
    await writer.add(rows(1, 1), ["e"]);
    await writer.close();
    const file = await contiguous().open(target);
    expect((await file.read("labels")).data).toEqual(Int32Array.of(4, 4));
    await file.close();
  });

  test("calls that are not waited for take their turn", async () => {
    const writer = await HDF5DatasetWriter.create(target, { ...options, bufferSize: 2 });
    await Promise.all(
      [0, 1, 2, 3, 4, 5].map((first) => writer.add(rows(first, 1), [first % 3])).concat(writer.close()),
    );
    const file = await contiguous().open(target);
    expect((await file.read("features")).data).toEqual(rows(0, 6).data);
    await file.close();
  });
});

describe("options out of range are errors before any file is made", () => {
  test.each(["", "a\0b", undefined, 5])("a path like %o", async (path) => {
    await expect(HDF5DatasetWriter.create(path as string, { rowShape: [2] })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringContaining("path of a file"),
    });
  });

  test.each<[string, object]>([
    ["rows", { rows: -1 }],
    ["rows", { rows: 1.5 }],
    ["rowShape", { rowShape: [0] }],
    ["rowShape", { rowShape: 5 }],
    ["dtype", { dtype: "float8" }],
    ["dataKey", { dataKey: "a/b" }],
    ["dataKey", { dataKey: "label_names" }],
    ["labelKey", { labelKey: "" }],
    ["labelKey", { labelKey: "features" }],
    ["classLabels", { classLabels: ["a", "a"] }],
    ["classLabels", { classLabels: "cat" }],
    ["classLabels", { classLabels: ["cat", "\ud83d"] }],
    ["dataKey", { dataKey: "\ud83d" }],
    ["dataKey", { dataKey: 5 }],
    ["overwrite", { overwrite: "yes" }],
    ["resume", { resume: 1 }],
    ["bufferSize", { bufferSize: 0 }],
    ["durability", { durability: "none" }],
    ["attributes", { attributes: Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`fact ${i}`, i])) }],
    ["attributes", { attributes: { complete: 1 } }],
    ["attributes", { attributes: { mixed: [1, "a"] } }],
    ["attributes", { attributes: { half: "\ud83d" } }],
  ])("%s: %o", async (name, bad) => {
    await expect(HDF5DatasetWriter.create(target, { ...options, ...bad } as never)).rejects.toThrow(`\`${name}\``);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("files that are in the way", () => {
  test("an existing file is refused, unless it may be overwritten; until then it stays as it was", async () => {
    await writeFile(target, "precious");
    await expect(HDF5DatasetWriter.create(target, options)).rejects.toMatchObject({
      name: "FileAccessError",
      reason: "exists",
    });
    expect(await readdir(folder)).toEqual(["data.hdf5"]);
    const writer = await HDF5DatasetWriter.create(target, { ...options, overwrite: true });
    await writer.add(rows(0, 6), [0, 0, 0, 0, 0, 0]);
    expect(await readFile(target, "utf8")).toBe("precious");
    await writer.close();
    expect((await readFile(target)).subarray(1, 4).toString()).toBe("HDF");
  });

  test("a folder is refused before the first row, not after the last, and nothing is put beside it", async () => {
    for (const place of [folder, `${folder}/`]) {
      for (const overwrite of [false, true]) {
        await expect(HDF5DatasetWriter.create(place, { ...options, overwrite })).rejects.toMatchObject({
          name: "FileAccessError",
          message: expect.stringMatching(/it is a folder, not a file/),
        });
      }
    }
    expect(existsSync(`${folder}.partial`)).toBe(false);
  });

  test("two writers of one file: the second is refused", async () => {
    await using first = await HDF5DatasetWriter.create(target, options);
    for (const how of [{}, { overwrite: true }, { resume: true }]) {
      await expect(HDF5DatasetWriter.create(target, { ...options, ...how })).rejects.toMatchObject({
        name: "FileAccessError",
        reason: "locked",
      });
    }
    await first.add(rows(0, 6), [0, 0, 0, 0, 0, 0]);
    await first.close();
  });

  test("the lock of a process that has ended is taken over, that of another machine is not", async () => {
    const lock = `${target}.partial.lock`;
    await writeFile(lock, JSON.stringify({ pid: 4194304 + 5, host: hostname() }));
    await (await HDF5DatasetWriter.create(target, options)).abort();
    await writeFile(lock, "");
    await (await HDF5DatasetWriter.create(target, options)).abort();
    await writeFile(lock, JSON.stringify({ pid: 1, host: "elsewhere.invalid" }));
    await expect(HDF5DatasetWriter.create(target, options)).rejects.toMatchObject({
      reason: "locked",
      message: expect.stringContaining("takeOver: true"),
    });
    await (await HDF5DatasetWriter.create(target, { ...options, takeOver: true })).abort();
  });

  const theirs = JSON.stringify({ pid: 12, host: "elsewhere.invalid" });
  const takenOver = /process 12 on "elsewhere.invalid" has taken it over/;

  test.each<readonly [string, (writer: HDF5DatasetWriter) => Promise<void>, string | undefined, RegExp]>([
    ["add", (writer) => writer.add(rows(2, 2), [0, 0]), theirs, takenOver],
    ["flush", (writer) => writer.flush(), theirs, takenOver],
    ["close", (writer) => writer.close({ allowFewer: true }), theirs, takenOver],
    ["add", (writer) => writer.add(rows(2, 2), [0, 0]), undefined, /its lock ".*\.lock" is gone/],
  ])("a writer whose lock is another's stops at %s, and leaves the file to them", async (_, next, lock, message) => {
    const held = `${target}.partial.lock`;
    const writer = await HDF5DatasetWriter.create(target, { ...options, bufferSize: 2 });
    await writer.add(rows(0, 2), [0, 0]);
    await (lock === undefined ? rm(held) : writeFile(held, lock));
    const before = await readFile(`${target}.partial.journal`);
    await expect(next(writer)).rejects.toMatchObject({
      name: "FileAccessError",
      reason: "locked",
      message: expect.stringMatching(message),
    });
    await writer.abort();
    expect(await readFile(`${target}.partial.journal`)).toEqual(before);
    expect((await readdir(folder)).sort()).toEqual(
      ["data.hdf5.partial", "data.hdf5.partial.journal", ...(lock ? ["data.hdf5.partial.lock"] : [])].sort(),
    );
  });

  test.each([
    ["of another machine of the same name, as Pods have", true, { boot: "another run" }],
    ["of this machine", false, {}],
  ])("unfinished files %s are gone on with as copies: %s", async (_, copied, more) => {
    const writer = await HDF5DatasetWriter.create(target, { ...options, bufferSize: 2 });
    await writer.add(rows(0, 2), [0, 0]);
    await writer[Symbol.asyncDispose]();
    const paths = [`${target}.partial`, `${target}.partial.journal`];
    // Held open, so that no new file gets their numbers.
    const old = await Promise.all(paths.map((each) => open(each)));
    await writeFile(`${target}.partial.lock`, JSON.stringify({ pid: 4194304 + 5, host: hostname(), ...more }));
    const resumed = await HDF5DatasetWriter.create(target, { ...options, bufferSize: 2, resume: true });
    for (const [i, each] of paths.entries()) {
      expect((await stat(each)).ino !== (await old[i]?.stat())?.ino).toBe(copied);
    }
    for (const handle of old) await handle.close();
    expect(resumed.rowsWritten).toBe(2);
    await resumed.add(rows(2, 4), [0, 0, 0, 0]);
    await resumed.close();
    expect(await readdir(folder)).toEqual(["data.hdf5"]);
  });

  test("leaving the block of a writer whose file was taken over tells nothing that was told already", async () => {
    const block = async () => {
      await using writer = await HDF5DatasetWriter.create(target, options);
      await writer.add(rows(0, 2), [0, 0]);
      await writeFile(`${target}.partial.lock`, theirs);
      await writer.flush();
    };
    await expect(block()).rejects.toMatchObject({ name: "FileAccessError", message: expect.stringMatching(takenOver) });
  });

  test("a run that took files over and was killed while it copied them is gone on with as copies too, and leaves none behind", async () => {
    const writer = await HDF5DatasetWriter.create(target, { ...options, bufferSize: 2 });
    await writer.add(rows(0, 2), [0, 0]);
    await writer[Symbol.asyncDispose]();
    const paths = [`${target}.partial`, `${target}.partial.journal`];
    const old = await Promise.all(paths.map((each) => open(each)));
    await writeFile(`${target}.partial.lock`, theirs);
    // Killed: what it leaves is its lock and half a copy.
    const taken = await HDF5DatasetWriter.create(target, { ...options, resume: true, takeOver: true });
    const held = JSON.parse(await readFile(`${target}.partial.lock`, "utf8"));
    await taken[Symbol.asyncDispose]();
    for (const handle of old) await handle.close();
    const before = await Promise.all(paths.map((each) => open(each)));
    for (const each of paths) await writeFile(`${each}.copy`, "half");
    await writeFile(`${target}.partial.lock`, JSON.stringify({ ...held, pid: 4194304 + 5 }));
    const resumed = await HDF5DatasetWriter.create(target, { ...options, resume: true });
    for (const [i, each] of paths.entries()) {
      expect((await stat(each)).ino).not.toBe((await before[i]?.stat())?.ino);
    }
    for (const handle of before) await handle.close();
    expect(resumed.rowsWritten).toBe(2);
    await resumed.close({ allowFewer: true });
    expect(await readdir(folder)).toEqual(["data.hdf5"]);
  });

  test("a take-over that fails leaves files and lock as they were", async () => {
    const writer = await HDF5DatasetWriter.create(target, { ...options, bufferSize: 2 });
    await writer.add(rows(0, 2), [0, 0]);
    await writer[Symbol.asyncDispose]();
    await writeFile(`${target}.partial.lock`, theirs);
    const paths = ["", ".journal", ".lock"].map((end) => `${target}.partial${end}`);
    const before = await Promise.all(paths.map((each) => readFile(each)));
    // What cannot be written over, as on a full disk.
    await mkdir(`${target}.partial.replacement`);
    await expect(HDF5DatasetWriter.create(target, { ...options, resume: true, takeOver: true })).rejects.toMatchObject({
      name: "FileAccessError",
    });
    await rm(`${target}.partial.replacement`, { recursive: true });
    expect(await Promise.all(paths.map((each) => readFile(each)))).toEqual(before);
    expect(await readdir(folder)).toHaveLength(3);
    await (await HDF5DatasetWriter.create(target, { ...options, resume: true, takeOver: true })).close({
      allowFewer: true,
    });
    expect(await readdir(folder)).toEqual(["data.hdf5"]);
  });

  test("the lock of a process of this machine that runs is not taken over with `takeOver` either", async () => {
    await using _first = await HDF5DatasetWriter.create(target, options);
    await expect(HDF5DatasetWriter.create(target, { ...options, takeOver: true })).rejects.toMatchObject({
      reason: "locked",
      message: expect.not.stringContaining("takeOver"),
    });
  });

  test.skipIf(process.platform !== "linux")(
    "the lock of an earlier process with the number of one that runs is taken over, as in a container that starts again",
    async () => {
      const lock = `${target}.partial.lock`;
      const writer = await HDF5DatasetWriter.create(target, options);
      const held = JSON.parse(await readFile(lock, "utf8")) as { readonly pid: number; readonly started: string };
      await writer.abort();
      expect(held).toMatchObject({ pid: process.pid, host: hostname(), started: expect.stringMatching(/^\d+$/u) });
      await writeFile(lock, JSON.stringify({ ...held, started: String(Number(held.started) - 1) }));
      await (await HDF5DatasetWriter.create(target, options)).abort();
      await writeFile(lock, JSON.stringify(held));
      await expect(HDF5DatasetWriter.create(target, options)).rejects.toMatchObject({ reason: "locked" });
    },
  );

  test("a file called .partial that is not ours is not touched", async () => {
    await writeFile(`${target}.partial`, "mine");
    await expect(HDF5DatasetWriter.create(target, { ...options, resume: true })).rejects.toMatchObject({
      reason: "exists",
    });
    expect(await readFile(`${target}.partial`, "utf8")).toBe("mine");
  });

  test("a folder that is missing, or may not be written to, is named", async () => {
    await expect(HDF5DatasetWriter.create(path.join(folder, "no", "data.hdf5"), options)).rejects.toMatchObject({
      reason: "missing",
    });
  });

  test("a read-only folder", async () => {
    await chmod(folder, 0o500);
    // Root may write anywhere, so the folder's owner and the writer are somebody else for once.
    const isRoot = process.getuid?.() === 0;
    const nobody = 65534;
    if (isRoot) await chown(folder, nobody, nobody);
    try {
      if (isRoot) process.seteuid?.(nobody);
      await expect(HDF5DatasetWriter.create(target, options)).rejects.toMatchObject({ reason: "not-permitted" });
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  test("more rows than the disk has room for are refused before the first", async () => {
    const huge = { ...options, rows: 2 ** 45 };
    await expect(HDF5DatasetWriter.create(target, huge)).rejects.toMatchObject({
      name: "FileAccessError",
      reason: "disk-full",
    });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("ends", () => {
  test("abort removes everything, twice without harm", async () => {
    const writer = await HDF5DatasetWriter.create(target, options);
    await writer.add(rows(0, 2), [0, 0]);
    await writer.flush();
    await writer.abort();
    await writer.abort();
    expect(await readdir(folder)).toEqual([]);
    await expect(writer.add(rows(2, 1), [0])).rejects.toMatchObject({ name: "ClosedError" });
  });

  test("after close nothing can be added, closed or aborted", async () => {
    const writer = await HDF5DatasetWriter.create(target, options);
    await writer.add(rows(0, 6), [0, 0, 0, 0, 0, 0]);
    await writer.close();
    for (const call of [
      () => writer.add(rows(0, 1), [0]),
      () => writer.flush(),
      () => writer.close(),
      () => writer.abort(),
    ]) {
      await expect(call()).rejects.toMatchObject({ name: "ClosedError" });
    }
    await writer[Symbol.asyncDispose]();
    expect(existsSync(target)).toBe(true);
  });

  test("an exception in the loop leaves no complete-looking file, and the rows so far can be continued", async () => {
    const failing = async () => {
      await using writer = await HDF5DatasetWriter.create(target, options);
      await writer.add(rows(0, 2), [0, 1]);
      throw new Error("from the loop");
    };
    await expect(failing()).rejects.toThrow("from the loop");
    expect(await readdir(folder)).toEqual(["data.hdf5.partial", "data.hdf5.partial.journal"]);
    await expect(HDF5DatasetWriter.create(target, options)).rejects.toMatchObject({
      name: "FileAccessError",
      reason: "exists",
    });
    await using writer = await HDF5DatasetWriter.create(target, { ...options, resume: true });
    expect(writer.rowsWritten).toBe(2);
    await writer.add(rows(2, 4), [2, 0, 1, 2]);
    await writer.close();
    const file = await contiguous().open(target);
    expect((await file.read("features")).data).toEqual(rows(0, 6).data);
    expect((await file.read("labels")).data).toEqual(Int32Array.of(0, 1, 2, 0, 1, 2));
    await file.close();
  });
});

describe("resume", () => {
  test("gives the same bytes as an undisturbed run, wherever it was interrupted", async () => {
    const write = async (file: string, interruptions: readonly number[], known: boolean) => {
      const how = { ...options, rows: known ? 6 : undefined, bufferSize: 2, attributes: { network: "x" } };
      let done = 0;
      for (const [i, stop] of [...interruptions, 6].entries()) {
        await using writer = await HDF5DatasetWriter.create(file, { ...how, resume: true });
        expect(writer.rowsWritten).toBe(done);
        for (; done < stop; done++) await writer.add(rows(done, 1), [done % 3], { names: [`${done}.jpg`] });
        if (i === interruptions.length) await writer.close();
      }
      return readFile(file);
    };
    for (const known of [true, false]) {
      const whole = await write(path.join(folder, `whole-${known}`), [], known);
      for (const [i, interruptions] of [[0], [1], [2, 2], [1, 2, 3, 4, 5], [6]].entries()) {
        expect((await write(path.join(folder, `${known}-${i}`), interruptions, known)).equals(whole)).toBe(true);
      }
    }
  });

  test("leaves nothing of what a stopped run wrote behind its last whole row", async () => {
    const how = { rows: 6, rowShape: [3], dtype: "uint8" } as const;
    const files: Buffer[] = [];
    for (const debris of [false, true]) {
      const file = path.join(folder, `${debris}.hdf5`);
      const first = await HDF5DatasetWriter.create(file, how);
      await first.add({ dtype: "uint8", shape: [1, 3], data: Uint8Array.of(1, 2, 3) }, [7], { names: ["a.jpg"] });
      await first[Symbol.asyncDispose]();
      if (debris) {
        const bytes = await readFile(`${file}.partial`);
        await writeFile(`${file}.partial`, bytes.fill(255, bytes.length - 5 * 3));
      }
      await using writer = await HDF5DatasetWriter.create(file, { ...how, resume: true });
      await writer.skip(5);
      await writer.close();
      files.push(await readFile(file));
    }
    expect(files[1]?.equals(files[0] as Buffer)).toBe(true);
  });

  test("knows the names of the rows so far, those in the buffer too", async () => {
    const namesOf = async (writer: HDF5DatasetWriter) => {
      const names: string[] = [];
      for await (const name of writer.writtenNames()) names.push(name);
      return names;
    };
    const first = await HDF5DatasetWriter.create(target, { rowShape: [2, 3] });
    expect(await namesOf(first)).toEqual([]);
    await first.add(rows(0, 2), undefined, { names: ["a.jpg", "b.jpg"] });
    await first.flush();
    await first.add(rows(2, 1), undefined, { names: ["ü.jpg"], skipped: 2 });
    expect(await namesOf(first)).toEqual(["a.jpg", "b.jpg", "ü.jpg"]);
    await first[Symbol.asyncDispose]();
    await using writer = await HDF5DatasetWriter.create(target, { rowShape: [2, 3], resume: true });
    await writer.add(rows(3, 1), undefined, { names: ["d.jpg"] });
    const pending = writer.writtenNames();
    expect((await pending.next()).value).toBe("a.jpg");
    await writer.flush();
    const left: string[] = [];
    for await (const name of pending) left.push(name);
    expect(left).toEqual(["b.jpg", "ü.jpg", "d.jpg"]);
    await writer.close();
    await expect(namesOf(writer)).rejects.toMatchObject({ name: "ClosedError" });
  });

  test("tells no names of rows that have none", async () => {
    await using writer = await HDF5DatasetWriter.create(target, { rowShape: [2, 3] });
    await writer.add(rows(0, 2), [0, 1]);
    await writer.flush();
    expect((await writer.writtenNames().next()).done).toBe(true);
  });

  test("is refused if anything that makes the rows differs, and says what", async () => {
    const begun = { ...options, attributes: { layer: "block5_pool", pooling: "avg" } };
    const first = await HDF5DatasetWriter.create(target, begun);
    await first.add(rows(0, 1), ["cat"]);
    await first[Symbol.asyncDispose]();
    for (const [what, other] of [
      ["rows", { rows: 7 }],
      ["rowShape", { rowShape: [3, 2] }],
      ["dtype", { dtype: "float16" }],
      ["dataKey", { dataKey: "images" }],
      ["classLabels", { classLabels: ["dog", "cat", "panda"] }],
      ["attributes.pooling", { attributes: { layer: "block5_pool", pooling: "max" } }],
      ["attributes.pooling", { attributes: { layer: "block5_pool" } }],
    ] as const) {
      const resumed = HDF5DatasetWriter.create(target, {
        ...begun,
        ...other,
        resume: true,
      } as HDF5DatasetWriterOptions);
      await expect(resumed).rejects.toThrow(`\`${what}\``);
    }
    const writer = await HDF5DatasetWriter.create(target, { ...begun, resume: true });
    await writer.abort();
  });

  test("with other facts begins anew where no row was written yet", async () => {
    await (await HDF5DatasetWriter.create(target, { ...options, attributes: { layer: "fc1" } }))[Symbol.asyncDispose]();
    const writer = await HDF5DatasetWriter.create(target, { ...options, attributes: { layer: "fc2" }, resume: true });
    expect(writer.attributes).toEqual({ layer: "fc2" });
    await writer.abort();
  });

  test("needs a fact as it was stored before the first row, and keeps it", async () => {
    const begun = { ...options, attributes: { layer: "fc1", precision: "to be found out" } };
    const first = await HDF5DatasetWriter.create(target, begun);
    await first.storeAttributes({ precision: "int8" });
    expect(first.attributes).toEqual({ layer: "fc1", precision: "int8" });
    await first.add(rows(0, 1), ["cat"]);
    await first[Symbol.asyncDispose]();
    await expect(HDF5DatasetWriter.create(target, { ...begun, resume: true })).rejects.toThrow(
      '`attributes.precision` was "int8" and is now "to be found out"',
    );
    const attributes = { layer: "fc1", precision: "int8" };
    await using writer = await HDF5DatasetWriter.create(target, { ...options, attributes, resume: true });
    expect(writer.rowsWritten).toBe(1);
    await writer.close({ allowFewer: true });
    const file = await contiguous().open(target);
    expect((await file.attribute("/", "precision"))?.data).toEqual(["int8"]);
    await file.close();
  });

  test("of a file that is complete says so", async () => {
    const writer = await HDF5DatasetWriter.create(target, { rowShape: [2, 3] });
    await writer.close();
    await expect(HDF5DatasetWriter.create(target, { rowShape: [2, 3], resume: true })).rejects.toThrow("complete");
  });

  test("starts anew where nothing is", async () => {
    const writer = await HDF5DatasetWriter.create(target, { ...options, resume: true });
    expect(writer.rowsWritten).toBe(0);
    await writer.abort();
  });
});
