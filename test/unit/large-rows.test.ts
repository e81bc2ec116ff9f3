import { mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSource } from "../../src/hdf5/contiguous/open-source.node.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";

/** Rows of 80 kB, which are read partly in place and partly through threads. */
const length = 20_000;
const count = 70;
let folder: string;
let target: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "large-rows-"));
  target = path.join(folder, "data.hdf5");
  await using writer = await HDF5DatasetWriter.create(target, { rows: count, rowShape: [length] });
  for (let row = 0; row < count; row++) {
    const data = Float32Array.from({ length }, (_, i) => row * 1000 + (i % 997));
    await writer.add({ dtype: "float32", shape: [1, length], data });
  }
  await writer.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const open = (batchSize: number) =>
  HDF5DatasetGenerator.open(target, { labelKey: null, batchSize, shuffle: true, seed: 3 });

describe("rows so large that threads help with them", () => {
  test.each([1, 3, 4, 9, 32, 70])("come whole and in their places, in batches of %i", async (batchSize) => {
    await using data = await open(batchSize);
    for (const reuse of [false, true]) {
      const seen: number[] = [];
      for await (const { xs, indices } of data.batches({ reuse })) {
        for (const [i, row] of indices.entries()) {
          const wrong = xs.data
            .subarray(i * length, (i + 1) * length)
            .findIndex((v, k) => v !== row * 1000 + (k % 997));
          expect(wrong).toBe(-1);
          seen.push(row);
        }
      }
      expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, row) => row));
    }
  });

  test("fail as one where the file has become shorter, and leave it closable", async () => {
    const short = path.join(folder, "short.hdf5");
    {
      await using writer = await HDF5DatasetWriter.create(short, { rows: 16, rowShape: [length] });
      await writer.add({ dtype: "float32", shape: [16, length], data: new Float32Array(16 * length) });
      await writer.close();
    }
    await using data = await HDF5DatasetGenerator.open(short, { labelKey: null, batchSize: 16, shuffle: true });
    await truncate(short, 8 * 4 * length);
    await expect(data.batches().next()).rejects.toMatchObject({ name: "InvalidDatasetError" });
  });

  test("at a position beyond every file are an error, and closing does not wait for them", async () => {
    const source = await openSource(target);
    await expect(source.read(2 ** 60, new Uint8Array(8))).rejects.toMatchObject({ name: "FileAccessError" });
    await source.close();
  });

  test("are waited for when the file is closed meanwhile", async () => {
    const source = await openSource(target);
    const bytes = new Uint8Array(32 * 80_000);
    const requests = Array.from({ length: 32 }, (_, i) => ({
      position: 20_000 + i * 80_000,
      offset: i * 80_000,
      length: 80_000,
    }));
    const reading = source.readMany(bytes, requests).catch((cause: unknown) => cause);
    await source.close();
    const after = bytes.slice();
    await reading;
    expect(Buffer.compare(bytes, after)).toBe(0);
    await expect(source.read(0, new Uint8Array(8))).rejects.toMatchObject({ name: "ClosedError" });
  });
});
