import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { autoEngine } from "../../src/hdf5/auto-engine.js";
import type { Compression } from "../../src/hdf5/compression.js";
import { contiguous } from "../../src/hdf5/contiguous-engine.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { jsfive } from "../../src/hdf5/jsfive.node.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter, type HDF5DatasetWriterOptions } from "../../src/hdf5-dataset-writer.js";
import { type NdArray, sizeOf } from "../../src/ndarray.js";
import { createRandom } from "../../src/random.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "compression-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ways: readonly Compression[] = [
  { gzip: 4 },
  { zstd: 1 },
  { zstd: 22 },
  { lz4: true },
  { lzf: true },
  { bz2: 9 },
  { bshuf: true },
  { blosc: 1 },
  { blosc: 9 },
  { blosc2: 5 },
];

/** Rows mostly zeros, from `first` on; every seventh of noise, which no way can make smaller. */
function values(first: number, count: number, length: number): Float32Array {
  const data = new Float32Array(count * length);
  const bits = new Uint32Array(data.buffer);
  for (let row = 0; row < count; row++) {
    const random = createRandom(first + row);
    for (let i = 0; i < length; i++) {
      // Without the highest bit of the exponent no pattern is infinite or NaN.
      if ((first + row) % 7 === 3) bits[row * length + i] = random.uint32() & 0xbfff_ffff;
      else data[row * length + i] = i % 5 < 4 ? 0 : (i + first + row) % 200;
    }
  }
  return data;
}

async function write(name: string, rows: number, options: HDF5DatasetWriterOptions): Promise<string> {
  const target = path.join(folder, name);
  const length = sizeOf(options.rowShape);
  await using writer = await HDF5DatasetWriter.create(target, { overwrite: true, ...options });
  for (let first = 0; first < rows; first += 50) {
    const count = Math.min(50, rows - first);
    const shape = [count, ...options.rowShape];
    const data = values(first, count, length);
    if (options.dtype === "uint8" || options.dtype === "int64")
      for (const [i, v] of data.entries()) data[i] = Math.abs(Math.floor(v)) % 256;
    await writer.add({ dtype: "float32", shape, data }, new Int32Array(count));
  }
  await writer.close();
  return target;
}

async function rowsOf(file: string, engine = h5wasm()): Promise<NdArray> {
  const opened = await engine.open(file);
  try {
    return await opened.read("features");
  } finally {
    await opened.close();
  }
}

describe("compressed by name", () => {
  test.each(ways)("%o: every value of every type comes back, however rows and chunks meet", async (compression) => {
    for (const [rows, options] of [
      [0, { rowShape: [700] }],
      [1, { rowShape: [700] }],
      [23, { rowShape: [700] }],
      [24, { rowShape: [700] }],
      [200, { rowShape: [700] }],
      [60, { rowShape: [700], dtype: "float16" }],
      [60, { rowShape: [350], dtype: "float64" }],
      [60, { rowShape: [350], dtype: "int64" }],
      [30, { rowShape: [40, 40, 3], dtype: "uint8" }],
      [5, { rowShape: [70_000] }],
    ] as const) {
      const plain = await write("plain.hdf5", rows, options);
      const packed = await write("packed.hdf5", rows, { ...options, compression });
      const [expected, actual] = [await rowsOf(plain), await rowsOf(packed)];
      expect([actual.dtype, actual.shape]).toEqual([expected.dtype, expected.shape]);
      expect(Buffer.compare(Buffer.from(actual.data.buffer), Buffer.from(expected.data.buffer))).toBe(0);
      if (rows === 200) expect((await stat(packed)).size).toBeLessThan((await stat(plain)).size / 2);
      if (rows === 0) continue;
      await using data = await HDF5DatasetGenerator.open(packed);
      expect((await data.verify()).verified).toEqual(["features", "labels"]);
    }
  });

  test.each(ways)("%o: a few small rows, which it may not make smaller, come back too", async (compression) => {
    for (const rows of [1, 2, 5]) {
      const data = values(0, rows, 1);
      const packed = await rowsOf(await write("few.hdf5", rows, { rowShape: [1], compression }));
      expect(packed).toEqual({ dtype: "float32", shape: [rows, 1], data });
    }
  });

  test.each(ways)("%o: the same bytes after a stop as without", async (compression) => {
    const whole = await readFile(await write("whole.hdf5", 100, { rowShape: [500], compression }));
    const target = path.join(folder, "stopped.hdf5");
    for (const stop of [30, 100]) {
      await using writer = await HDF5DatasetWriter.create(target, {
        rowShape: [500],
        compression,
        resume: true,
        overwrite: stop === 30,
      });
      const first = writer.rowsWritten;
      const data = values(first, stop - first, 500);
      await writer.add({ dtype: "float32", shape: [stop - first, 500], data }, new Int32Array(stop - first));
      if (stop === 100) await writer.close();
    }
    expect((await readFile(target)).equals(whole)).toBe(true);
    await rm(target);
  });

  test.each(ways)("%o: rows come shuffled, from bytes too; other engines name one that can", async (compression) => {
    const target = await write("shuffled.hdf5", 90, { rowShape: [300], compression });
    const all = values(0, 90, 300);
    for (const source of [target, await readFile(target)]) {
      await using data = await HDF5DatasetGenerator.open(source, { shuffle: true, batchSize: 16 });
      let rows = 0;
      for await (const { xs, indices } of data) {
        for (const [i, row] of indices.entries()) {
          expect(xs.data.subarray(i * 300, (i + 1) * 300)).toEqual(all.subarray(row * 300, (row + 1) * 300));
          rows++;
        }
      }
      expect(rows).toBe(90);
    }
    if ("gzip" in compression) return;
    for (const engine of [contiguous(), jsfive()]) {
      const file = await engine.open(target);
      await expect(file.read("features")).rejects.toMatchObject({
        name: "UnsupportedError",
        message: expect.stringContaining("h5wasm()"),
      });
      await file.close();
    }
  });

  test.each<[string, string, unknown, RegExp]>([
    ["an unknown name", "UnsupportedError", { snappy: 1 }, /"snappy".*gzip, zstd, lz4/],
    ["a lossy one", "UnsupportedError", { zfp: 1 }, /"zfp".*lose/],
    ["a name of every object", "UnsupportedError", { toString: 1 }, /"toString"/],
    ["two at once", "InvalidArgumentError", { gzip: 1, zstd: 1 }, /one name.*2 names/],
    ["none", "InvalidArgumentError", {}, /one name.*0 names/],
    ["a text", "InvalidArgumentError", "gzip", /`compression` is "gzip"/],
    ["null", "InvalidArgumentError", null, /`compression` is null/],
    ["a level of one without", "InvalidArgumentError", { lz4: 3 }, /\{ lz4: true \}/],
    ["no level of one with", "InvalidArgumentError", { zstd: true }, /\{ zstd: 1 \}.*\{ zstd: 22 \}/],
    ["a level too high", "InvalidArgumentError", { zstd: 23 }, /23/],
    ["half a level", "InvalidArgumentError", { blosc: 1.5 }, /1\.5/],
  ])("%s is a typed error before any file is made", async (_, name, compression, message) => {
    const target = path.join(folder, "refused.hdf5");
    await expect(
      HDF5DatasetWriter.create(target, { rowShape: [2], compression: compression as Compression }),
    ).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
    expect((await readdir(folder)).filter((file) => file.startsWith("refused"))).toEqual([]);
  });
});

describe("compressed by h5py with hdf5plugin", () => {
  const file = path.resolve(import.meta.dirname, "../fixtures/hdf5-plugins/plugins.h5");
  const names = ["lz4", "zstd", "bz2", "bshuf", "bshuf_zstd", "blosc", "blosc_zstd", "blosc2", "zfp", "lzf"];
  const expected = Float32Array.from({ length: 40 * 30 }, (_, i) => Math.floor(i / 30) * 7 + ((i % 30) % 5));

  test.each(names)("%s is read exactly, from a path and from bytes", async (name) => {
    for (const engine of [h5wasm(), autoEngine()]) {
      for (const source of [file, await readFile(file)]) {
        const opened = await engine.open(source);
        expect(await opened.read(name)).toEqual({ dtype: "float32", shape: [40, 30], data: expected });
        expect((await opened.read(name, { start: 17, end: 19 })).data).toEqual(expected.subarray(17 * 30, 19 * 30));
        await opened.close();
      }
    }
  });

  test("texts are, too", async () => {
    const opened = await h5wasm().open(file);
    expect((await opened.readStrings("texts")).at(-1)).toBe("text 39");
    await opened.close();
  });

  test("what the plug-ins lack is an error, not uninitialised memory", async () => {
    const opened = await h5wasm().open(file);
    await expect(opened.read("snappy")).rejects.toMatchObject({
      name: "InvalidDatasetError",
      message: expect.stringMatching(/blosc \(32001\).*h5repack/),
    });
    await opened.close();
  });
});
