import { readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toAttributes } from "../../src/hdf5/dataset-attributes.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { KNeighborsClassifier, type KNeighborsOptions } from "../../src/k-neighbors-classifier.js";
import type { NdArray } from "../../src/ndarray.js";
import { NearestCentroid } from "../../src/nearest-centroid.js";
import type { TrainingData } from "../../src/training/training-data.js";
import { clusteredRows } from "../support/clustered-data.js";
import { rowsData } from "../support/separable-data.js";

type Predicted = {
  readonly predicted: readonly number[];
  readonly probabilities: readonly number[];
  readonly score: number;
};
type Golden = {
  readonly neighbors: readonly (Predicted & {
    readonly metric: "cosine" | "euclidean";
    readonly weights: "uniform" | "distance";
    readonly neighbors: number;
  })[];
  readonly centroid: readonly (Predicted & { readonly normalize: boolean; readonly centroids: readonly number[] })[];
};
const golden = JSON.parse(
  readFileSync(new URL("../fixtures/neighbors/neighbors.json", import.meta.url), "utf8"),
) as Golden;

const width = 12;
const labels = ["class 0", "class 1", "class 2"];
const { xs, ys } = clusteredRows({ rows: 150, width, classes: 3, seed: 17 });
xs.copyWithin(140 * width, 0, 10 * width);
const part = (start: number, end: number, batchSize = 16) =>
  rowsData(xs.subarray(start * width, end * width), ys.subarray(start, end), [width], labels, batchSize);
const train = part(0, 90);

function rows(start: number, end: number): NdArray<"float32"> {
  return { dtype: "float32", shape: [end - start, width], data: xs.subarray(start * width, end * width) };
}

/** Compares predictions, probabilities, the ranking and the evaluation with scikit-learn's. */
async function compare(model: KNeighborsClassifier | NearestCentroid, expected: Predicted): Promise<void> {
  const count = expected.predicted.length;
  const asked = rows(90, 90 + count);
  expect([...(await model.predict(asked)).data]).toEqual(expected.predicted);
  const probabilities = await model.predictProbabilities(asked);
  expect(probabilities.shape).toEqual([count, 3]);
  for (const [at, value] of expected.probabilities.entries()) expect(probabilities.data[at]).toBeCloseTo(value, 6);
  const ranked = await model.classify(asked, { top: 1 });
  const best = expected.predicted.map((_, row) => Math.max(...expected.probabilities.slice(row * 3, row * 3 + 3)));
  for (const [row, [first]] of ranked.entries()) expect(first?.probability).toBeCloseTo(best[row] as number, 6);
  const evaluation = await model.evaluate(part(90, 90 + count, 7));
  expect(evaluation.accuracy).toBeCloseTo(expected.score, 12);
  expect([...evaluation.predictions.predictedClasses]).toEqual(expected.predicted);
  expect(evaluation.predictions.probabilities.data).toEqual(probabilities.data);
}

function settingsOf({ neighbors, metric, weights }: KNeighborsOptions): KNeighborsOptions {
  return { neighbors, metric, weights };
}

describe("the nearest neighbours vote as in scikit-learn's KNeighborsClassifier", () => {
  test.each(golden.neighbors)("$neighbors of them by $metric distance, weights $weights", async (expected) => {
    await compare(await KNeighborsClassifier.fit(train, settingsOf(expected)), expected);
  });

  test("also when no row is kept in memory, whatever the batches", async () => {
    const [expected] = golden.neighbors;
    if (!expected) throw new Error("no case");
    let passes = 0;
    const read: TrainingData = {
      ...train,
      async *[Symbol.asyncIterator]() {
        passes++;
        yield* part(0, 90, 41);
      },
    };
    const model = await KNeighborsClassifier.fit(read, { ...settingsOf(expected), cacheBytes: 0 });
    await compare(model, expected);
    expect(passes).toBeGreaterThan(4);
  });

  test("also when data of one's own comes in another order in each pass", async () => {
    const [expected] = golden.neighbors;
    if (!expected) throw new Error("no case");
    let start = 0;
    const turning: TrainingData = {
      ...train,
      async *[Symbol.asyncIterator]() {
        start = (start + 30) % 90;
        yield* part(start, 90, 41);
        if (start > 0) yield* part(0, start, 41);
      },
    };
    await compare(await KNeighborsClassifier.fit(turning, { ...settingsOf(expected), cacheBytes: 0 }), expected);
  });

  test("and rows kept in memory are read once", async () => {
    let passes = 0;
    const read: TrainingData = {
      ...train,
      async *[Symbol.asyncIterator]() {
        passes++;
        yield* train;
      },
    };
    const model = await KNeighborsClassifier.fit(read);
    await model.evaluate(part(90, 150));
    expect(passes).toBe(1);
  });

  test("a row that is the one asked about decides alone by distance, whatever rounding makes of its cosine", async () => {
    const model = await KNeighborsClassifier.fit(train, { weights: "distance", neighbors: 5 });
    const { data } = await model.predictProbabilities(rows(0, 90));
    for (let row = 0; row < 90; row++) expect(data[row * 3 + (ys[row] as number)]).toBe(1);
  });

  test.each([
    [{ neighbors: 0 }, /`neighbors` is 0/],
    [{ neighbors: 91 }, /`neighbors` is 91, but `data` has 90 rows/],
    [{ weights: "rank" as never }, /`weights` is "rank"/],
    [{ metric: "manhattan" as never }, /`metric` is "manhattan"/],
    [{ cacheBytes: -1 }, /`cacheBytes` is -1/],
  ])("%j is refused", async (options, message) => {
    await expect(KNeighborsClassifier.fit(train, options)).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });
});

describe("the nearest class mean is that of scikit-learn's NearestCentroid", () => {
  test.each(golden.centroid)("with normalize: $normalize", async (expected) => {
    const model = await NearestCentroid.fit(train, { normalize: expected.normalize });
    expect(model.centroids.shape).toEqual([3, width]);
    for (const [at, value] of expected.centroids.entries()) expect(model.centroids.data[at]).toBeCloseTo(value, 7);
    await compare(model, expected);
  });

  test("one row of each class is enough", async () => {
    const data = Float32Array.of(0, 0, 4, 0, 0, 4);
    const model = await NearestCentroid.fit(rowsData(data, Int32Array.of(0, 1, 2), [2], labels, 3));
    const asked: NdArray<"float32"> = { dtype: "float32", shape: [3, 2], data: Float32Array.of(1, 1, 3, 1, 1, 3) };
    expect([...(await model.predict(asked)).data]).toEqual([0, 1, 2]);
    const [near] = (await model.predictProbabilities(asked)).data;
    // -distance^2 is -2, -10 and -10.
    expect(near).toBeCloseTo(1 / (1 + 2 * Math.exp(-8)), 12);
  });

  test.each([
    [
      "a class without rows",
      rowsData(Float32Array.of(1, 2), Int32Array.of(0, 1), [1], labels, 2),
      {},
      /no rows of the class "class 2"/,
    ],
    [
      "rows that are all the same",
      rowsData(new Float32Array(6).fill(2), Int32Array.of(0, 1, 2), [2], labels, 3),
      {},
      /are the same/,
    ],
    [
      "a row of zeros to be normalised",
      rowsData(new Float32Array(6), Int32Array.of(0, 1, 2), [2], labels, 3),
      { normalize: true },
      /Row 0 of a batch of `data` is all zeros/,
    ],
    ["another kind of `normalize`", train, { normalize: 1 as never }, /`normalize` is 1/],
  ])("%s: refused", async (_, data, options, message) => {
    await expect(NearestCentroid.fit(data, options)).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });
});

test.each([
  ["KNeighborsClassifier", KNeighborsClassifier],
  ["NearestCentroid", NearestCentroid],
])("%s refuses rows of another shape, other classes, and stops when told to", async (_, Model) => {
  const model = await Model.fit(train);
  await expect(model.predict({ ...rows(0, 6), shape: [12, 6] })).rejects.toMatchObject({ name: "ShapeMismatchError" });
  const bad = { ...rows(0, 1), data: new Float32Array(width).fill(Number.NaN) };
  await expect(model.predict(bad)).rejects.toThrow(/NaN/);
  const others = rowsData(xs.subarray(0, width), Int32Array.of(0), [width], ["a", "b", "c"], 1);
  await expect(model.evaluate(others)).rejects.toMatchObject({ name: "InvalidArgumentError" });
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  await expect(Model.fit(train, { signal })).rejects.toBe(reason);
  await expect(model.predict(rows(0, 6), { signal })).rejects.toBe(reason);
  await expect(model.evaluate(train, { signal })).rejects.toBe(reason);
});

describe("saved and loaded", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "neighbors-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(golden.neighbors)(
    "$neighbors neighbours by $metric distance, weights $weights, are still scikit-learn's",
    async (expected) => {
      const file = path.join(folder, "neighbors.hdf5");
      await (await KNeighborsClassifier.fit(train, settingsOf(expected))).save(file);
      for (const options of [{}, { cacheBytes: 0 }, { engine: h5wasm() }]) {
        await using loaded = await KNeighborsClassifier.load(file, options);
        expect([loaded.classLabels, loaded.inputShape]).toEqual([labels, [width]]);
        await compare(loaded, expected);
        // The file that it reads from may be replaced.
        await loaded.save(file);
        await compare(loaded, expected);
      }
      await using data = await HDF5DatasetGenerator.open(file);
      expect([data.length, data.classLabels]).toEqual([90, labels]);
      expect(data.labels).toEqual(ys.subarray(0, 90));
    },
  );

  test.each(golden.centroid)("class means with normalize: $normalize are still scikit-learn's", async (expected) => {
    const file = path.join(folder, "centroids.hdf5");
    const model = await NearestCentroid.fit(train, { normalize: expected.normalize });
    await model.save(file);
    for (const source of [file, await model.encode()]) {
      const loaded = await NearestCentroid.load(source);
      expect(loaded.centroids).toEqual(model.centroids);
      await compare(loaded, expected);
    }
    await expect(model.save(file, { overwrite: false })).rejects.toMatchObject({ reason: "exists" });
  });

  test("a file is not replaced where it is told so, and nothing is left beside it", async () => {
    const own = await mkdtemp(path.join(folder, "own-"));
    const file = path.join(own, "neighbors.hdf5");
    const model = await KNeighborsClassifier.fit(train);
    await model.save(file);
    await expect(model.save(file, { overwrite: false })).rejects.toMatchObject({
      name: "FileAccessError",
      reason: "exists",
    });
    const broken = await KNeighborsClassifier.fit(
      { length: 3, classLabels: labels, rowShape: [width], [Symbol.asyncIterator]: once(part(0, 3)) },
      { neighbors: 1, cacheBytes: 0 },
    );
    await expect(broken.save(file)).rejects.toThrow(/read only once/);
    expect(await readdir(own)).toEqual(["neighbors.hdf5"]);
    await using _ = await KNeighborsClassifier.load(file);
  });

  test("a file of something else is refused, by either", async () => {
    const [neighbors, centroids, plain] = ["a.hdf5", "b.hdf5", "c.hdf5"].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    await (await KNeighborsClassifier.fit(train)).save(neighbors);
    await (await NearestCentroid.fit(train)).save(centroids);
    await writeFile(plain, "no HDF5");
    const invalid = (message: RegExp) => ({ name: "InvalidModelError", message: expect.stringMatching(message) });
    await expect(NearestCentroid.load(neighbors)).rejects.toMatchObject(invalid(/holds a KNeighborsClassifier/));
    await expect(KNeighborsClassifier.load(centroids)).rejects.toThrow(/classifier|labels|rows/);
    await expect(KNeighborsClassifier.load(plain)).rejects.toMatchObject({ name: "InvalidDatasetError" });
    await expect(NearestCentroid.load(plain)).rejects.toMatchObject({ name: "InvalidDatasetError" });
    await expect(NearestCentroid.load(path.join(folder, "none"))).rejects.toMatchObject({ name: "FileAccessError" });
  });

  test("numbers that were changed in a file are found", async () => {
    const model = await KNeighborsClassifier.fit(train);
    const file = path.join(folder, "spoilt.hdf5");
    await model.save(file);
    const bytes = await readFile(file);
    const at = bytes.indexOf(Buffer.from(xs.buffer, xs.byteOffset, 64));
    expect(at).toBeGreaterThan(0);
    bytes[at] = (bytes[at] as number) ^ 1;
    await writeFile(file, bytes);
    await expect(KNeighborsClassifier.load(file)).rejects.toMatchObject({ name: "InvalidDatasetError" });

    const means = await NearestCentroid.fit(train);
    const encoded = await means.encode();
    const place = Buffer.from(encoded).indexOf(Buffer.from(means.centroids.data.buffer, 0, 64));
    expect(place).toBeGreaterThan(0);
    encoded[place] = (encoded[place] as number) ^ 1;
    await expect(NearestCentroid.load(encoded)).rejects.toMatchObject({
      name: "InvalidModelError",
      message: expect.stringMatching(/not those that were written/),
    });
  });

  const names = { path: "/label_names", data: { dtype: "string", shape: [2], data: ["a", "b"] } } as const;
  const float64 = (at: string, shape: readonly number[], value = 1) => {
    const data = new Float64Array(shape.reduce((product, axis) => product * axis, 1)).fill(value);
    return { path: at, data: { dtype: "float64", shape, data } } as const;
  };
  const facts = { classifier: "NearestCentroid", normalize: 0, input_shape: [3], checksum: 1 };
  test.each([
    ["no attributes", {}, [], /no classifier that was saved here/],
    ["a shape that is none", { ...facts, input_shape: [0] }, [names], /`input_shape` is 0/],
    ["normalize that is neither", { ...facts, normalize: 2 }, [names], /`normalize` is 2/],
    ["no class labels", facts, [], /no class labels/],
    ["means of another width", facts, [names, float64("/centroids", [2, 4])], /`\/centroids` is no float64 \[2, 3\]/],
    ["means that are not finite", facts, [names, float64("/centroids", [2, 3], Number.NaN)], /not finite/],
    ["no deviations", facts, [names, float64("/centroids", [2, 3])], /`\/deviations` is no float64 \[3\]/],
  ] as const)("class means with %s are refused", async (_, attributes, items, message) => {
    const bytes = await h5wasm().encode([{ path: "/", attributes: toAttributes(attributes) }, ...items]);
    await expect(NearestCentroid.load(bytes)).rejects.toMatchObject({
      name: "InvalidModelError",
      message: expect.stringMatching(message),
    });
  });
});

/** Rows that can be gone over once. */
function once(data: TrainingData): () => AsyncIterator<{ readonly xs: NdArray; readonly ys: NdArray }> {
  let passes = 0;
  return () => {
    if (passes++ > 0) throw new Error("these rows are read only once");
    return data[Symbol.asyncIterator]();
  };
}
