import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { FeatureExtractor } from "../../src/feature-extractor.js";
import type { TransferModelOptions } from "../../src/fine-tuning/transfer-model-options.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import type { ImageSelection } from "../../src/images/image-selection.js";
import type { NdArray } from "../../src/ndarray.js";
import type { Task } from "../../src/training/target.js";
import { TransferHead } from "../../src/transfer-head.js";
import { TransferModel } from "../../src/transfer-model.js";
import { colouredPictures, colours } from "../support/coloured-pictures.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "transfer-model-tasks-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const imageSize = [32, 32] as const;
const count = 24;
const backend = tfjsWasm();
const means = (pictures: ImageSelection, channel: number) =>
  pictures.images.map(({ image }) => {
    const { data } = image as NdArray<"uint8">;
    return data.reduce((sum, value, at) => sum + (at % 3 === channel ? value : 0), 0) / (data.length / 3) / 255;
  });

/** Pictures with what they show in columns: a label for each of two colours, how red they are, and a weight. */
function withFacts(pictures: ImageSelection): ImageSelection {
  const [red, green] = [means(pictures, 0), means(pictures, 1)];
  const tags = red.flatMap((value, at) => [Number(value > 0.45), Number((green[at] as number) > 0.45)]);
  return pictures.withColumns({
    tags: { dtype: "int32", shape: [pictures.length, 2], data: Int32Array.from(tags) },
    redness: red,
    weight: red.map((_, at) => at % 3),
  });
}
const pictures = withFacts(colouredPictures(count, imageSize, 1));
const batchSize = 8;

interface TaskCase {
  readonly task: Task;
  readonly classLabels: readonly string[];
  readonly targetColumn: string | undefined;
}
const cases: readonly TaskCase[] = [
  { task: "classification", classLabels: colours, targetColumn: undefined },
  { task: "multi-label", classLabels: ["red", "green"], targetColumn: "tags" },
  { task: "regression", classLabels: ["redness"], targetColumn: "redness" },
];

function create<T extends Task>(options: Partial<TransferModelOptions<T>> = {}): Promise<TransferModel<T>> {
  return TransferModel.create<T>({
    backbone: "vgg-mini",
    imageSize,
    classLabels: colours,
    backend,
    seed: 3,
    learningRate: 0.01,
    ...options,
  });
}

/** The backbone's features of the pictures, in a file with their columns. */
async function featuresFile(): Promise<string> {
  const file = path.join(folder, "features.hdf5");
  await using extractor = await FeatureExtractor.create({ backbone: "vgg-mini", imageSize, backend });
  await using writer = await HDF5DatasetWriter.create(file, {
    rows: count,
    rowShape: extractor.featureShape,
    classLabels: colours,
    columns: {
      tags: { dtype: "int32", shape: [2] },
      redness: { dtype: "float64" },
      weight: { dtype: "float64" },
    },
    overwrite: true,
  });
  const column = (name: string) => pictures.images.flatMap(({ columns }) => columns?.[name] as number | number[]);
  await writer.add(await extractor.extract(pictures.images.map(({ image }) => image)), pictures.labels, {
    columns: {
      tags: { dtype: "int32", shape: [count, 2], data: Int32Array.from(column("tags")) },
      redness: Float64Array.from(column("redness")),
      weight: Float64Array.from(column("weight")),
    },
  });
  await writer.close();
  return file;
}

function numbersOf(value: unknown): readonly number[] {
  if (typeof value === "number") return [value];
  if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array);
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(numbersOf) : [];
}

describe.each(cases)("a model of pictures for $task", ({ task, classLabels, targetColumn }) => {
  test.each([
    ["computed once", true],
    ["computed in every epoch", false],
  ])("trains, is evaluated and saved as the head alone on the same features, which are %s", async (_, cache) => {
    await using data = await HDF5DatasetGenerator.open(await featuresFile(), {
      batchSize,
      shuffle: true,
      seed: 3,
      columns: ["tags", "redness", "weight"],
    });
    const shared = { epochs: 4, targetColumn, sampleWeight: "weight" };
    await using head = await TransferHead.create<Task>({
      task,
      inputShape: data.rowShape,
      classLabels,
      hidden: [6],
      learningRate: 0.01,
      seed: 3,
      backend,
    });
    await head.fit(data, { ...shared, validation: data });
    await using model = await create<Task>({ task, classLabels, hidden: [6] });
    expect(model.task).toBe(task);
    await model.fit(pictures, { ...shared, batchSize, validation: pictures, cache, frozenBackend: backend });
    for (const [at, log] of model.history.entries()) {
      const expected = numbersOf(head.history[at]);
      for (const [i, figure] of numbersOf(log).entries()) expect(figure).toBeCloseTo(expected[i] as number, 4);
    }

    const ours = await model.evaluate(pictures, { targetColumn, batchSize });
    const theirs = await head.evaluate(data.with({ shuffle: false }), { targetColumn });
    expect(Object.keys(ours)).toEqual(Object.keys(theirs));
    const expected = numbersOf(theirs);
    expect(numbersOf(ours)).toHaveLength(expected.length);
    for (const [i, figure] of numbersOf(ours).entries()) expect(figure).toBeCloseTo(expected[i] as number, 4);

    for (const name of ["model.h5", "model.keras"]) {
      const file = path.join(folder, `${task}-${name}`);
      await model.save(file);
      await using loaded = await TransferModel.load<Task>(file, { task, backend });
      expect(await loaded.predict(pictures)).toEqual(await model.predict(pictures));
      const other = cases.find((one) => one.task !== task)?.task as Task;
      await expect(TransferModel.load<Task>(file, { task: other, backend })).rejects.toMatchObject({
        name: "UnsupportedError",
        message: expect.stringMatching(new RegExp(`does not fit the task "${other}".*"${task}"`)),
      });
    }
    if (task === "regression") {
      await expect(model.classify(pictures)).rejects.toMatchObject({ name: "UnsupportedError" });
    } else expect((await model.classify(pictures, { top: 2 }))[0]).toHaveLength(2);
  });

  test("takes a ready head of this task, and no other settings of one beside it", async () => {
    await using head = await TransferHead.create<Task>({ task, inputShape: [256], classLabels, backend });
    await using model = await create<Task>({ head, classLabels: undefined });
    expect([model.task, model.classLabels]).toEqual([task, classLabels]);
    await expect(create<Task>({ head, classLabels: undefined, task })).rejects.toThrow(
      /`task` was given beside `head`/,
    );
  });
});

describe("columns of pictures", () => {
  test("with weights of 0, 1 and 2 are as if pictures were left out and given twice", async () => {
    const fit = { epochs: 5, batchSize: 64, cache: false } as const;
    await using weighted = await create();
    await weighted.fit(pictures, { ...fit, sampleWeight: "weight" });
    await using repeated = await create();
    // Keras divides by the number of rows, which is the same here: weights are 1 in the mean.
    const places = pictures.images.flatMap((_, at) => Array.from({ length: at % 3 }, () => at));
    await repeated.fit(pictures.select(places), fit);
    const [a, b] = [weighted, repeated].map((model) => model.network().weights.get("predictions")?.[0]?.array.data);
    expect(a).toHaveLength(256 * 3);
    for (const [at, value] of (a ?? []).entries()) expect(value).toBeCloseTo(b?.[at] ?? Number.NaN, 5);
  });

  test("and balanced class weights multiply, from pictures and from what is kept of them", async () => {
    const uneven = pictures.select([0, 1, 2, 3, 4, 6, 9, 12]);
    const fit = { epochs: 3, batchSize: 4, classWeight: "balanced", sampleWeight: "weight" } as const;
    await using plain = await create();
    await plain.fit(uneven, { ...fit, cache: false });
    await using kept = await create();
    await kept.fit(uneven, { ...fit, cache: true, frozenBackend: backend });
    await using unweighted = await create();
    await unweighted.fit(uneven, { ...fit, classWeight: undefined, cache: false });
    const lossOf = (model: Pick<TransferModel, "history">) => model.history.map(({ loss }) => loss);
    for (const [at, loss] of lossOf(kept).entries()) expect(loss).toBeCloseTo(lossOf(plain)[at] as number, 5);
    expect(Math.abs((lossOf(plain)[0] as number) - (lossOf(unweighted)[0] as number))).toBeGreaterThan(0.01);
  });

  test.each([
    ["a column that pictures have not", { sampleWeight: "none" }, /no such column.*withColumns/],
    ["a weight below 0", { sampleWeight: "below" }, /weight -1/],
    ["a target for a classification", { targetColumn: "redness" }, /`targetColumn` was given for a classification/],
  ])("are refused where there is %s", async (_, options, message) => {
    await using model = await create();
    const wrong = pictures.withColumns({ below: pictures.images.map(() => -1) });
    await expect(model.fit(wrong, { epochs: 1, ...options })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });

  test("are asked for where a model learns what pictures do not have", async () => {
    await using model = await create({ task: "multi-label" });
    const refused = (message: RegExp) => ({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
    await expect(model.fit(pictures)).rejects.toMatchObject(refused(/name the column with ones and zeros/));
    await expect(model.evaluate(pictures)).rejects.toMatchObject(refused(/name the column/));
    await expect(model.fit(pictures, { targetColumn: "none" })).rejects.toMatchObject(refused(/no column "none"/));
    await expect(model.fit(pictures, { targetColumn: "redness" })).rejects.toMatchObject({
      name: "ShapeMismatchError",
      message: expect.stringMatching(/several labels/),
    });
    const balanced = { targetColumn: "tags", sampling: "balanced" } as const;
    await expect(model.fit(pictures, balanced)).rejects.toMatchObject(refused(/`sampling: "balanced"`/));
    await expect(model.fit(pictures, { targetColumn: "tags", classWeight: "balanced" })).rejects.toMatchObject(
      refused(/`classWeight` was given for a multi-label/),
    );
  });
});

describe("findLearningRate of a model", () => {
  test("gives a table over pictures that vary, and leaves model and optimizer as they were", async () => {
    const fit = { epochs: 2, batchSize, cache: false, augment: { horizontalFlip: true } } as const;
    const options = { unfreezeFrom: "block5_conv1", dropout: 0.3, learningRate: 1e-3 } as const;
    await using undisturbed = await create(options);
    await undisturbed.fit(pictures, fit);
    await undisturbed.fit(pictures, fit);
    await using model = await create(options);
    await model.fit(pictures, fit);
    const before = model.network();
    const { trials, suggestion } = await model.findLearningRate(pictures, {
      minimum: 1e-5,
      maximum: 1,
      steps: 30,
      batchSize,
      augment: { horizontalFlip: true },
      classWeight: "balanced",
      sampleWeight: "weight",
    });
    expect(trials[0]?.learningRate).toBeCloseTo(1e-5, 12);
    expect(suggestion).toBeGreaterThan(1e-5);
    expect(suggestion).toBeLessThan(1);
    expect(model.network()).toBe(before);
    expect(model.history).toHaveLength(2);
    await model.fit(pictures, fit);
    expect(model.history).toEqual(undisturbed.history);
    expect(model.network().weights).toEqual(undisturbed.network().weights);
  });

  test("tries the rates that a head on the same features tries, with the same losses", async () => {
    await using data = await HDF5DatasetGenerator.open(await featuresFile(), { batchSize, shuffle: true, seed: 3 });
    const options = { minimum: 1e-4, maximum: 1, steps: 12 };
    await using head = await TransferHead.create({
      inputShape: data.rowShape,
      classLabels: colours,
      learningRate: 0.01,
      seed: 3,
      backend,
    });
    await using model = await create();
    const theirs = await head.findLearningRate(data, options);
    const ours = await model.findLearningRate(pictures, { ...options, batchSize });
    expect(ours.trials.map(({ learningRate }) => learningRate)).toEqual(
      theirs.trials.map(({ learningRate }) => learningRate),
    );
    for (const [at, { loss }] of ours.trials.entries()) expect(loss).toBeCloseTo(theirs.trials[at]?.loss ?? 0, 3);
  });

  test("refuses to run beside a fit, and rejects when the model is closed", async () => {
    const model = await create();
    const running = model.findLearningRate(pictures, { steps: 1000, batchSize });
    running.catch(() => undefined);
    await expect(model.fit(pictures)).rejects.toThrow(/while another `fit` or `findLearningRate` runs/);
    await expect(model.findLearningRate(pictures, { steps: 2 })).rejects.toMatchObject({
      name: "InvalidArgumentError",
    });
    await model.close();
    await expect(running).rejects.toMatchObject({ name: "ClosedError" });
  });
});
