import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import type { NdArray } from "../../src/ndarray.js";
import { runPython } from "./reference-python.js";

interface FoundDataset {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offset: number | null;
  readonly bytes: string;
  readonly strings: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly crc32: number;
}
interface Found {
  readonly superblock: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly datasets: Readonly<Record<string, FoundDataset>>;
}

const rows = 50;
const rowShape = [3, 2];
const types = {
  uint8: "|u1",
  int32: "<i4",
  int64: "<i8",
  float16: "<f2",
  float32: "<f4",
  float64: "<f8",
} as const;
const names = Array.from({ length: rows }, (_, i) => (i === 7 ? "" : `chien méchant/熊猫 ${i}.jpg`));
const labels = Int32Array.from({ length: rows }, (_, i) => i % 3);
const multiHot = Uint8Array.from({ length: rows * 3 }, (_, i) => Number(i % 4 === 0));
const weights = Float32Array.from({ length: rows }, (_, i) => i / 8);
const boxes = Int32Array.from({ length: rows * 4 }, (_, i) => 100_000 - 7 * i);
const attributes = {
  network: "vgg16 ü",
  layer: "block5_pool",
  means: [103.939, 116.779, 123.68],
  size: 224,
  list: ["a", "ü"],
  // With the library's own two sixteen in all: twice as many as HDF5's newer form keeps in the object's header.
  ...Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`fact ${i}`, i])),
};
const values: NdArray<"float32"> = {
  dtype: "float32",
  shape: [rows, ...rowShape],
  data: Float32Array.from({ length: rows * 6 }, (_, i) => i % 251),
};

let folder: string;
let found: ReadonlyMap<string, Found>;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "hdf5-files-"));
  const files: string[] = [];
  for (const dtype of Object.keys(types) as (keyof typeof types)[]) {
    for (const known of [true, false]) {
      const file = path.join(folder, `${dtype}-${known}`);
      await using writer = await HDF5DatasetWriter.create(file, {
        rows: known ? rows : undefined,
        rowShape,
        dtype,
        attributes,
        classLabels: ["cats", "dogs", "panda ü"],
        bufferSize: 7,
      });
      await writer.add(values, labels, { names });
      await writer.close();
      files.push(file);
    }
  }
  const columns = path.join(folder, "columns");
  await using writer = await HDF5DatasetWriter.create(columns, {
    rowShape,
    labelShape: [3],
    labelDtype: "uint8",
    columns: {
      sample_weights: { dtype: "float32" },
      boxes: { dtype: "int32", shape: [2, 2] },
      half: { dtype: "float16" },
      photographer: { dtype: "string" },
    },
    bufferSize: 7,
  });
  for (let first = 0; first < rows; first += 10) {
    await writer.add(
      { dtype: "float32", shape: [10, ...rowShape], data: values.data.slice(first * 6, (first + 10) * 6) },
      { dtype: "uint8", shape: [10, 3], data: multiHot.slice(first * 3, (first + 10) * 3) },
      {
        columns: {
          sample_weights: weights.subarray(first, first + 10),
          boxes: { dtype: "int32", shape: [10, 2, 2], data: boxes.slice(first * 4, (first + 10) * 4) },
          half: weights.subarray(first, first + 10),
          photographer: names.slice(first, first + 10),
        },
      },
    );
  }
  await writer.close();
  files.push(columns);
  // Unfinished files too: whoever looks at one must be able to open it.
  for (const known of [true, false]) {
    const file = path.join(folder, `unfinished-${known}`);
    for (const count of [0, 3, 10]) {
      await using writer = await HDF5DatasetWriter.create(file, {
        rows: known ? rows : undefined,
        rowShape,
        resume: true,
      });
      const missing = count - writer.rowsWritten;
      const data = values.data.slice(writer.rowsWritten * 6, count * 6);
      await writer.add({ dtype: "float32", shape: [missing, ...rowShape], data });
    }
    files.push(`${file}.partial`);
  }
  const results = JSON.parse(await runPython("hdf5_files.py", ...files)) as readonly Found[];
  found = new Map(files.map((file, i) => [path.basename(file), results[i] as Found]));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(
  Object.entries(types).flatMap(([dtype, spelled]) => [
    [dtype, true, spelled] as const,
    [dtype, false, spelled] as const,
  ]),
)("h5py reads %s rows exactly (number of rows known beforehand: %s)", (dtype, known, spelled) => {
  const file = found.get(`${dtype}-${known}`) as Found;
  expect(file.superblock).toBe(0);
  expect(file.attributes).toEqual({ complete: 1, rows_written: rows, ...attributes });
  expect(Object.keys(file.datasets)).toEqual(["features", "file_names", "label_names", "labels"]);
  const features = file.datasets.features as FoundDataset;
  expect([features.dtype, features.shape]).toEqual([spelled, [rows, ...rowShape]]);
  expect((features.offset ?? 1) % 4096).toBe(0);
  expect(features.attributes).toEqual({ crc32: features.crc32 });
  const bytes = Buffer.from(features.bytes, "base64");
  const read = {
    "|u1": (i: number) => bytes.readUInt8(i),
    "<i4": (i: number) => bytes.readInt32LE(i * 4),
    "<i8": (i: number) => Number(bytes.readBigInt64LE(i * 8)),
    "<f2": (i: number) => halfAt(bytes, i),
    "<f4": (i: number) => bytes.readFloatLE(i * 4),
    "<f8": (i: number) => bytes.readDoubleLE(i * 8),
  }[spelled];
  expect(Array.from(values.data, (_, i) => read(i))).toEqual([...values.data]);
  const stored = file.datasets.labels as FoundDataset;
  expect([stored.dtype, stored.shape]).toEqual(["<i4", [rows]]);
  expect(Buffer.from(stored.bytes, "base64").equals(Buffer.from(labels.buffer))).toBe(true);
  expect(file.datasets.label_names).toMatchObject({ dtype: "utf-8 variable", strings: ["cats", "dogs", "panda ü"] });
  expect(file.datasets.file_names).toMatchObject({ dtype: "utf-8 variable", strings: names });
});

test("h5py reads multi-hot labels and further columns exactly", () => {
  const { datasets } = found.get("columns") as Found;
  const expected = {
    labels: ["|u1", [rows, 3], multiHot],
    sample_weights: ["<f4", [rows], weights],
    boxes: ["<i4", [rows, 2, 2], boxes],
  } as const;
  for (const [name, [dtype, shape, data]] of Object.entries(expected)) {
    const dataset = datasets[name] as FoundDataset;
    expect([dataset.dtype, dataset.shape]).toEqual([dtype, shape]);
    expect(Buffer.from(dataset.bytes, "base64").equals(Buffer.from(data.buffer))).toBe(true);
  }
  const half = datasets.half as FoundDataset;
  expect([half.dtype, half.shape]).toEqual(["<f2", [rows]]);
  const bytes = Buffer.from(half.bytes, "base64");
  expect(Array.from(weights, (_, i) => halfAt(bytes, i))).toEqual([...weights]);
  expect(datasets.photographer).toMatchObject({ dtype: "utf-8 variable", shape: [rows], strings: names });
  expect(Object.keys(datasets)).toEqual(["boxes", "features", "half", "labels", "photographer", "sample_weights"]);
});

test("the checksum of each dataset is what Python computes of what h5py reads", () => {
  let datasets = 0;
  for (const [name, file] of found) {
    if (name.endsWith(".partial")) continue;
    for (const [dataset, { attributes, crc32 }] of Object.entries(file.datasets)) {
      expect([name, dataset, attributes]).toEqual([name, dataset, { crc32 }]);
      datasets++;
    }
  }
  expect(datasets).toBe(12 * 4 + 6);
});

test.each([true, false])(
  "h5py opens an unfinished file and finds the rows so far (number of rows known: %s)",
  (known) => {
    const file = found.get(`unfinished-${known}.partial`) as Found;
    expect(file.attributes).toMatchObject({ complete: 0, rows_written: 10 });
    const features = file.datasets.features as FoundDataset;
    expect(features.shape).toEqual([known ? rows : 10, ...rowShape]);
    const bytes = Buffer.from(features.bytes, "base64").subarray(0, 240);
    expect(bytes.equals(Buffer.from(values.data.buffer, 0, 240))).toBe(true);
  },
);

/** A positive half-precision number of small size. */
function halfAt(bytes: Buffer, index: number): number {
  const half = bytes.readUInt16LE(index * 2);
  const exponent = half >>> 10;
  return exponent === 0 ? (half & 1023) * 2 ** -24 : (1 + (half & 1023) / 1024) * 2 ** (exponent - 15);
}
