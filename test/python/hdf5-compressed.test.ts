import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Compression } from "../../src/hdf5/compression.js";
import type { RowDType } from "../../src/hdf5/convert-rows.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { createRandom } from "../../src/random.js";
import { runPython } from "./reference-python.js";

interface Found {
  readonly filters: readonly string[];
  readonly chunks: readonly number[];
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly bytes: string;
  readonly plain: number;
}

/** How h5py calls the filter that each way is to be found under. */
const ways: readonly (readonly [string, Compression])[] = [
  ["gzip", { gzip: 1 }],
  ["32015", { zstd: 3 }],
  ["32004", { lz4: true }],
  ["lzf", { lzf: true }],
  ["307", { bz2: 9 }],
  ["32008", { bshuf: true }],
  ["32001", { blosc: 5 }],
  ["32026", { blosc2: 5 }],
];
const types: Readonly<Partial<Record<RowDType, string>>> = {
  float32: "<f4",
  float16: "<f2",
  float64: "<f8",
  uint8: "|u1",
};
const rows = 9;
const rowShape = [150, 110];
const length = 16_500;
// Mostly zeros; a row of noise, which cannot be made smaller.
const values = new Float32Array(rows * length);
const random = createRandom(1);
for (let i = 0; i < values.length; i++) values[i] = i % 5 < 4 ? 0 : i % 251;
const noise = new Uint32Array(values.buffer, 4 * length * 4, length);
for (let i = 0; i < length; i++) noise[i] = random.uint32() & 0xbfff_ffff;

let folder: string;
const found = new Map<string, Found>();
const expected = new Map<string, Buffer>();

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "hdf5-compressed-"));
  const files: string[] = [];
  for (const [filter, compression] of ways) {
    for (const dtype of Object.keys(types) as RowDType[]) {
      const name = `${filter} ${dtype}`;
      const file = path.join(folder, name);
      await using writer = await HDF5DatasetWriter.create(file, { rowShape, dtype, compression });
      const whole = dtype === "uint8" || dtype === "float16" ? values.map((value) => Math.trunc(value) & 255) : values;
      await writer.add({ dtype: "float32", shape: [rows, ...rowShape], data: whole });
      await writer.close();
      files.push(file);
      const typed = { float32: Float32Array, float64: Float64Array, uint8: Uint8Array } as const;
      if (dtype !== "float16") {
        const data = new typed[dtype as keyof typeof typed](whole);
        expected.set(name, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
      }
    }
  }
  const results = JSON.parse(await runPython("hdf5_compressed.py", ...files)) as readonly Found[];
  for (const [i, file] of files.entries()) found.set(path.basename(file), results[i] as Found);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(
  ways.flatMap(([filter, compression]) =>
    Object.entries(types).map(([dtype, spelled]) => [filter, compression, dtype, spelled] as const),
  ),
)("h5py reads what was compressed through filter %s (%o) as %s", (filter, _, dtype, spelled) => {
  const file = found.get(`${filter} ${dtype}`) as Found;
  expect([file.filters, file.dtype, file.shape]).toEqual([[filter], spelled, [rows, ...rowShape]]);
  expect(file.chunks.slice(1)).toEqual(rowShape);
  const bytes = Buffer.from(file.bytes, "base64");
  if (dtype === "float16") {
    for (const i of [4, 9, 500_000 % (rows * length)]) {
      const half = bytes.readUInt16LE(2 * i);
      const value = Math.trunc(values[i] as number) & 255;
      expect(half === 0 ? 0 : (1 + (half & 1023) / 1024) * 2 ** ((half >>> 10) - 15)).toBe(value);
    }
    return;
  }
  expect(bytes.equals(expected.get(`${filter} ${dtype}`) as Buffer)).toBe(true);
});

test("a chunk that becomes no smaller is stored as it is, and h5py knows", () => {
  expect([found.get("lzf float32")?.plain, found.get("32001 float32")?.plain]).toEqual([1, 1]);
  expect(found.get("32015 float32")?.plain).toBe(0);
});
