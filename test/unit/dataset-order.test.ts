import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { jsfive } from "../../src/hdf5/jsfive.node.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { createRandom } from "../../src/random.js";
import { TransferHead } from "../../src/transfer-head.js";

const chunked = path.resolve(import.meta.dirname, "../fixtures/hdf5-chunked/chunked_rows.h5");
/** Sorted by class: 500, 200 and 47 rows. */
const sizes = [500, 200, 47];
const count = 747;
const labels = sizes.flatMap((size, label) => Array<number>(size).fill(label));
const all = Array.from({ length: count }, (_, row) => row);
const sorted = (rows: Iterable<number>) => [...rows].sort((a, b) => a - b);
let folder: string;
let target: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "order-"));
  target = path.join(folder, "data.hdf5");
  await using writer = await HDF5DatasetWriter.create(target, { rows: count, rowShape: [3] });
  const data = Float32Array.from({ length: count * 3 }, (_, i) => Math.floor(i / 3) * (1 + (i % 3)));
  await writer.add({ dtype: "float32", shape: [count, 3], data }, labels);
  await writer.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Batches = AsyncIterable<{
  readonly xs: { readonly data: ArrayLike<number> };
  readonly ys: { readonly data: ArrayLike<number> };
  readonly indices: Uint32Array;
}>;

/** Rows in the order of a pass, after checking that values and labels are those of the row. */
async function rowsOf(batches: Batches): Promise<number[]> {
  const rows: number[] = [];
  for await (const { xs, ys, indices } of batches) {
    for (const [i, row] of indices.entries()) {
      expect([xs.data[i * 3], xs.data[i * 3 + 1], xs.data[i * 3 + 2]]).toEqual([row, row * 2, row * 3]);
      expect(ys.data[i]).toBe(labels[row]);
      rows.push(row);
    }
  }
  return rows;
}

describe("shuffling in blocks", () => {
  const engines = [undefined, h5wasm(), jsfive()];

  test.each(engines)("gives each row once, in the order that is written down (engine %o)", async (engine) => {
    const shuffle = { blockRows: 10, bufferRows: 64 };
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 25, shuffle, seed: 7, engine });
    for (const pass of [0, 1, 2]) {
      const random = createRandom(7 + pass);
      const blocks = Array.from({ length: 75 }, (_, block) => all.slice(block * 10, block * 10 + 10));
      random.shuffle(blocks);
      const expected: number[] = [];
      for (let stretch: number[] = []; blocks.length > 0 || stretch.length > 0; ) {
        const next = blocks[0];
        if (next && stretch.length + next.length <= 64) {
          stretch = [...stretch, ...next];
          blocks.shift();
        } else {
          random.shuffle(stretch);
          expected.push(...stretch);
          stretch = [];
        }
      }
      const rows = await rowsOf(data);
      expect(rows).toEqual(expected);
      expect(sorted(rows)).toEqual(all);
    }
  });

  test.each([
    [1, 1, 1],
    [7, 3, 11],
    [32, 1000, 1000],
    [1000, 32, 64],
    [100, 5, 30],
  ])("whatever the sizes: batches of %i, blocks of %i, a buffer of %i", async (batchSize, blockRows, bufferRows) => {
    for (const prefetch of [0, 1, 5]) {
      const shuffle = { blockRows, bufferRows };
      await using data = await HDF5DatasetGenerator.open(target, { batchSize, shuffle, prefetch });
      expect(sorted(await rowsOf(data))).toEqual(all);
      expect(sorted(await rowsOf(data.batches({ reuse: true })))).toEqual(all);
      const { train, validation } = data.split({ validation: 0.3, stratify: true });
      expect(sorted(await rowsOf(train))).toEqual(sorted(train.indices));
      expect(sorted(await rowsOf(validation))).toEqual(sorted(validation.indices));
      expect(sorted(await rowsOf(data.subset([3, 3, 700, 3])))).toEqual([3, 3, 3, 700]);
    }
  });

  test("mixes the classes of a sorted file within batches, if the buffer holds several blocks", async () => {
    const shuffle = { blockRows: 8, bufferRows: 256 };
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 64, shuffle });
    for (let epoch = 0; epoch < 5; epoch++) {
      for await (const { ys } of data) {
        if (ys.data.length < 64) continue;
        // 43 and 17 on average.
        for (const label of [0, 1]) expect(ys.data.filter((value) => value === label).length).toBeGreaterThan(2);
      }
    }
  });

  test("can be left early and runs beside others", async () => {
    const shuffle = { blockRows: 10, bufferRows: 100 };
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 16, shuffle, prefetch: 3 });
    for await (const { ys } of data) {
      expect(ys.data.length).toBe(16);
      break;
    }
    for (const rows of await Promise.all([rowsOf(data), rowsOf(data)])) expect(sorted(rows)).toEqual(all);
    const pass = data[Symbol.asyncIterator]();
    await pass.next();
    await data.close();
    await expect(
      (async () => {
        for (;;) if ((await pass.next()).done) return;
      })(),
    ).rejects.toMatchObject({ name: "ClosedError" });
  });

  test.each([{ blockRows: 0 }, { bufferRows: 1.5 }, { blockRows: 64, bufferRows: 63 }])(
    "%o is refused",
    async (shuffle) => {
      await expect(HDF5DatasetGenerator.open(target, { shuffle })).rejects.toMatchObject({
        name: "InvalidArgumentError",
      });
    },
  );
});

describe("a compressed file that is not kept in memory", () => {
  test.each([undefined, h5wasm()])(
    "warns where rows are shuffled singly, and says how not (engine %o)",
    async (engine) => {
      await using data = await HDF5DatasetGenerator.open(chunked, { dtype: "uint8", engine });
      expect(data.warnings).toEqual([]);
      const [warning, ...more] = data.with({ shuffle: true }).warnings;
      expect(warning).toContain("shuffle: { blockRows: 100, bufferRows: 1600 }");
      expect(more).toEqual([]);
      expect(data.with({ shuffle: { blockRows: 50 } }).warnings).toHaveLength(1);
      const blocks = data.with({ shuffle: { blockRows: 100, bufferRows: 1600 } });
      expect(blocks.warnings).toEqual([]);
      const seen: number[] = [];
      for await (const { xs, ys, indices } of blocks) {
        for (const [i, row] of indices.entries()) {
          expect(xs.data[i * 40_000]).toBe(row % 251);
          expect(ys.data[i]).toBe(Math.floor(row / 500));
          seen.push(row);
        }
      }
      expect(sorted(seen)).toEqual(Array.from({ length: 2000 }, (_, row) => row));
    },
  );

  test("does not where rows can be read singly, or all are kept", async () => {
    for (const engine of [undefined, h5wasm()]) {
      await using data = await HDF5DatasetGenerator.open(target, { shuffle: true, engine });
      expect(data.warnings).toEqual([]);
    }
  });
});

describe("balanced sampling", () => {
  test("gives each class as often as the greatest has rows, and its rows about equally often", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { shuffle: true, sampling: "balanced", seed: 3 });
    expect([data.length, data.batchesPerPass]).toEqual([1500, 47]);
    const passes = [await rowsOf(data), await rowsOf(data)];
    for (const rows of passes) {
      const times = new Uint32Array(count);
      for (const row of rows) times[row] = (times[row] as number) + 1;
      for (const [label, size] of sizes.entries()) {
        const own = times.filter((_, row) => labels[row] === label);
        expect(own.reduce((sum, value) => sum + value, 0)).toBe(500);
        expect(Math.min(...own)).toBe(Math.floor(500 / size));
        expect(Math.max(...own)).toBe(Math.ceil(500 / size));
      }
    }
    expect(passes[0]).not.toEqual(passes[1]);
    expect(await rowsOf(data.batches({ pass: 0 }))).toEqual(passes[0]);
  });

  test("stays with the part for training", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { shuffle: true, sampling: "balanced" });
    const { train, validation, test: held } = data.split({ validation: 0.25, test: 0.25, stratify: true });
    expect(train.length).toBeGreaterThan(train.indices.length);
    for (const part of [validation, held]) expect(sorted(await rowsOf(part))).toEqual(sorted(part.indices));
    for (const fold of data.kFold(3)) {
      expect(fold.validation.length).toBe(249);
      expect(fold.train.length).toBeGreaterThan(498);
    }
  });

  test("needs shuffling and labels", async () => {
    await expect(HDF5DatasetGenerator.open(target, { sampling: "balanced" })).rejects.toThrow("shuffle: true");
    await expect(
      HDF5DatasetGenerator.open(target, { sampling: "balanced", shuffle: true, labelKey: null }),
    ).rejects.toMatchObject({ name: "InvalidDatasetError" });
    await expect(HDF5DatasetGenerator.open(target, { sampling: "fair" as never })).rejects.toThrow("sampling");
  });
});

describe("labels", () => {
  test("come as one-hot rows if asked", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 100 });
    for await (const { ys, indices } of data.batches({ binarize: true })) {
      expect(ys.shape).toEqual([indices.length, 3]);
      const expected = [...indices].flatMap((row) => [0, 1, 2].map((label) => (label === labels[row] ? 1 : 0)));
      expect([...ys.data]).toEqual(expected);
    }
    await using wide = await HDF5DatasetGenerator.open(target, { classLabels: ["a", "b", "c", "d"] });
    expect((await wide.batches({ binarize: true }).next()).value?.ys.shape).toEqual([32, 4]);
    await using without = await HDF5DatasetGenerator.open(target, { labelKey: null });
    await expect(without.batches({ binarize: true }).next()).rejects.toMatchObject({ name: "InvalidDatasetError" });
  });

  test("without names of classes train a head that has names of its own", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { shuffle: true, sampling: "balanced" });
    expect(data.classLabels).toEqual([]);
    await using head = await TransferHead.create({
      inputShape: data.rowShape,
      classLabels: ["cats", "dogs", "panda"],
      backend: tfjsCpu(),
    });
    const log = await head.fit(data, { epochs: 1 });
    expect(log).toHaveLength(1);
    const { confusionMatrix } = await head.evaluate(data.with({ sampling: "each" }));
    expect(confusionMatrix.flat().reduce((sum, value) => sum + value)).toBe(count);
  });
});
