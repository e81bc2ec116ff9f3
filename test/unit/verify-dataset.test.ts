import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contiguous } from "../../src/hdf5/contiguous-engine.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { jsfive } from "../../src/hdf5/jsfive.node.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter, type HDF5DatasetWriterOptions } from "../../src/hdf5-dataset-writer.js";
import type { NdArray } from "../../src/ndarray.js";

const rows = 40;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "verify-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const names = Array.from({ length: rows }, (_, i) => `Ünal-${i}.jpg`);
const everything = ["boxes", "features", "file_names", "half", "label_names", "labels", "photographer", "weights"];

async function file(name: string, options: Partial<HDF5DatasetWriterOptions> = {}): Promise<string> {
  const target = path.join(folder, name);
  await using writer = await HDF5DatasetWriter.create(target, {
    rowShape: [3],
    labelShape: [2],
    labelDtype: "uint8",
    classLabels: ["first class", "second class"],
    columns: {
      weights: { dtype: "float64" },
      half: { dtype: "float16" },
      boxes: { dtype: "int32", shape: [2, 2] },
      photographer: { dtype: "string" },
    },
    bufferSize: 7,
    ...options,
  });
  const numbers = Array.from({ length: rows }, (_, i) => i);
  for (let first = 0; first < rows; first += 5) {
    const own = numbers.slice(first, first + 5);
    const boxes = Int32Array.from(own.flatMap((row) => [row, 7_000_000 + row, -row, 9]));
    await writer.add(
      { dtype: "float32", shape: [5, 3], data: Float32Array.from(own.flatMap((row) => [row, -row, row / 8])) },
      { dtype: "uint8", shape: [5, 2], data: Uint8Array.from(own.flatMap((row) => [row & 1, 200 + row])) },
      {
        names: names.slice(first, first + 5),
        columns: {
          weights: own.map((row) => row + 0.125),
          half: own.map((row) => (row === 3 ? -Number.NaN : row + 0.5)),
          boxes: { dtype: "int32", shape: [5, 2, 2], data: boxes } satisfies NdArray,
          photographer: own.map((row) => (row % 2 ? "" : `by ${row}`)),
        },
      },
    );
  }
  await writer.close();
  return target;
}

describe("verify", () => {
  const engines = [
    ["the default", undefined],
    ["contiguous", contiguous()],
    ["h5wasm", h5wasm()],
    ["jsfive", jsfive()],
  ] as const;

  test.each(engines)("covers every dataset, through %s", async (name, engine) => {
    for (const [dtype, compression] of [
      ["float32", undefined],
      ["float16", undefined],
      ["float16", { gzip: 1 }],
      ["float64", { gzip: 1 }],
    ] as const) {
      if (compression && name === "contiguous") continue;
      const target = await file(`${name} ${dtype} ${compression?.gzip}`, { dtype, compression });
      await using data = await HDF5DatasetGenerator.open(target, { engine });
      const { verified, unverified } = await data.verify();
      expect([[...verified].sort(), unverified]).toEqual([everything, []]);
    }
  });

  const bytesOf = (values: ArrayBufferView) => Buffer.from(values.buffer);
  test.each<[string, Buffer]>([
    ["features", bytesOf(Float32Array.of(21, -21, 21 / 8))],
    ["labels", Buffer.from([1, 221, 0, 222])],
    ["boxes", bytesOf(Int32Array.of(21, 7_000_021, -21, 9))],
    ["weights", bytesOf(Float64Array.of(21.125, 22.125))],
    ["half", Buffer.from([0x60, 0x4d, 0xa0, 0x4d])],
    ["file_names", Buffer.from("Ünal-21.jpg")],
    ["label_names", Buffer.from("second class")],
    ["photographer", Buffer.from("by 22")],
  ])("finds a flipped bit in %s, and names it, whoever reads", async (dataset, bytes) => {
    const whole = await readFile(await file("good", { overwrite: true }));
    const at = whole.indexOf(bytes);
    expect([at > 0, whole.indexOf(bytes, at + 1)]).toEqual([true, -1]);
    const target = path.join(folder, `${dataset} damaged`);
    whole[at + bytes.length - 1] = (whole[at + bytes.length - 1] as number) ^ 1;
    await writeFile(target, whole);
    for (const [, engine] of engines) {
      await using data = await HDF5DatasetGenerator.open(target, { engine });
      await expect(data.verify()).rejects.toMatchObject({
        name: "InvalidDatasetError",
        path: target,
        message: expect.stringContaining(`"${dataset}" in`),
      });
    }
  });

  test("finds two names that have changed places", async () => {
    const whole = await readFile(await file("swapped", { overwrite: true }));
    const place = (name: string) => whole.indexOf(name);
    const [a, b] = [place("Ünal-21.jpg"), place("Ünal-22.jpg")];
    whole.write("Ünal-22.jpg", a);
    whole.write("Ünal-21.jpg", b);
    const target = path.join(folder, "names swapped");
    await writeFile(target, whole);
    await using data = await HDF5DatasetGenerator.open(target);
    await expect(data.verify()).rejects.toThrow('"file_names"');
  });

  test("is the same for a file that was stopped and gone on with", async () => {
    const options = { rowShape: [1], columns: { note: { dtype: "string" } }, bufferSize: 2, resume: true } as const;
    const target = path.join(folder, "resumed");
    for (const stop of [3, 4, 9]) {
      await using writer = await HDF5DatasetWriter.create(target, options);
      for (let row = writer.rowsWritten; row < stop; row++) {
        const data = Float32Array.of(row);
        await writer.add({ dtype: "float32", shape: [1, 1], data }, [row], { columns: { note: [`note ${row}`] } });
      }
      if (stop === 9) await writer.close();
    }
    await using data = await HDF5DatasetGenerator.open(target);
    expect(await data.verify()).toEqual({ verified: ["features", "labels", "note"], unverified: [] });
  });

  test("of a file from before there were checksums of all says what it covered", async () => {
    const old = path.resolve(import.meta.dirname, "../fixtures/hdf5-columns/before_checksums.h5");
    const unverified = ["file_names", "label_names", "labels"];
    await using data = await HDF5DatasetGenerator.open(old);
    expect(await data.verify()).toEqual({ verified: ["features"], unverified });
    await using both = await HDF5DatasetGenerator.open([old, old]);
    expect(await both.verify()).toEqual({ verified: ["features"], unverified });
  });

  test("of several files finds the damaged one", async () => {
    const good = await file("one of two", { overwrite: true });
    const whole = await readFile(good);
    const at = whole.indexOf("by 22");
    whole[at] = 0x42;
    const other = path.join(folder, "two of two");
    await writeFile(other, whole);
    await using data = await HDF5DatasetGenerator.open([good, other]);
    await expect(data.verify()).rejects.toMatchObject({ name: "InvalidDatasetError", path: other });
  });

  test("of rows without a checksum, or of an unfinished file, is an error; it stops at a signal and when closed", async () => {
    const foreign = path.resolve(import.meta.dirname, "../fixtures/hdf5-columns/columns.h5");
    const data = await HDF5DatasetGenerator.open(foreign, { dataKey: "features" });
    await expect(data.verify()).rejects.toThrow("no checksum");
    await data.close();
    await expect(data.verify()).rejects.toMatchObject({ name: "ClosedError" });
    const target = path.join(folder, "unfinished");
    await using writer = await HDF5DatasetWriter.create(target, { rowShape: [1] });
    await writer.add({ dtype: "float32", shape: [1, 1], data: Float32Array.of(1) }, [0]);
    await writer.flush();
    await using partial = await HDF5DatasetGenerator.open(`${target}.partial`, { allowIncomplete: true });
    await expect(partial.verify()).rejects.toThrow("has not been closed");
    await writer.abort();
    await using good = await HDF5DatasetGenerator.open(await file("stopped"));
    await expect(good.verify({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  });
});
