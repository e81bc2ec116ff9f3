import { cp, mkdtemp, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isCnnTransferError } from "../../src/errors.js";
import { contiguous } from "../../src/hdf5/contiguous-engine.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter, type HDF5DatasetWriterOptions } from "../../src/hdf5-dataset-writer.js";
import { imageList } from "../../src/images/image-list.js";
import type { ImageSelection } from "../../src/images/image-selection.js";
import { type MergeShardsOptions, mergeShards } from "../../src/merge-shards.js";
import { shardPaths } from "../../src/shards/shard.js";
import { shardOf } from "../../src/shards/shard-of.js";
import { writeImages } from "../../src/write-images.js";

let folder: string;
let target: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "shards-"));
  target = path.join(folder, "data.hdf5");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const classLabels = ["cats", "dogs", "panda"];

function pictures(count: number): ImageSelection {
  return imageList(
    Array.from({ length: count }, (_, i) => `Bär/${i}.jpg`),
    { labels: Array.from({ length: count }, (_, i) => (i * 7) % 3), classLabels },
  );
}

type Options = Partial<HDF5DatasetWriterOptions>;
/** Pictures that count as broken, and so have no row. */
const isBroken = (place: number) => place % 11 === 4;

/** Writes rows that follow from the names of the pictures, in batches of three, as `extractTo` does. */
async function writeRows(
  file: string,
  images: ImageSelection,
  options: Options = {},
  broken: (place: number) => boolean = isBroken,
): Promise<void> {
  const places = images.images.map(({ name }) => Number.parseInt(name.slice(4), 10));
  await using writer = await HDF5DatasetWriter.create(file, {
    rows: images.length,
    rowShape: [4],
    classLabels: images.classLabels,
    ...options,
    attributes: { network: "vgg16", ...options.attributes, ...images.attributes },
  });
  for (let start = 0; start < images.length; start += 3) {
    const batch = places.slice(start, start + 3);
    const kept = batch.filter((place) => !broken(place));
    const rows = Float32Array.from({ length: kept.length * 4 }, (_, i) => (kept[Math.floor(i / 4)] ?? 0) + (i % 4) / 4);
    const columns = {
      weight: Float64Array.from(kept, (place) => place / 3),
      photographer: kept.map((place) => `Frau ${place % 5}`),
      box: { dtype: "int32", shape: [kept.length, 2], data: Int32Array.from(kept.flatMap((place) => [-place, place])) },
    } as const;
    await writer.add(
      { dtype: "float32", shape: [kept.length, 4], data: rows },
      kept.map((place) => (place * 7) % 3),
      {
        names: kept.map((place) => `Bär/${place}.jpg`),
        skipped: batch.length - kept.length,
        ...(options.columns ? { columns } : {}),
      },
    );
  }
  await writer.close();
}

/** Shards of a job beside the file of a whole run of it. */
async function writeJob(count: number, shards: number, options: Options = {}) {
  const whole = path.join(folder, "whole.hdf5");
  await writeRows(whole, pictures(count), options);
  const paths = shardPaths(target, shards);
  for (const [index, file] of paths.entries()) {
    await writeRows(file, shardOf(pictures(count), { index, count: shards }), options);
  }
  return { whole, paths };
}

async function refusal(paths: readonly string[], options: MergeShardsOptions = {}, name = "InvalidDatasetError") {
  const before = (await readdir(folder)).sort();
  const error = await mergeShards(paths, target, options).catch((cause: unknown) => cause);
  expect(isCnnTransferError(error, name as "InvalidDatasetError"), String(error)).toBe(true);
  expect((await readdir(folder)).sort(), "a refused merge leaves nothing").toEqual(before);
  return (error as Error).message;
}

describe("shards are joined to the bytes of a whole run", () => {
  const columns = {
    weight: { dtype: "float64" },
    box: { dtype: "int32", shape: [2] },
    photographer: { dtype: "string" },
  } as const;
  test.each<[string, number, number, Options]>([
    ["two of many rows", 100, 2, {}],
    ["one", 20, 1, {}],
    ["as many as pictures, some without a row", 23, 23, {}],
    ["more than pictures", 5, 9, {}],
    ["none of whose pictures has a row", 1, 2, {}],
    ["of no pictures", 0, 2, {}],
    ["with further columns", 60, 4, { columns }],
    ["of float16", 60, 4, { dtype: "float16" }],
    ["with keys of their own", 30, 3, { dataKey: "embeddings", labelKey: "classes", labelDtype: "uint8" }],
    ["that are compressed", 60, 3, { compression: { gzip: 1 } }],
  ])("%s", async (_, count, shards, options) => {
    const { whole, paths } = await writeJob(count, shards, options);
    const done: number[] = [];
    const summary = await mergeShards([...paths].reverse(), target, {
      dataKey: options.dataKey,
      labelKey: options.labelKey,
      compression: options.compression,
      onProgress: (progress) => done.push(progress.done),
    });
    expect((await readFile(target)).equals(await readFile(whole))).toBe(true);
    const places = Array.from({ length: count }, (__, i) => i);
    const skipped = places.filter(isBroken).length;
    expect(summary).toEqual({ path: target, shards, rows: count - skipped, skipped });
    expect(done.at(-1) ?? 0).toBe(summary.rows);
  });

  test("of pictures, with the channel means and the list of the whole", async () => {
    const images = imageList(
      Array.from({ length: 11 }, (_, i) =>
        i === 6
          ? new Uint8Array([1, 2, 3])
          : {
              dtype: "uint8" as const,
              shape: [4, 6, 3],
              data: new Uint8Array(72).map((__, at) => (i * 29 + at) % 251),
            },
      ),
      { labels: Array.from({ length: 11 }, (_, i) => i % 3), classLabels },
    );
    const how = { size: [4, 6], onError: "skip" } as const;
    const whole = path.join(folder, "whole.hdf5");
    const { channelMeans } = await writeImages(images, whole, how);
    const paths = shardPaths(target, 3);
    for (const [index, file] of paths.entries()) await writeImages(shardOf(images, { index, count: 3 }), file, how);
    await mergeShards(paths, target);
    expect((await readFile(target)).equals(await readFile(whole))).toBe(true);
    await using merged = await HDF5DatasetGenerator.open(target, { dtype: "uint8" });
    expect((await merged.attributes()).get("channel_means")).toEqual(channelMeans);
    await merged.verify();
  });

  test("and the merged file says nothing of shards", async () => {
    const { paths } = await writeJob(10, 2);
    await mergeShards(paths, target);
    const file = await contiguous().open(target);
    expect(await file.attributes("/")).toEqual(["complete", "network", "rows_written"]);
    await file.close();
  });
});

describe("refused, and nothing is left of the merged file:", () => {
  test("missing shards, by their numbers", async () => {
    const { paths } = await writeJob(40, 5);
    expect(await refusal([paths[4], paths[0], paths[2]] as string[])).toMatch(/of 5 shards 2 are missing: 1, 3/);
  });

  test("a file that tells more shards than any list can have", async () => {
    const images = shardOf(pictures(4), { index: 0, count: 2 ** 40 });
    await writeRows(target, images);
    const alone = path.join(folder, "alone.hdf5");
    await rename(target, alone);
    expect(await refusal([alone])).toMatch(/of 1099511627776 shards 1099511627775 are missing: 1, 2, .*, 10, \.\.\./);
  });

  test("a shard that comes twice, by the names of both files", async () => {
    const { paths } = await writeJob(20, 2);
    const copy = path.join(folder, "copy.hdf5");
    await cp(paths[1] as string, copy);
    expect(await refusal([...paths, copy])).toMatch(/-00001-of-00002\.hdf5" and ".*copy\.hdf5" are both shard 1 of 2/);
  });

  test("a file that is not there", async () => {
    const { paths } = await writeJob(20, 2);
    await rm(paths[1] as string);
    expect(await refusal(paths, {}, "FileAccessError")).toMatch(/-00001-of-00002\.hdf5/);
  });

  test("a shard that is not complete, under its name while it is written or under the final one", async () => {
    const { paths } = await writeJob(20, 2);
    const file = paths[1] as string;
    await rm(file);
    {
      await using writer = await HDF5DatasetWriter.create(file, { rows: 10, rowShape: [4] });
      await writer.add({ dtype: "float32", shape: [1, 4], data: new Float32Array(4) });
    }
    expect(await refusal(paths)).toMatch(/not complete: there is only ".*\.partial"/);
    await rename(`${file}.partial`, file);
    expect(await refusal(paths)).toMatch(/was not completed/);
  });

  test("a file that does not tell which shard it is", async () => {
    const { whole, paths } = await writeJob(20, 2);
    expect(await refusal([paths[0] as string, whole])).toMatch(/does not tell which one/);
    const foreign = path.resolve(import.meta.dirname, "../fixtures/hdf5-columns/columns.h5");
    expect(await refusal([paths[0] as string, foreign])).toMatch(/was not made by HDF5DatasetWriter/);
  });

  test.each<[string, ImageSelection, Options, RegExp]>([
    ["of another network", pictures(20), { attributes: { network: "vgg19" } }, /"network" is \["vgg19"\] and not/],
    ["with a fact more", pictures(20), { attributes: { layer: "fc1" } }, /its attributes is/],
    ["of another number of pictures", pictures(21), {}, /number of images of the job is 21 and not 20/],
    [
      "of other names",
      imageList(
        Array.from({ length: 20 }, (_, i) => `Bar/${i}.jpg`),
        { labels: pictures(20).labels, classLabels },
      ),
      {},
      /checksum of the names/,
    ],
    [
      "with other labels",
      imageList(
        pictures(20).images.map(({ name }) => name),
        { labels: Array(20).fill(0), classLabels },
      ),
      {},
      /checksum of the labels/,
    ],
    [
      "with other classes",
      imageList(
        pictures(20).images.map(({ name }) => name),
        { labels: pictures(20).labels, classLabels: ["a", "b", "c"] },
      ),
      {},
      /names of classes/,
    ],
    ["with rows of another type", pictures(20), { dtype: "float64" }, /form of the rows/],
    ["with rows under another name", pictures(20), { dataKey: "images" }, /form of the rows/],
    ["with labels of another type", pictures(20), { labelDtype: "uint8" }, /labels is "labels" uint8/],
    [
      "with further columns",
      pictures(20),
      {
        columns: {
          weight: { dtype: "float64" },
          photographer: { dtype: "string" },
          box: { dtype: "int32", shape: [2] },
        },
      },
      /further columns/,
    ],
  ])("a shard of another job: %s", async (_, images, options, message) => {
    const { paths } = await writeJob(20, 2);
    await rm(paths[1] as string);
    await writeRows(paths[1] as string, shardOf(images, { index: 1, count: 2 }), options);
    expect(await refusal(paths)).toMatch(message);
  });

  test("a shard of a job that was cut into another number", async () => {
    const { paths } = await writeJob(20, 2);
    const [, , third] = shardPaths(target, 3);
    await writeRows(third as string, shardOf(pictures(20), { index: 2, count: 3 }));
    expect(await refusal([...paths, third as string])).toMatch(/number of shards is 3 and not 2/);
  });

  test("a shard with more rows than pictures", async () => {
    const { paths } = await writeJob(20, 2);
    const { attributes } = shardOf(pictures(20), { index: 1, count: 2 });
    await rm(paths[1] as string);
    await writeRows(paths[1] as string, { ...pictures(20), attributes });
    expect(await refusal(paths)).toMatch(/has 18 rows, but shard 1 of 2 of 20 images has 10 images/);
  });

  test("a shard one bit of which has changed, wherever it is", async () => {
    const { paths } = await writeJob(40, 2, {
      columns: { weight: { dtype: "float64" }, photographer: { dtype: "string" }, box: { dtype: "int32", shape: [2] } },
    });
    const file = paths[1] as string;
    const bytes = await readFile(file);
    const places = new Map<string, number>();
    for (const key of ["features", "labels", "weight", "box"]) {
      const engine = await contiguous().open(file);
      const location = await (
        engine as Awaited<ReturnType<ReturnType<typeof contiguous>["open"]>> & {
          locate(name: string): Promise<{ readonly position: number }>;
        }
      ).locate(key);
      places.set(key, location.position + 5);
      await engine.close();
    }
    for (const text of ["Bär/33.jpg", "Frau 3", "panda"]) places.set(text, bytes.indexOf(text));
    for (const [what, position] of places) {
      expect(position, what).toBeGreaterThan(0);
      const damaged = Buffer.from(bytes);
      damaged[position] = (damaged[position] as number) ^ 1;
      const handle = await open(file, "r+");
      await handle.write(damaged, 0, damaged.length, 0);
      await handle.close();
      expect(await refusal(paths), what).toMatch(/checksum differs/);
    }
    const handle = await open(file, "r+");
    await handle.write(bytes, 0, bytes.length, 0);
    await handle.close();
    await mergeShards(paths, target);
  });

  test("an empty list, a target that is a shard, and a path in place of a list", async () => {
    const { paths } = await writeJob(4, 1);
    expect(await refusal([], {}, "InvalidArgumentError")).toMatch(/no shards/);
    const error = await mergeShards(paths, paths[0] as string).catch((cause: unknown) => cause);
    expect(isCnnTransferError(error, "InvalidArgumentError")).toBe(true);
    expect(await refusal(paths[0] as never, {}, "InvalidArgumentError")).toMatch(/list of texts/);
  });

  test("a target that is a shard by another spelling of its path, also where it may be replaced", async () => {
    const { paths } = await writeJob(4, 1);
    const respelled = `${path.join(folder, ".") + path.sep}.${path.sep}${path.basename(paths[0] as string)}`;
    const error = await mergeShards(paths, respelled, { overwrite: true }).catch((cause: unknown) => cause);
    expect(isCnnTransferError(error, "InvalidArgumentError")).toBe(true);
  });

  test("a target that exists or was begun, unless it may be replaced", async () => {
    const { whole, paths } = await writeJob(20, 2);
    await using begun = await HDF5DatasetWriter.create(target, { rows: 2, rowShape: [4] });
    await begun.add({ dtype: "float32", shape: [1, 4], data: new Float32Array(4) });
    await begun[Symbol.asyncDispose]();
    expect(await refusal(paths, {}, "FileAccessError")).toMatch(/unfinished ".*data\.hdf5\.partial".*overwrite: true/);
    await mergeShards(paths, target, { overwrite: true });
    expect((await readFile(target)).equals(await readFile(whole))).toBe(true);
    expect(await refusal(paths, {}, "FileAccessError")).toMatch(/exists already/);
    await mergeShards(paths, target, { overwrite: true });
    expect((await readFile(target)).equals(await readFile(whole))).toBe(true);
  });
});

test("an aborted merge rejects with the signal's reason and leaves nothing", async () => {
  const { paths } = await writeJob(20, 4);
  const before = (await readdir(folder)).sort();
  const controller = new AbortController();
  const reason = new Error("enough");
  const merging = mergeShards(paths, target, {
    signal: controller.signal,
    onProgress: ({ path: shard }) => shard === paths[1] && controller.abort(reason),
  });
  await expect(merging).rejects.toBe(reason);
  expect((await readdir(folder)).sort()).toEqual(before);
});

test("pictures of a shard cannot be split into parts", async () => {
  const shard = shardOf(pictures(4), { index: 0, count: 2 });
  const error = await writeImages(shard, target, { size: [4, 4], split: { validation: 1 } }).catch((e: unknown) => e);
  expect(isCnnTransferError(error, "InvalidArgumentError")).toBe(true);
});

describe("a run of one shard does not go on with the file of another:", () => {
  test("an unfinished one of the writer", async () => {
    const settings = { rows: 2, rowShape: [4], resume: true };
    const [first, second] = [0, 1].map((index) => shardOf(pictures(4), { index, count: 2 }).attributes);
    {
      await using writer = await HDF5DatasetWriter.create(target, { ...settings, attributes: first });
      await writer.add({ dtype: "float32", shape: [1, 4], data: new Float32Array(4) });
    }
    const other = HDF5DatasetWriter.create(target, { ...settings, attributes: second });
    await expect(other).rejects.toThrow(/`attributes\.shard` was .*index.*0.* and is now .*index.*1/);
    await using same = await HDF5DatasetWriter.create(target, { ...settings, attributes: first });
    expect(same.rowsWritten).toBe(1);
  });

  test("a complete one of `writeImages`", async () => {
    const pixels = { dtype: "uint8", shape: [2, 2, 3], data: new Uint8Array(12) } as const;
    const images = imageList([pixels, pixels], { names: ["same.jpg", "same.jpg"] });
    const [first, second] = [shardOf(images, { index: 0, count: 2 }), shardOf(images, { index: 1, count: 2 })];
    const how = { size: [2, 2], resume: true } as const;
    await writeImages(first, target, how);
    expect((await writeImages(first, target, how)).files[0]?.rows).toBe(1);
    const error = await writeImages(second, target, how).catch((cause: unknown) => cause);
    expect(isCnnTransferError(error, "InvalidArgumentError") && error.message).toMatch(
      /it is complete, but `shard` is/,
    );
  });
});
