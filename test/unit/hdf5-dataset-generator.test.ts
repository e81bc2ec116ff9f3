import { existsSync } from "node:fs";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contiguous } from "../../src/hdf5/contiguous-engine.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { jsfive } from "../../src/hdf5/jsfive.node.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { createRandom } from "../../src/random.js";
import { splitRows } from "../../src/training/split.js";

const fixtures = path.resolve(import.meta.dirname, "../fixtures/hdf5");
const shared = path.resolve(import.meta.dirname, "../../../shared/data/hdf5_files");
const count = 103;
const classLabels = ["cat", "dog", "panda"];
let folder: string;
let target: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "generator-"));
  target = path.join(folder, "data.hdf5");
  const writer = await HDF5DatasetWriter.create(target, {
    rows: count,
    rowShape: [4],
    classLabels,
    attributes: { network: "vgg16", means: [1, 2] },
  });
  for (let row = 0; row < count; row++) {
    const data = Float32Array.of(row, row + 0.25, -row, 7);
    await writer.add({ dtype: "float32", shape: [1, 4], data }, [row % 3], { names: [`${row}.jpg`] });
  }
  await writer.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Rows of one pass by the number that stands in their first column, after checking that all of each row belongs to it. */
async function pass(
  data: AsyncIterable<{
    xs: { data: Float32Array; shape: readonly number[] };
    ys: { data: Int32Array };
    indices: Uint32Array;
  }>,
) {
  const seen: number[] = [];
  const sizes: number[] = [];
  for await (const { xs, ys, indices } of data) {
    sizes.push(ys.data.length);
    expect(xs.shape).toEqual([ys.data.length, 4]);
    for (let i = 0; i < ys.data.length; i++) {
      const row = xs.data[i * 4] as number;
      expect([...xs.data.subarray(i * 4, i * 4 + 4)]).toEqual([row, row + 0.25, -row, 7]);
      expect(ys.data[i]).toBe(row % 3);
      expect(indices[i]).toBe(row);
      seen.push(row);
    }
  }
  return { seen, sizes };
}

const all = Array.from({ length: count }, (_, i) => i);
const sorted = (rows: Iterable<number>) => [...rows].sort((a, b) => a - b);

describe("a pass", () => {
  test.each([undefined, h5wasm(), jsfive()])(
    "gives every row once, the last smaller batch too (engine %o)",
    async (engine) => {
      await using data = await HDF5DatasetGenerator.open(target, { batchSize: 10, engine });
      expect(data.length).toBe(count);
      expect(data.batchesPerPass).toBe(11);
      expect(data.rowShape).toEqual([4]);
      expect(data.classLabels).toEqual(classLabels);
      const { seen, sizes } = await pass(data);
      expect(seen).toEqual(all);
      expect(sizes).toEqual([...Array(10).fill(10), 3]);
    },
  );

  test.each([1, 7, 103, 500])("in batches of %i", async (batchSize) => {
    await using data = await HDF5DatasetGenerator.open(target, { batchSize, shuffle: true });
    expect(sorted((await pass(data)).seen)).toEqual(all);
  });

  test("leaves out the last rows only if asked", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 10, dropLast: true });
    expect(data.length).toBe(100);
    expect((await pass(data)).sizes).toEqual(Array(10).fill(10));
  });

  test("is shuffled row by row as numpy's RandomState(seed + pass) does, anew for each pass", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 10, shuffle: true, seed: 42 });
    const passes = [await pass(data), await pass(data), await pass(data)];
    for (const [i, { seen }] of passes.entries()) {
      const expected = Uint32Array.from(all);
      createRandom(42 + i).shuffle(expected);
      expect(seen).toEqual([...expected]);
    }
    expect((await pass(data.batches({ pass: 1 }))).seen).toEqual(passes[1]?.seen);
    await using again = await HDF5DatasetGenerator.open(target, { batchSize: 33, shuffle: true, seed: 42 });
    expect((await pass(again)).seen).toEqual(passes[0]?.seen);
  });

  test("mixes classes within every batch of a file that is sorted by class", async () => {
    // Shuffling only the order of batches, or rows only inside of them, leaves one class per batch: training then fails.
    const file = path.join(folder, "sorted.hdf5");
    const writer = await HDF5DatasetWriter.create(file, { rowShape: [1] });
    const labels = Int32Array.from({ length: 600 }, (_, row) => Math.floor(row / 200));
    await writer.add({ dtype: "float32", shape: [600, 1], data: new Float32Array(600) }, labels);
    await writer.close();
    await using data = await HDF5DatasetGenerator.open(file, { batchSize: 32, shuffle: true });
    for (let epoch = 0; epoch < 5; epoch++) {
      for await (const { ys } of data) {
        if (ys.data.length < 32) continue;
        for (const label of [0, 1, 2]) {
          // 10.7 on average; fewer than 2 of 32 has a chance below one in 30,000.
          expect(ys.data.filter((value) => value === label).length).toBeGreaterThan(1);
        }
      }
    }
  });

  test("can run beside others, and end early", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 10, shuffle: true, prefetch: 3 });
    const results = await Promise.all([pass(data), pass(data), pass(data)]);
    for (const { seen } of results) expect(sorted(seen)).toEqual(all);
    for await (const batch of data) {
      expect(batch.ys.data.length).toBe(10);
      break;
    }
    expect(sorted((await pass(data)).seen)).toEqual(all);
  });

  test("gives arrays that are never written to again", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 10, prefetch: 2 });
    const batches = [];
    for await (const batch of data) batches.push(batch);
    expect(batches.map(({ xs }) => xs.data[0])).toEqual(Array.from({ length: 11 }, (_, i) => i * 10));
  });

  test("is stopped by a signal", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 10 });
    const controller = new AbortController();
    const reading = async () => {
      let batches = 0;
      for await (const _ of data.batches({ signal: controller.signal }))
        if (++batches === 2) controller.abort(new Error("enough"));
    };
    await expect(reading()).rejects.toThrow("enough");
  });
});

describe("split", () => {
  test("gives the parts that scikit-learn gives, and each row to one of them", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 16, seed: 5 });
    const labels = all.map((row) => row % 3);
    for (const stratify of [false, true]) {
      const { train, validation } = data.split({ validation: 0.25, stratify });
      const expected = splitRows(count, { size: 0.25, stratify: stratify ? labels : undefined, seed: 5 });
      expect(train.indices).toEqual(expected.first);
      expect(validation.indices).toEqual(expected.second);
      expect((await pass(train)).seen).toEqual([...expected.first]);
      expect((await pass(validation)).seen).toEqual([...expected.second]);
    }
  });

  test("into three parts, of parts, and into folds", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { shuffle: true });
    const { train, validation, test: held } = data.split({ validation: 0.2, test: 0.1, stratify: true });
    expect([train.length, validation.length, held.length]).toEqual([71, 21, 11]);
    expect(sorted([...train.indices, ...validation.indices, ...held.indices])).toEqual(all);
    const inner = train.split({ validation: 10 });
    expect(sorted([...inner.train.indices, ...inner.validation.indices])).toEqual(sorted(train.indices));
    const folds = train.kFold(4, { stratify: true });
    expect(sorted(folds.flatMap((fold) => [...fold.validation.indices]))).toEqual(sorted(train.indices));
    for (const fold of folds) {
      expect(sorted([...fold.train.indices, ...fold.validation.indices])).toEqual(sorted(train.indices));
      expect(sorted((await pass(fold.validation)).seen)).toEqual(sorted(fold.validation.indices));
    }
    expect([...data.subset([5, 3, 5]).indices]).toEqual([5, 3, 5]);
    expect(() => data.subset([count])).toThrowError("subset");
  });

  test("is an error where it cannot be", async () => {
    await using data = await HDF5DatasetGenerator.open(target);
    for (const bad of [0, 1.5, -1, count, Number.NaN]) {
      expect(() => data.split({ validation: bad }), String(bad)).toThrowError(
        expect.objectContaining({ name: "InvalidArgumentError" }),
      );
    }
    expect(() => data.split({ validation: 60, test: 60 })).toThrowError(
      expect.objectContaining({ name: "InvalidArgumentError" }),
    );
  });

  test("ends with the file: its parts do not outlive it silently", async () => {
    const data = await HDF5DatasetGenerator.open(target);
    const { train } = data.split({ validation: 0.5 });
    await data.close();
    await data.close();
    await expect(pass(train)).rejects.toMatchObject({ name: "ClosedError" });
    await expect(pass(data)).rejects.toMatchObject({ name: "ClosedError" });
    await expect(data.fileNames()).rejects.toMatchObject({ name: "ClosedError" });
  });
});

describe("what is in the file", () => {
  test("names, attributes and checksum", async () => {
    await using data = await HDF5DatasetGenerator.open(target);
    expect(await data.fileNames()).toEqual(all.map((row) => `${row}.jpg`));
    const attributes = await data.attributes();
    expect(attributes.get("network")).toBe("vgg16");
    expect(attributes.get("means")).toEqual([1, 2]);
    await data.verify();
  });

  test("damaged rows are found by their checksum", async () => {
    const damaged = path.join(folder, "damaged.hdf5");
    const bytes = await readFile(target);
    const at = bytes.indexOf(Buffer.from(Float32Array.of(50, 50.25, -50, 7).buffer));
    bytes[at + 5] = (bytes[at + 5] as number) ^ 1;
    const handle = await open(damaged, "w");
    await handle.write(bytes);
    await handle.close();
    for (const engine of [undefined, h5wasm()]) {
      await using data = await HDF5DatasetGenerator.open(damaged, { engine });
      await expect(data.verify()).rejects.toMatchObject({ name: "InvalidDatasetError" });
    }
  });

  test("uint8 images come as bytes if wanted, else as float32", async () => {
    const images = path.join(folder, "images.hdf5");
    const pixels = Uint8Array.from({ length: 5 * 2 * 2 * 3 }, (_, i) => i * 4);
    const writer = await HDF5DatasetWriter.create(images, { rowShape: [2, 2, 3], dtype: "uint8", dataKey: "images" });
    await writer.add({ dtype: "uint8", shape: [5, 2, 2, 3], data: pixels }, [0, 1, 0, 1, 0]);
    await writer.close();
    await using bytes = await HDF5DatasetGenerator.open(images, { dtype: "uint8" });
    for await (const { xs } of bytes) expect(xs).toEqual({ dtype: "uint8", shape: [5, 2, 2, 3], data: pixels });
    await using floats = await HDF5DatasetGenerator.open(images);
    for await (const { xs } of floats)
      expect(xs).toEqual({ dtype: "float32", shape: [5, 2, 2, 3], data: Float32Array.from(pixels) });
    await expect(HDF5DatasetGenerator.open(target, { dtype: "uint8" })).rejects.toMatchObject({
      name: "InvalidDatasetError",
    });
  });

  test("rows without labels", async () => {
    const plain = path.join(folder, "plain.hdf5");
    const writer = await HDF5DatasetWriter.create(plain, { rowShape: [1] });
    await writer.add({ dtype: "float32", shape: [2, 1], data: Float32Array.of(1, 2) });
    await writer.close();
    await expect(HDF5DatasetGenerator.open(plain)).rejects.toThrow("labelKey: null");
    await using data = await HDF5DatasetGenerator.open(plain, { labelKey: null });
    for await (const { xs, ys } of data) {
      expect(xs.data).toEqual(Float32Array.of(1, 2));
      expect(ys.shape).toEqual([0]);
    }
    expect(() => data.dataset()).toThrowError(expect.objectContaining({ name: "InvalidDatasetError" }));
    expect(() => data.split({ validation: 0.5, stratify: true })).toThrowError("labels");
  });
});

describe("files by h5py", () => {
  test.each([undefined, h5wasm(), jsfive()])(
    "of the Python originals: float64 and int64 (engine %o)",
    async (engine) => {
      await using data = await HDF5DatasetGenerator.open(path.join(fixtures, "original.h5"), {
        batchSize: 4,
        engine,
        shuffle: true,
      });
      expect(data.classLabels).toEqual(["cats", "dogs", "panda"]);
      const rows: number[] = [];
      for await (const { xs, ys, indices } of data) {
        for (const [i, index] of indices.entries()) {
          expect([...xs.data.subarray(i * 4, i * 4 + 4)]).toEqual(
            [0, 1, 2, 3].map((column) => (index * 4 + column) / 8),
          );
          expect(ys.data[i]).toBe(index % 3);
          rows.push(index);
        }
      }
      expect(sorted(rows)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    },
  );

  test("with other keys, labels in a column, compressed: found by their form", async () => {
    await using data = await HDF5DatasetGenerator.open(path.join(fixtures, "other_keys.h5"), {
      dtype: "uint8",
      shuffle: true,
      batchSize: 4,
    });
    expect(data.classLabels).toEqual(["non-cat", "cat"]);
    expect([...(data.labels ?? [])]).toEqual([0, 1, 0, 1, 1, 0]);
    await using whole = await h5wasm()
      .open(path.join(fixtures, "other_keys.h5"))
      .then((file) => Object.assign(file, { [Symbol.asyncDispose]: file.close }));
    const expected = (await whole.read("set_x")).data as Uint8Array;
    for await (const { xs, indices } of data) {
      for (const [i, index] of indices.entries()) {
        expect(xs.data.subarray(i * 12, i * 12 + 12)).toEqual(expected.subarray(index * 12, index * 12 + 12));
      }
    }
  });

  test("where it is not clear what is meant, what there is is listed", async () => {
    await expect(HDF5DatasetGenerator.open(path.join(fixtures, "ambiguous.h5"))).rejects.toThrow(
      '"a" float64 [4, 2], "b" float64 [4, 3]',
    );
    await expect(HDF5DatasetGenerator.open(path.join(fixtures, "ambiguous.h5"), { dataKey: "a" })).rejects.toThrow(
      "labelKey",
    );
    await expect(HDF5DatasetGenerator.open(path.join(fixtures, "ambiguous.h5"), { dataKey: "c" })).rejects.toThrow(
      "dataKey",
    );
    await using data = await HDF5DatasetGenerator.open(path.join(fixtures, "ambiguous.h5"), {
      dataKey: "a",
      labelKey: null,
    });
    expect(data.length).toBe(4);
  });

  test("behind a user block, as MATLAB writes them: read, or refused by engines that cannot", async () => {
    const file = path.resolve(import.meta.dirname, "../fixtures/hdf5-user-block/user_block.h5");
    for (const engine of [undefined, h5wasm()]) {
      for (const source of [file, await readFile(file)]) {
        await using data = await HDF5DatasetGenerator.open(source, { engine });
        const { value } = await data[Symbol.asyncIterator]().next();
        expect([...(value?.xs.data ?? [])]).toEqual(Array.from({ length: 20 }, (_, i) => i));
        expect(data.classLabels).toEqual(["a", "b", "c"]);
      }
    }
    for (const engine of [contiguous(), jsfive()]) {
      await expect(HDF5DatasetGenerator.open(file, { engine })).rejects.toMatchObject({
        name: "UnsupportedError",
        message: expect.stringMatching(/user block.*h5wasm\(\)/),
      });
    }
  });

  test("never written: refused unless asked for", async () => {
    const file = path.join(fixtures, "never_written.h5");
    await expect(HDF5DatasetGenerator.open(file)).rejects.toMatchObject({ name: "InvalidDatasetError" });
    await using data = await HDF5DatasetGenerator.open(file, { allowIncomplete: true });
    expect(data.length).toBe(10);
  });

  describe.skipIf(!existsSync(shared))("of others (skipped where the shared test data is missing)", () => {
    test.each([
      ["navin_vgg16_train_features.h5", { labelKey: null }, 22, [25088]],
      ["dminhq98_resnet_features_with_paths.h5", { labelKey: null }, 274, [2048]],
      ["coursera_test_catvnoncat.h5", {}, 50, [64, 64, 3]],
    ])("%s", async (name, options, rows, rowShape) => {
      await using data = await HDF5DatasetGenerator.open(path.join(shared, name), { ...options, shuffle: true });
      expect([data.length, data.rowShape]).toEqual([rows, rowShape]);
      let seen = 0;
      for await (const { xs } of data) seen += xs.shape[0] as number;
      expect(seen).toBe(rows);
    });

    test.each([
      "damncoolkunal_animals_features_zero_rows.hdf5",
      "xxhwjzx_animals_features_never_written.hdf5",
      "truncated_dl4j_some_loss.h5",
    ])("%s is refused as incomplete", async (name) => {
      await expect(HDF5DatasetGenerator.open(path.join(shared, name))).rejects.toMatchObject({
        name: "InvalidDatasetError",
      });
    });
  });
});

describe("unfinished files", () => {
  test("are refused, or opened for the rows there are", async () => {
    const file = path.join(folder, "unfinished.hdf5");
    await using writer = await HDF5DatasetWriter.create(file, { rows: 10, rowShape: [4] });
    await writer.add({ dtype: "float32", shape: [3, 4], data: new Float32Array(12).fill(2) }, [0, 0, 1]);
    await writer.flush();
    const partial = `${file}.partial`;
    await expect(HDF5DatasetGenerator.open(partial)).rejects.toThrow("not completed");
    for (const engine of [undefined, h5wasm(), jsfive()]) {
      await using data = await HDF5DatasetGenerator.open(partial, { allowIncomplete: true, engine });
      expect(data.length).toBe(3);
      for await (const { xs } of data) expect(xs.data).toEqual(new Float32Array(12).fill(2));
    }
    await writer.abort();
  });
});

describe("options out of range", () => {
  test.each([
    { batchSize: 0 },
    { batchSize: 1.5 },
    { seed: -1 },
    { seed: 2 ** 32 },
    { prefetch: -1 },
    { dtype: "float64" },
  ])("%o", async (bad) => {
    await expect(HDF5DatasetGenerator.open(target, bad as never)).rejects.toMatchObject({
      name: "InvalidArgumentError",
    });
  });

  test.each([
    [{ shuffle: "false" }, "`shuffle`"],
    [{ dropLast: "no" }, "`dropLast`"],
    [{ allowIncomplete: 1 }, "`allowIncomplete`"],
    [{ classLabels: ["x", "y", "x"] }, "`classLabels`"],
    [{ classLabels: "xyz" }, "`classLabels`"],
  ])("of the wrong type: %o", async (bad, named) => {
    const opening = HDF5DatasetGenerator.open(target, bad as never);
    await expect(opening).rejects.toMatchObject({ name: "InvalidArgumentError" });
    await expect(opening).rejects.toThrow(named);
  });

  test("of a pass and of parts", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { dropLast: true, batchSize: 32 });
    for (const bad of [{ pass: Number.NaN }, { pass: 0.5 }, { pass: -1 }, { reuse: "no" }, { binarize: "no" }]) {
      await expect((async () => data.batches(bad as never).next())(), JSON.stringify(bad)).rejects.toMatchObject({
        name: "InvalidArgumentError",
      });
    }
    for (const bad of [3, undefined, null, [0.5], [-1]]) {
      expect(() => data.subset(bad as never), String(bad)).toThrowError(
        expect.objectContaining({ name: "InvalidArgumentError" }),
      );
    }
    expect(() => data.subset([1, 2, 3]).dataset({ repeat: true })).toThrowError("`repeat`");
    expect(() => data.split({ validation: 0.5, test: 0.5 })).toThrowError(
      "Splitting 103 rows: `validation: 0.5` and `test: 0.5` take 104",
    );
    expect(() => data.split({ validation: 104 })).toThrowError("`validation`");
  });

  test("class names that do not cover the labels", async () => {
    await expect(HDF5DatasetGenerator.open(target, { classLabels: ["one", "two"] })).rejects.toMatchObject({
      name: "InvalidDatasetError",
    });
    await using data = await HDF5DatasetGenerator.open(target, { classLabels: ["a", "b", "c", "d"] });
    expect(data.classLabels).toEqual(["a", "b", "c", "d"]);
  });
});

describe("dataset() for an app's own TensorFlow.js", () => {
  const tf = {
    tensor: (values: Float32Array | Int32Array, shape: number[], dtype: string) => ({
      values: [...values],
      shape,
      dtype,
    }),
  };

  test("gives one-hot labels and ends after a pass", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 50 });
    const dataset = data.dataset({ tf });
    expect(dataset.size).toBe(3);
    for (let epoch = 0; epoch < 2; epoch++) {
      const iterator = await dataset.iterator();
      const shapes = [];
      for (let item = await iterator.next(); !item.done; item = await iterator.next())
        shapes.push([item.value.xs.shape, item.value.ys.shape]);
      expect(shapes).toEqual([
        [
          [50, 4],
          [50, 3],
        ],
        [
          [50, 4],
          [50, 3],
        ],
        [
          [3, 4],
          [3, 3],
        ],
      ]);
    }
    const first = await (await dataset.iterator()).next();
    expect(first.value?.ys.values.slice(0, 9)).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });

  test("gives class indices, more classes, or never ends, if asked", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 50 });
    const indices = await (await data.dataset({ tf, binarize: false }).iterator()).next();
    expect(indices.value?.ys).toEqual({
      values: all.slice(0, 50).map((row) => row % 3),
      shape: [50],
      dtype: "float32",
    });
    const wide = await (await data.dataset({ tf, classes: 5 }).iterator()).next();
    expect(wide.value?.ys.shape).toEqual([50, 5]);
    const endless = data.dataset({ tf, repeat: true });
    expect(endless.size).toBe(Number.POSITIVE_INFINITY);
    const iterator = await endless.iterator();
    for (let i = 0; i < 10; i++) expect((await iterator.next()).done).toBe(false);
    expect(() => data.dataset({ classes: 2 })).toThrowError(expect.objectContaining({ name: "InvalidArgumentError" }));
  });

  test("trains a model of tfjs-layers without leaking tensors", async () => {
    const core = await import("@tensorflow/tfjs-core");
    const layers = await import("@tensorflow/tfjs-layers");
    await import("@tensorflow/tfjs-backend-cpu");
    await core.setBackend("cpu");
    await using data = await HDF5DatasetGenerator.open(target, { batchSize: 16, shuffle: true });
    const { train, validation } = data.split({ validation: 0.25, stratify: true });
    const model = layers.sequential({
      layers: [layers.layers.dense({ units: 3, activation: "softmax", inputShape: [4] })],
    });
    model.compile({ optimizer: "adam", loss: "categoricalCrossentropy" });
    const trainFor = (epochs: number) =>
      model.fitDataset(train.dataset({ tf: core }) as never, {
        epochs,
        verbose: 0,
        validationData: validation.dataset() as never,
      });
    await trainFor(1);
    // More batches for an epoch than a pass has: it goes on with the next pass.
    const longer = await model.fitDataset(train.dataset({ tf: core, repeat: true }) as never, {
      epochs: 2,
      batchesPerEpoch: train.batchesPerPass + 3,
      verbose: 0,
    });
    expect(longer.history.loss).toHaveLength(2);
    const before = core.memory().numTensors;
    const history = await trainFor(2);
    expect(history.epoch).toEqual([0, 1]);
    expect(core.memory().numTensors).toBe(before);
  });
});
