import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";

const count = 103;
const batchSize = 10;
let folder: string;
let target: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "reuse-"));
  target = path.join(folder, "data.hdf5");
  await using writer = await HDF5DatasetWriter.create(target, { rows: count, rowShape: [3] });
  await writer.add({
    dtype: "float32",
    shape: [count, 3],
    data: Float32Array.from({ length: 3 * count }, (_, i) => i),
  });
  await writer.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Batch = { readonly xs: { readonly data: Float32Array }; readonly indices: Uint32Array };

function expectRows({ xs, indices }: Batch): void {
  expect([...xs.data]).toEqual([...indices].flatMap((row) => [3 * row, 3 * row + 1, 3 * row + 2]));
}

describe("batches whose memory is used again", () => {
  test.each([0, 1, 3])(
    "take no new memory in later passes, with a shorter last batch and passes that end early (prefetch %i)",
    async (prefetch) => {
      await using data = await HDF5DatasetGenerator.open(target, {
        labelKey: null,
        batchSize,
        prefetch,
        shuffle: true,
      });
      const memories = new Set<ArrayBufferLike>();
      for (let pass = 0; pass < 6; pass++) {
        let rows = 0;
        for await (const batch of data.batches({ reuse: true })) {
          expectRows(batch);
          memories.add(batch.xs.data.buffer);
          rows += batch.indices.length;
          if (pass % 3 === 2 && rows > 40) break;
        }
        expect(rows).toBe(pass % 3 === 2 ? 50 : count);
      }
      // One batch in the receiver's hands and those read ahead. The two that were kept when a loop ended early are its.
      expect(memories.size).toBeLessThanOrEqual(prefetch + 2 + 2);
    },
  );

  test("stay as they are in passes at the same time, until the next of their own pass is asked for", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { labelKey: null, batchSize, shuffle: true });
    for await (const warm of data.batches({ reuse: true })) expectRows(warm);
    const passes = [0, 1, 2].map((pass) => data.batches({ reuse: true, pass }));
    for (let i = 0; i < Math.ceil(count / batchSize); i++) {
      const batches: Batch[] = [];
      for (const pass of passes) batches.push((await pass.next()).value as Batch);
      await new Promise(setImmediate);
      for (const batch of batches) expectRows(batch);
      expect(new Set(batches.map(({ xs }) => xs.data.buffer)).size).toBe(3);
    }
  });

  test("without it, are never written to again", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { labelKey: null, batchSize, shuffle: true });
    const kept: Batch[] = [];
    for await (const batch of data.batches()) kept.push(batch);
    for await (const batch of data.batches({ reuse: true })) expectRows(batch);
    for await (const batch of data.batches()) kept.push(batch);
    for await (const batch of data.batches({ reuse: true })) expectRows(batch);
    for (const batch of kept) expectRows(batch);
    expect(new Set(kept.map(({ xs }) => xs.data.buffer)).size).toBe(kept.length);
  });
});
