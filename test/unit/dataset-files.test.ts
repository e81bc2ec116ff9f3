import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter, type HDF5DatasetWriterOptions } from "../../src/hdf5-dataset-writer.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "files-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file with rows `first` to `first + rows`, each of which holds its number. */
async function file(
  name: string,
  first: number,
  rows: number,
  options: Partial<HDF5DatasetWriterOptions> = {},
  named = true,
): Promise<string> {
  const target = path.join(folder, name);
  const rowShape = options.rowShape ?? [2];
  const width = rowShape.reduce((product, axis) => product * axis, 1);
  await using writer = await HDF5DatasetWriter.create(target, {
    rowShape,
    classLabels: ["a", "b"],
    attributes: { network: "vgg16", file: name },
    ...options,
  });
  const numbers = Array.from({ length: rows }, (_, i) => first + i);
  const data = Float32Array.from(numbers.flatMap((number) => Array<number>(width).fill(number)));
  await writer.add(
    { dtype: "float32", shape: [rows, ...rowShape], data },
    numbers.map((number) => number % 2),
    named ? { names: numbers.map((number) => `${number}.jpg`) } : {},
  );
  await writer.close();
  return target;
}

async function numbersOf(data: HDF5DatasetGenerator): Promise<number[]> {
  const seen: number[] = [];
  for await (const { xs, ys, indices } of data) {
    for (const [i, index] of indices.entries()) {
      expect([xs.data[2 * i], xs.data[2 * i + 1], ys.data[i]]).toEqual([index, index, index % 2]);
      seen.push(index);
    }
  }
  return seen;
}

describe("several files as one data set", () => {
  test("give the rows of one after the other, or mixed", async () => {
    const files = [await file("1.hdf5", 0, 10), await file("2.hdf5", 10, 1), await file("3.hdf5", 11, 20)];
    const all = Array.from({ length: 31 }, (_, i) => i);
    await using data = await HDF5DatasetGenerator.open(files, { batchSize: 7 });
    expect([data.length, data.rowShape, data.classLabels]).toEqual([31, [2], ["a", "b"]]);
    expect([...(data.labels ?? [])]).toEqual(all.map((row) => row % 2));
    expect(await numbersOf(data)).toEqual(all);
    for (const shuffle of [true, { blockRows: 2, bufferRows: 8 }]) {
      await using mixed = await HDF5DatasetGenerator.open(files, { batchSize: 7, shuffle });
      const seen = await numbersOf(mixed);
      expect(seen).not.toEqual(all);
      expect(seen.sort((a, b) => a - b)).toEqual(all);
    }
    expect(await data.fileNames()).toEqual(all.map((row) => `${row}.jpg`));
    const attributes = await data.attributes();
    expect(attributes.get("network")).toBe("vgg16");
    expect(attributes.has("file")).toBe(false);
    await data.verify();
    const { train, validation } = data.split({ validation: 0.5, stratify: true });
    expect(train.length + validation.length).toBe(31);
  });

  test("have no names where one of them has none", async () => {
    const files = [await file("named.hdf5", 0, 3), await file("unnamed.hdf5", 3, 3, {}, false)];
    await using data = await HDF5DatasetGenerator.open(files);
    expect(await data.fileNames()).toBeUndefined();
  });

  test("must be alike: the one that differs is named", async () => {
    const good = await file("good.hdf5", 0, 4);
    const others = [
      await file("shape.hdf5", 0, 4, { rowShape: [3] }),
      await file("type.hdf5", 0, 4, { dtype: "float64" }),
      await file("classes.hdf5", 0, 4, { classLabels: ["b", "a"] }),
    ];
    for (const other of others) {
      await expect(HDF5DatasetGenerator.open([good, good, other])).rejects.toMatchObject({
        name: "InvalidDatasetError",
        path: other,
      });
    }
    await expect(HDF5DatasetGenerator.open([])).rejects.toMatchObject({ name: "InvalidArgumentError" });
    await expect(HDF5DatasetGenerator.open([good, `${good}.missing`])).rejects.toMatchObject({
      name: "FileAccessError",
    });
  });

  test("are all closed at the end", async () => {
    const files = [await file("x.hdf5", 0, 4), await file("y.hdf5", 4, 4)];
    const data = await HDF5DatasetGenerator.open(files);
    await data.close();
    await data.close();
    await expect(numbersOf(data)).rejects.toMatchObject({ name: "ClosedError" });
  });
});
