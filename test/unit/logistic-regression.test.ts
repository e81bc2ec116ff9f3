import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { LogisticRegression } from "../../src/logistic-regression.js";
import type { NdArray } from "../../src/ndarray.js";
import type { LogisticProgress } from "../../src/training/logistic/logistic-options.js";
import type { TrainingData } from "../../src/training/training-data.js";
import { TransferHead } from "../../src/transfer-head.js";
import { clusteredData, clusteredRows } from "../support/clustered-data.js";
import { rowsData } from "../support/separable-data.js";

const three = { rows: 90, width: 10, classes: 3, seed: 5, overlap: 1.5 };
const two = { rows: 60, width: 7, classes: 2, seed: 6, overlap: 2 };
const classLabels = ["cats", "dogs", "pandas"];

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "logistic-"));
  file = path.join(folder, "features.hdf5");
  const { xs, ys } = clusteredRows(three);
  await using writer = await HDF5DatasetWriter.create(file, { rows: 90, rowShape: [5, 2], classLabels });
  await writer.add({ dtype: "float32", shape: [90, 5, 2], data: xs }, ys);
  await writer.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function weightsOf(model: LogisticRegression): readonly number[] {
  return [...model.coefficients.data, ...model.intercepts.data];
}

function rowsOf({ xs }: { readonly xs: Float32Array }, width: number): NdArray<"float32"> {
  return { dtype: "float32", shape: [xs.length / width, width], data: xs };
}

describe("rows that stream out of a file", () => {
  test("give the same to the last bit from the file in each pass as from memory", async () => {
    await using data = await HDF5DatasetGenerator.open(file, { batchSize: 16 });
    const streamed = await LogisticRegression.fit(data, { cacheBytes: 0 });
    const kept = await LogisticRegression.fit(data);
    expect(weightsOf(kept)).toEqual(weightsOf(streamed));
    expect(streamed.inputShape).toEqual([5, 2]);
    expect(streamed.coefficients.shape).toEqual([3, 10]);
    const inMemory = await LogisticRegression.fit(clusteredData(three, 0, 90, 16));
    expect(weightsOf(inMemory)).toEqual(weightsOf(streamed));
  });

  test("are read as often as `passes` says if they are not kept, and once if they are", async () => {
    for (const [cacheBytes, kept] of [
      [0, false],
      [90 * 10 * 4 - 1, false],
      [90 * 10 * 4, true],
    ] as const) {
      let passes = 0;
      const rows = clusteredData(three);
      const counted: TrainingData = {
        ...rows,
        [Symbol.asyncIterator]: () => {
          passes++;
          return rows[Symbol.asyncIterator]();
        },
      };
      const { solution } = await LogisticRegression.fit(counted, { cacheBytes });
      expect(passes).toBe(kept ? 1 : solution?.passes);
      expect(solution?.passes).toBeGreaterThan(solution?.iterations ?? 0);
    }
  });

  test("are kept as they were, even if whoever gave them writes into the same array again", async () => {
    const { xs, ys } = clusteredRows(three);
    const buffer = new Float32Array(16 * 10);
    const reusing: TrainingData = {
      ...clusteredData(three, 0, 90, 16),
      async *[Symbol.asyncIterator]() {
        for (let start = 0; start < 90; start += 16) {
          const end = Math.min(90, start + 16);
          buffer.set(xs.subarray(start * 10, end * 10));
          const data = buffer.subarray(0, (end - start) * 10);
          yield {
            xs: { dtype: "float32", shape: [end - start, 10], data },
            ys: { dtype: "int32", shape: [end - start], data: ys.subarray(start, end) },
          };
        }
      },
    };
    const model = await LogisticRegression.fit(reusing);
    expect(weightsOf(model)).toEqual(weightsOf(await LogisticRegression.fit(clusteredData(three, 0, 90, 16))));
  });

  test.each([
    ["shuffled", { shuffle: true, seed: 4 }],
    ["balanced by repeating rows", { shuffle: true, sampling: "balanced" }],
    ["left out where they fill no batch", { shuffle: true, dropLast: true, batchSize: 32 }],
    ["varied at random", { augment: augmentation() }],
  ] as const)("are the same in each pass when the view has them %s", async (_, options) => {
    await using data = await HDF5DatasetGenerator.open(file, options);
    for await (const _batch of data) break; // One pass begun: the next would have another order.
    const first = await LogisticRegression.fit(data, { cacheBytes: 0 });
    const second = await LogisticRegression.fit(data, { cacheBytes: 0 });
    expect(first.solution?.converged).toBe(true);
    expect(weightsOf(second)).toEqual(weightsOf(first));
  });

  test("in another order or in other batches give the same but for rounding", async () => {
    const model = await LogisticRegression.fit(clusteredData(three), { tol: 1e-8, maxIter: 1000 });
    await using data = await HDF5DatasetGenerator.open(file, { shuffle: true, batchSize: 7 });
    const shuffled = await LogisticRegression.fit(data, { tol: 1e-8, maxIter: 1000 });
    const expected = weightsOf(model);
    for (const [at, value] of weightsOf(shuffled).entries()) expect(value).toBeCloseTo(expected[at] as number, 5);
  });
});

/** Rows of a file that does not hold pictures, varied all the same. */
function augmentation() {
  return (
    image: { readonly dtype: string; readonly shape: readonly number[]; readonly data: ArrayLike<number> },
    random: { double(): number },
  ) => ({
    dtype: "float32" as const,
    shape: image.shape,
    data: Float32Array.from(image.data, (value) => value + 0.1 * random.double()),
  });
}

describe("a fit in progress", () => {
  test("tells of every iteration, with a loss that never rises", async () => {
    const seen: LogisticProgress[] = [];
    const { solution } = await LogisticRegression.fit(clusteredData(three), { onProgress: (p) => seen.push(p) });
    expect(seen.map(({ iteration }) => iteration)).toEqual(seen.map((_, at) => at + 1));
    expect(seen.at(-1)).toEqual({
      iteration: solution?.iterations,
      maxIter: 100,
      loss: solution?.loss,
      gradient: solution?.gradient,
      passes: solution?.passes,
    });
    for (const [at, { loss }] of seen.entries()) expect(loss).toBeLessThan(seen[at - 1]?.loss ?? Math.log(3));
    expect(solution?.gradient).toBeLessThanOrEqual(1e-4);
  });

  test.each([0, 2 ** 28])(
    "is stopped by a signal between two passes, also by a timer (cacheBytes: %s)",
    async (cacheBytes) => {
      const reason = new Error("enough");
      const controller = new AbortController();
      const fit = LogisticRegression.fit(
        clusteredData({ ...three, rows: 3000, width: 300, overlap: 8 }, 0, 3000, 512),
        {
          signal: controller.signal,
          cacheBytes,
          C: 1e6,
          tol: 0,
          maxIter: 1_000_000,
        },
      );
      setTimeout(() => controller.abort(reason), 50);
      await expect(fit).rejects.toBe(reason);
      await expect(LogisticRegression.fit(clusteredData(three), { signal: controller.signal })).rejects.toBe(reason);
    },
  );

  test("that is stopped by maxIter says so and can be used", async () => {
    const model = await LogisticRegression.fit(clusteredData(three), { maxIter: 3, C: 1000 });
    expect(model.solution).toMatchObject({ converged: false, stop: "iterations", iterations: 3 });
    expect((await model.evaluate(clusteredData(three))).accuracy).toBeGreaterThan(0.6);
  });

  test("without a tolerance ends where the loss no longer falls", async () => {
    const { solution } = await LogisticRegression.fit(clusteredData(three), { tol: 0, maxIter: 10_000 });
    expect(solution).toMatchObject({ converged: true, stop: "loss" });
  });
});

describe("what cannot be fitted is refused in words", () => {
  const good = clusteredData(three);
  const nan = clusteredData(three);
  nan.xs[4 * 10 + 2] = Number.NaN;
  const oneClass = rowsData(new Float32Array(20), new Int32Array(10).fill(1), [2], ["a", "b"], 5);
  const missing = rowsData(
    new Float32Array(20),
    Int32Array.from({ length: 10 }, (_, i) => i % 2),
    [2],
    ["a", "b", "c"],
    5,
  );
  let pass = 0;
  const changing: TrainingData = {
    ...good,
    [Symbol.asyncIterator]: () => clusteredData({ ...three, seed: pass++ })[Symbol.asyncIterator](),
  };
  const halves = Int32Array.from({ length: 10 }, (_, i) => i % 2);
  const even = rowsData(
    Float32Array.from({ length: 20 }, (_, i) => i % 7),
    halves,
    [2],
    ["a", "b"],
    5,
  );
  const huge = rowsData(new Float32Array(20).fill(3e38), halves, [2], ["a", "b"], 5);
  const wide = { ...good, rowShape: [30_000_000] };

  test.each([
    ["one class", oneClass, {}, /All rows of `data` are of the class "b"/],
    ["one class that is known beforehand", { ...oneClass, labels: new Int32Array(10) }, {}, /of the class "a"/],
    ["a class without rows", missing, {}, /no rows of the class "c"/],
    ["NaN features", nan, {}, /Row 4 .* NaN as value 2/],
    ["rows that change", changing, { cacheBytes: 0 }, /the same rows in every pass/],
    ["no data", undefined, {}, /`data` is undefined/],
    ["no rows", rowsData(new Float32Array(0), new Int32Array(0), [2], ["a", "b"], 5), {}, /has no rows/],
    ["no class labels", { ...good, classLabels: [] }, {}, /pass `classLabels`/],
    ["one class label", { ...good, classLabels: undefined }, { classLabels: ["a"] }, /at least two classes/],
    ["no shape", { ...good, rowShape: undefined }, {}, /pass `inputShape`/],
    ["a shape that is none", { ...good, rowShape: undefined }, { inputShape: [0] }, /`inputShape` is \[0\]/],
    ["too many features", wide, {}, /takes 26 vectors of 3 x 30000001 .* 17\.4 GiB/],
    ["C of 0", good, { C: 0 }, /`C` is 0/],
    ["C that is no number", good, { C: "1" as never }, /`C` is "1"/],
    ["a negative tolerance", good, { tol: -1 }, /`tol` is -1/],
    ["no iterations", good, { maxIter: 0 }, /`maxIter` is 0/],
    ["a cache of NaN bytes", good, { cacheBytes: Number.NaN }, /`cacheBytes` is NaN/],
    ["standardize that is no boolean", good, { standardize: 1 as never }, /`standardize` is 1/],
    ["fitIntercept that is no boolean", good, { fitIntercept: "no" as never }, /`fitIntercept` is "no"/],
    ["a weight for an unknown class", good, { classWeight: { horses: 2 } }, /"horses", which is none of/],
    ["a weight of 0", good, { classWeight: { "class 1": 0 } }, /0 for "class 1"/],
    ["weights that are none", good, { classWeight: "even" as never }, /`classWeight` is "even"/],
    ["metadata that no file holds", good, { metadata: { a: Number.NaN } }, /`metadata` has NaN/],
  ] as const)("%s", async (_, data, options, message) => {
    await expect(LogisticRegression.fit(data as TrainingData, options)).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ["a penalty beyond all numbers", { C: 1e-320 }],
    ["weights beyond all numbers", { classWeight: { a: 1e308, b: 1e308 } }],
  ])("%s", async (_, options) => {
    await expect(LogisticRegression.fit(even, options)).rejects.toThrow(
      /The loss over `data` is (NaN|Infinity): `C` is/,
    );
  });

  test("but not features that are as large as float32 goes", async () => {
    const model = await LogisticRegression.fit(huge);
    expect(weightsOf(model).every(Number.isFinite)).toBe(true);
  });
});

describe("prediction", () => {
  test("refuses rows of another shape and rows that are no numbers", async () => {
    const model = await LogisticRegression.fit(clusteredData(three));
    const xs: NdArray<"float32"> = { dtype: "float32", shape: [10], data: new Float32Array(10) };
    for (const call of [model.predict(xs), model.predictProbabilities(xs), model.classify(xs)]) {
      await expect(call).rejects.toMatchObject({ name: "ShapeMismatchError" });
    }
    const nan: NdArray<"float32"> = { dtype: "float32", shape: [1, 10], data: new Float32Array(10).fill(Number.NaN) };
    await expect(model.predict(nan)).rejects.toMatchObject({ name: "InvalidArgumentError" });
    await expect(model.classify({ ...xs, shape: [1, 10] }, { top: 0 })).rejects.toThrow(/`top` is 0/);
  });

  test("names the most probable classes, the best first", async () => {
    const data = clusteredData(three);
    const model = await LogisticRegression.fit(data);
    const xs = rowsOf(data, 10);
    const [{ data: classes }, { data: probabilities }, named] = await Promise.all([
      model.predict(xs),
      model.predictProbabilities(xs),
      model.classify(xs, { top: 2 }),
    ]);
    for (const [row, label] of classes.entries()) {
      const own = [...probabilities.subarray(3 * row, 3 * row + 3)];
      expect(own.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 14);
      const [first, second, ...more] = named[row] ?? [];
      expect(more).toEqual([]);
      expect(first).toEqual({ label: `class ${label}`, probability: Math.max(...own) });
      expect(second?.probability).toBe(own.sort((a, b) => b - a)[1]);
    }
  });

  test("takes no rows, and more than are scored in one turn", async () => {
    const model = await LogisticRegression.fit(clusteredData(two));
    const none = await model.predictProbabilities({ dtype: "float32", shape: [0, 7], data: new Float32Array(0) });
    expect(none).toEqual({ dtype: "float64", shape: [0, 2], data: new Float64Array(0) });
    const { xs } = clusteredRows(two);
    const many = new Float32Array(1_300_000 * 7);
    for (let at = 0; at < many.length; at++) many[at] = xs[at % xs.length] as number;
    const few = await model.predict(rowsOf({ xs }, 7));
    const { data } = await model.predict(rowsOf({ xs: many }, 7));
    expect(data.every((label, row) => label === few.data[row % 60])).toBe(true);
  });

  test("is not evaluated on rows of other classes", async () => {
    const model = await LogisticRegression.fit(clusteredData(three));
    const { xs, ys } = clusteredData(three);
    const others = rowsData(xs, ys, [10], ["cats", "dogs", "pandas"], 32);
    await expect(model.evaluate(others)).rejects.toMatchObject({ name: "InvalidArgumentError" });
  });

  test("is evaluated as a TransferHead is", async () => {
    const data = clusteredData(two);
    const model = await LogisticRegression.fit(data, { metadata: { from: "here" } });
    const saved = path.join(folder, "two.h5");
    await model.save(saved);
    await using head = await TransferHead.load(saved, { backend: tfjsWasm() });
    expect(head.metadata).toEqual({ from: "here" });
    const [ours, theirs] = [await model.evaluate(data), await head.evaluate(data)];
    expect(String(ours)).toBe(String(theirs));
    expect(ours.loss).toBeCloseTo(theirs.loss, 6);
    expect([...ours.predictions.predictedClasses]).toEqual([...theirs.predictions.predictedClasses]);
    expect(ours.predictions.probabilities.dtype).toBe("float64");
    const [p, q] = [ours.predictions.probabilities.data, theirs.predictions.probabilities.data];
    for (let at = 0; at < 120; at++) expect(p[at]).toBeCloseTo(q[at] as number, 6);
  });
});

describe("the file", () => {
  test.each([
    ["two classes", two],
    ["three classes", three],
  ])("of %s comes back with the same coefficients in 32 bits", async (_, options) => {
    const data = clusteredData(options);
    const model = await LogisticRegression.fit(data, { standardize: true, metadata: { layer: "fire9" } });
    const saved = path.join(folder, "saved.h5");
    await model.save(saved);
    const again = await LogisticRegression.load(saved);
    expect(again.classLabels).toEqual(model.classLabels);
    expect(again.inputShape).toEqual(model.inputShape);
    expect(again.metadata).toEqual({ layer: "fire9" });
    expect(again.solution).toBeUndefined();
    expect(weightsOf(again)).toEqual(weightsOf(model).map(Math.fround));
    expect(again.coefficients.shape).toEqual(model.coefficients.shape);
    expect((await again.evaluate(data)).confusionMatrix).toEqual((await model.evaluate(data)).confusionMatrix);
    // Once more: what comes out of a file goes into one without a change.
    const bytes = await again.encode();
    expect(weightsOf(await LogisticRegression.load(new Blob([new Uint8Array(bytes)])))).toEqual(weightsOf(again));
  });

  test("of a softmax head without hidden layers loads too: of two classes, the difference of its columns", async () => {
    await using head = await TransferHead.create({
      inputShape: [7],
      classLabels: ["a", "b"],
      backend: tfjsWasm(),
      dropout: 0.5,
    });
    const saved = path.join(folder, "head.h5");
    await head.save(saved);
    const model = await LogisticRegression.load(saved);
    const xs = rowsOf(clusteredData(two), 7);
    const [ours, theirs] = [await model.predictProbabilities(xs), await head.predict(xs)];
    for (const [at, p] of ours.data.entries()) expect(p).toBeCloseTo(theirs.data[at] as number, 6);
  });

  test("of a head that does more is refused", async () => {
    await using head = await TransferHead.create({
      inputShape: [7],
      classLabels: ["a", "b"],
      hidden: [3],
      backend: tfjsWasm(),
    });
    const saved = path.join(folder, "hidden.h5");
    await head.save(saved);
    await expect(LogisticRegression.load(saved)).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(/"hidden_1".*TransferHead\.load/),
    });
  });

  test("that exists is kept where `overwrite` is false", async () => {
    const model = await LogisticRegression.fit(clusteredData(two));
    const saved = path.join(folder, "kept.h5");
    await writeFile(saved, "mine");
    await expect(model.save(saved, { overwrite: false })).rejects.toMatchObject({ name: "FileAccessError" });
    expect(await readFile(saved, "utf8")).toBe("mine");
  });

  test("cannot hold coefficients beyond 32 bits", async () => {
    const tiny = clusteredRows(two);
    const xs = tiny.xs.map((value) => value * 1e-44);
    const data = rowsData(xs, tiny.ys, [7], ["a", "b"], 16);
    const model = await LogisticRegression.fit(data, { standardize: true });
    await expect(model.encode()).rejects.toThrow(/too large for the 32-bit numbers/);
  });
});
