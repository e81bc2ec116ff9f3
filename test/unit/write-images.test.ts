import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import type { ImageSource, SourceImage } from "../../src/images/image-source.js";
import { splitRows } from "../../src/training/split.js";
import { writeImages } from "../../src/write-images.js";

let folder: string;
let target: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "images-"));
  target = path.join(folder, "data.hdf5");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const count = 40;
const size = [4, 6] as const;

/** Pictures of one colour each, already of the right size; some are broken. */
function pictures(broken: readonly number[] = [], stopBefore = count): ImageSource {
  const item = (i: number): SourceImage => ({
    name: `${i}.png`,
    label: i % 2,
    image: broken.includes(i)
      ? new Uint8Array([1, 2, 3])
      : {
          dtype: "uint8",
          shape: [...size, 3],
          data: Uint8Array.from({ length: 72 }, (_, at) => (at % 3 === 0 ? i : at % 3 === 1 ? 2 * i : 255)),
        },
  });
  const items = Array.from({ length: count }, (_, i) => item(i));
  if (stopBefore < count)
    items[stopBefore] = { name: `${stopBefore}.png`, label: stopBefore % 2, image: new Uint8Array(3) };
  return {
    length: count,
    classLabels: ["even", "odd"],
    async *[Symbol.asyncIterator]() {
      yield* items;
    },
  };
}

async function contents(file: string) {
  await using data = await HDF5DatasetGenerator.open(file, { dtype: "uint8", batchSize: 7 });
  const rows: number[] = [];
  for await (const { xs, ys } of data) {
    for (let i = 0; i < ys.data.length; i++) {
      const row = xs.data[i * 72] as number;
      expect([...xs.data.subarray(i * 72, i * 72 + 3)]).toEqual([row, 2 * row, 255]);
      expect(ys.data[i]).toBe(row % 2);
      rows.push(row);
    }
  }
  expect(data.classLabels).toEqual(["even", "odd"]);
  expect(await data.fileNames()).toEqual(rows.map((row) => `${row}.png`));
  await data.verify();
  return { rows, means: (await data.attributes()).get("channel_means") as number[] };
}

test("pictures become one file with labels, names and channel means", async () => {
  const done: number[] = [];
  const summary = await writeImages(pictures(), target, {
    size,
    batchSize: 16,
    onProgress: (progress) => done.push(progress.done),
  });
  expect(done).toEqual([16, 32, 40]);
  expect(summary).toEqual({
    files: [{ part: "all", path: target, rows: count, skipped: [] }],
    channelMeans: [19.5, 39, 255],
  });
  const { rows, means } = await contents(target);
  expect(rows).toEqual(Array.from({ length: count }, (_, i) => i));
  expect(means).toEqual([19.5, 39, 255]);
});

test("a split gives the files that scikit-learn's split gives, all with the means of the training pictures", async () => {
  const split = { validation: 0.25, test: 0.1, seed: 3 };
  const summary = await writeImages(pictures(), target, { size, split });
  expect((await readdir(folder)).sort()).toEqual(["data.test.hdf5", "data.train.hdf5", "data.validation.hdf5"]);
  const labels = Array.from({ length: count }, (_, i) => i % 2);
  const outer = splitRows(count, { size: 0.1, stratify: labels, seed: 3 });
  const test = await contents(path.join(folder, "data.test.hdf5"));
  const train = await contents(path.join(folder, "data.train.hdf5"));
  const validation = await contents(path.join(folder, "data.validation.hdf5"));
  expect(test.rows).toEqual([...outer.second]);
  expect([train.rows.length, validation.rows.length, test.rows.length]).toEqual([26, 10, 4]);
  expect([...train.rows, ...validation.rows, ...test.rows].sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
  const red = train.rows.reduce((sum, row) => sum + row, 0) / train.rows.length;
  for (const { means } of [train, validation, test]) expect(means[0]).toBeCloseTo(red, 10);
  expect(summary.channelMeans[0]).toBeCloseTo(red, 10);
});

test("broken pictures are left out where asked, with their reason, and shift no label", async () => {
  const { files } = await writeImages(pictures([0, 7, 8, 39]), target, { size, onError: "skip", batchSize: 5 });
  expect(files[0]?.skipped.map(({ name }) => name)).toEqual(["0.png", "7.png", "8.png", "39.png"]);
  const { rows } = await contents(target);
  expect(rows).toEqual(Array.from({ length: count }, (_, i) => i).filter((i) => ![0, 7, 8, 39].includes(i)));
});

test("a run that was stopped is continued to the same bytes, skipped pictures and means included", async () => {
  const whole = path.join(folder, "whole.hdf5");
  const how = { size, onError: "skip", batchSize: 5 } as const;
  await writeImages(pictures([3, 20]), whole, how);
  for (const stop of [1, 9, 22, 38]) {
    const file = path.join(folder, `${stop}.hdf5`);
    const controller = new AbortController();
    const stopped = writeImages(pictures([3, 20]), file, {
      ...how,
      signal: controller.signal,
      onProgress: ({ done }) => done > stop && controller.abort(new Error("stopped")),
    });
    await expect(stopped).rejects.toThrow("stopped");
    await writeImages(pictures([3, 20]), file, { ...how, resume: true });
    expect((await readFile(file)).equals(await readFile(whole)), `stopped after ${stop}`).toBe(true);
  }
});

test("resuming with other pictures or another size is refused", async () => {
  const stopped = writeImages(pictures([], 30), target, { size, batchSize: 5 });
  await expect(stopped).rejects.toMatchObject({ name: "ImageDecodeError" });
  await expect(writeImages(pictures(), target, { size: [6, 4], resume: true })).rejects.toThrow("rowShape");
  const others: ImageSource = {
    ...pictures(),
    async *[Symbol.asyncIterator]() {
      for await (const item of pictures()) yield { ...item, name: `other/${item.name}` };
    },
  };
  await expect(writeImages(others, target, { size, resume: true })).rejects.toThrow("image_list_crc32");
  await writeImages(pictures(), target, { size, resume: true });
  expect((await contents(target)).rows.length).toBe(count);
});

test("a run of several files that was stopped leaves the complete ones as they are", async () => {
  const how = { size, split: { validation: 10 }, batchSize: 5 } as const;
  const controller = new AbortController();
  const stopped = writeImages(pictures(), target, {
    ...how,
    signal: controller.signal,
    onProgress: (progress) => progress.path.includes("validation") && controller.abort(new Error("stopped")),
  });
  await expect(stopped).rejects.toThrow("stopped");
  const train = path.join(folder, "data.train.hdf5");
  const before = await stat(train);
  const { files, channelMeans } = await writeImages(pictures(), target, { ...how, resume: true });
  expect((await stat(train)).mtimeMs).toBe(before.mtimeMs);
  expect(files.map(({ part, rows }) => [part, rows])).toEqual([
    ["train", 30],
    ["validation", 10],
  ]);
  expect((await contents(path.join(folder, "data.validation.hdf5"))).means).toEqual([...channelMeans]);
  await expect(writeImages(pictures(), target, { ...how, keepAspectRatio: true, resume: true })).rejects.toThrow(
    "preparation",
  );
  await expect(writeImages(pictures(), target, how)).rejects.toMatchObject({ reason: "exists" });
});
