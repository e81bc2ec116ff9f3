import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { aspectAwareResize } from "../../src/images/augment/aspect-aware-resize.js";
import { type AugmentOptions, augmentImages } from "../../src/images/augment/augment-images.js";
import { randomCrop, tenCrop } from "../../src/images/augment/crop.js";
import type { Image } from "../../src/images/augment/image-transform.js";
import { meanSubtract } from "../../src/images/augment/mean-subtract.js";
import { createRandom } from "../../src/random.js";

const count = 40;
const shape = [6, 8, 3];
const length = 6 * 8 * 3;
let folder: string;
let target: string;
let pixels: Uint8Array;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "augment-"));
  target = path.join(folder, "images.hdf5");
  const random = createRandom(1);
  pixels = Uint8Array.from({ length: count * length }, () => random.integerBelow(256));
  await using writer = await HDF5DatasetWriter.create(target, { rowShape: shape, dtype: "uint8", dataKey: "images" });
  const labels = Array.from({ length: count }, (_, row) => Number(row >= 30));
  await writer.add({ dtype: "uint8", shape: [count, ...shape], data: pixels }, labels);
  await writer.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const stored = (row: number) => pixels.subarray(row * length, (row + 1) * length);
const imageOf = (row: number): Image => ({ dtype: "uint8", shape, data: Uint8Array.from(stored(row)) });

type Batches = AsyncIterable<{
  readonly xs: { readonly data: Uint8Array | Float32Array };
  readonly indices: Uint32Array;
}>;

/** What comes for each row of a pass, by row; of a row that comes twice, both. */
async function imagesOf(batches: Batches): Promise<Map<number, number[][]>> {
  const images = new Map<number, number[][]>();
  for await (const { xs, indices } of batches) {
    const size = xs.data.length / indices.length;
    for (const [i, row] of indices.entries()) {
      images.set(row, [...(images.get(row) ?? []), [...xs.data.slice(i * size, (i + 1) * size)]]);
    }
  }
  return images;
}

describe("rows go through preprocessors", () => {
  test("in their order, and the new shape is known", async () => {
    await using data = await HDF5DatasetGenerator.open(target, {
      batchSize: 7,
      preprocessors: [aspectAwareResize([4, 4]), meanSubtract([10, 20, 30])],
    });
    expect(data.rowShape).toEqual([4, 4, 3]);
    const images = await imagesOf(data);
    expect(images.size).toBe(count);
    for (const [row, [image]] of images) {
      const resized = aspectAwareResize([4, 4])(imageOf(row), createRandom(0));
      expect(image).toEqual([...resized.data].map((value, i) => value - ([10, 20, 30][i % 3] as number)));
    }
  });

  test("as bytes or as floats, as is asked for", async () => {
    const preprocessors = [tenCrop([4, 4])];
    await using bytes = await HDF5DatasetGenerator.open(target, { dtype: "uint8", preprocessors });
    await using floats = await HDF5DatasetGenerator.open(target, { preprocessors });
    expect([bytes.rowShape, floats.rowShape]).toEqual(Array(2).fill([10, 4, 4, 3]));
    expect(await imagesOf(bytes)).toEqual(await imagesOf(floats));
    const { value } = await bytes.batches().next();
    expect(value?.xs).toMatchObject({ dtype: "uint8", shape: [32, 10, 4, 4, 3] });
  });

  test("that must make all rows alike, of the type that was asked for", async () => {
    await expect(
      HDF5DatasetGenerator.open(target, { dtype: "uint8", preprocessors: [meanSubtract([1, 2, 3])] }),
    ).rejects.toMatchObject({ name: "InvalidArgumentError" });
    await expect(HDF5DatasetGenerator.open(target, { preprocessors: [randomCrop([7, 7])] })).rejects.toMatchObject({
      name: "ShapeMismatchError",
    });
    await using data = await HDF5DatasetGenerator.open(target, {
      preprocessors: [(image) => (image.data[0] ? { ...image, shape: [1, 1, 1] } : image)],
    });
    await expect(imagesOf(data)).rejects.toMatchObject({ name: "ShapeMismatchError" });
    await expect(HDF5DatasetGenerator.open(target, { preprocessors: ["flip"] as never })).rejects.toMatchObject({
      name: "InvalidArgumentError",
    });
  });
});

describe("augmented rows", () => {
  const augment: AugmentOptions = { rotationRange: 30, widthShiftRange: 0.2, zoomRange: 0.2, horizontalFlip: true };

  test("are the same for the same seed, pass and row, in whatever batches and order; else others", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { augment, seed: 5, batchSize: 3, dtype: "uint8" });
    const first = await imagesOf(data);
    const second = await imagesOf(data);
    for (const [row, images] of first) {
      expect(images[0]).not.toEqual([...stored(row)]);
      expect(images).not.toEqual(second.get(row));
    }
    for (const other of [data.with({ batchSize: 16 }), data.with({ shuffle: true }), data.with({ prefetch: 4 })]) {
      expect(new Map([...(await imagesOf(other))].sort(([a], [b]) => a - b))).toEqual(first);
    }
    expect(await imagesOf(data.batches({ pass: 1 }))).toEqual(second);
    const otherSeed = await imagesOf(data.with({ seed: 6 }));
    for (const [row, images] of first) expect(images).not.toEqual(otherSeed.get(row));
  });

  test("differ from each other where a row comes more than once in a pass", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { augment, shuffle: true, sampling: "balanced" });
    const images = await imagesOf(data);
    expect([...images.values()].flat()).toHaveLength(60);
    for (const [row, own] of images) {
      expect(own).toHaveLength(row < 30 ? 1 : 3);
      expect(new Set(own.map(String)).size).toBe(own.length);
    }
  });

  test("are for training: validation and test parts come as they are", async () => {
    await using data = await HDF5DatasetGenerator.open(target, { augment });
    const { train, validation, test: held } = data.split({ validation: 0.25, test: 0.25 });
    for (const part of [validation, held, ...data.kFold(2).map((fold) => fold.validation)]) {
      for (const [row, images] of await imagesOf(part)) expect(images).toEqual([[...stored(row)]]);
    }
    for (const [row, images] of await imagesOf(train)) expect(images[0]).not.toEqual([...stored(row)]);
  });

  test("may be made by a function", async () => {
    await using data = await HDF5DatasetGenerator.open(target, {
      augment: (image, random) => ({ ...image, data: image.data.map(() => random.integerBelow(256)) }) as Image,
    });
    const images = await imagesOf(data);
    expect(new Set([...images.values()].map(String)).size).toBe(count);
  });
});

describe("what is done to an image", () => {
  const floats: Image = { dtype: "float32", shape, data: Float32Array.from({ length }, (_, i) => (i * 37) % 101) };
  const each = [imageOf, () => floats];

  test.each([
    {},
    { rotationRange: 0, widthShiftRange: 0, zoomRange: 0, shearRange: 0 },
    { zoomRange: [1, 1] as const, brightnessRange: [1, 1] as const },
  ])("is nothing if nothing is asked for: %o", (options) => {
    for (const make of each) {
      for (let seed = 0; seed < 10; seed++) {
        expect(augmentImages(options)(make(seed), createRandom(seed))).toEqual(make(seed));
      }
    }
  });

  test("mirrors about half of the images, exactly", () => {
    let mirrored = 0;
    for (let seed = 0; seed < 200; seed++) {
      const image = imageOf(seed % count);
      const { data } = augmentImages({ horizontalFlip: true })(image, createRandom(seed));
      if (String(data) === String(image.data)) continue;
      mirrored++;
      for (let i = 0; i < length; i++) {
        const [row, column, channel] = [Math.floor(i / 24), Math.floor(i / 3) % 8, i % 3];
        expect(data[i]).toBe(image.data[row * 24 + (7 - column) * 3 + channel]);
      }
    }
    // 100 on average, with a deviation of 7.
    expect(Math.abs(mirrored - 100)).toBeLessThan(35);
  });

  test("keeps every value between the least and the greatest of the image, and the image itself as it was", () => {
    const all: AugmentOptions = {
      rotationRange: 180,
      widthShiftRange: 20,
      heightShiftRange: 0.9,
      shearRange: 60,
      zoomRange: [0.1, 5],
      verticalFlip: true,
    };
    for (let seed = 0; seed < 50; seed++) {
      const image = imageOf(seed % count);
      const { data } = augmentImages(all)(image, createRandom(seed));
      expect(Math.min(...data)).toBeGreaterThanOrEqual(Math.min(...image.data));
      expect(Math.max(...data)).toBeLessThanOrEqual(Math.max(...image.data));
      expect(image).toEqual(imageOf(seed % count));
    }
  });

  test.each([
    { rotationRange: -1 },
    { widthShiftRange: Number.NaN },
    { zoomRange: 1 },
    { zoomRange: [2, 1] },
    { brightnessRange: [-1, 1] },
    { fillMode: "wrap" },
  ])("%o is refused", (options) => {
    expect(() => augmentImages(options as never)).toThrowError(
      expect.objectContaining({ name: "InvalidArgumentError" }),
    );
  });

  test("ten crops are the corners, the middle, and all of them mirrored", () => {
    const numbers: Image = { dtype: "float32", shape: [3, 4, 1], data: Float32Array.from({ length: 12 }, (_, i) => i) };
    const crops = tenCrop([2, 2])(numbers, createRandom(0));
    expect(crops.shape).toEqual([10, 2, 2, 1]);
    const expected = [
      [0, 1, 4, 5],
      [2, 3, 6, 7],
      [6, 7, 10, 11],
      [4, 5, 8, 9],
      [1, 2, 5, 6],
    ];
    const mirrored = expected.map(([a, b, c, d]) => [b, a, d, c]);
    expect([...crops.data]).toEqual([...expected, ...mirrored].flat());
  });

  test("a random crop is a part of the image, each part about as often", () => {
    const numbers: Image = { dtype: "uint8", shape: [3, 4, 1], data: Uint8Array.from({ length: 12 }, (_, i) => i) };
    const times = new Map<number, number>();
    for (let seed = 0; seed < 600; seed++) {
      const { data } = randomCrop([2, 2])(numbers, createRandom(seed));
      const corner = data[0] as number;
      expect([...data]).toEqual([corner, corner + 1, corner + 4, corner + 5]);
      times.set(corner, (times.get(corner) ?? 0) + 1);
    }
    expect([...times.keys()].sort((a, b) => a - b)).toEqual([0, 1, 2, 4, 5, 6]);
    for (const value of times.values()) expect(Math.abs(value - 100)).toBeLessThan(45);
  });

  test.each([
    [20, 10, 4, 4],
    [10, 21, 4, 4],
    [11, 17, 5, 3],
    [9, 9, 6, 6],
    [40, 7, 8, 20],
  ])("an image of %i x %i keeps its middle when resized to %i x %i", (height, width, newHeight, newWidth) => {
    // Each pixel holds where it is, so that the result shows where it comes from.
    const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return i % 3 === 0 ? Math.floor(pixel / width) * 6 : (pixel % width) * 6;
    });
    const resized = aspectAwareResize([newHeight, newWidth])(
      { dtype: "uint8", shape: [height, width, 3], data },
      createRandom(0),
    );
    expect(resized.shape).toEqual([newHeight, newWidth, 3]);
    const mean = (channel: number) =>
      [...resized.data].reduce((sum, value, i) => (i % 3 === channel ? sum + value : sum), 0) / (newHeight * newWidth);
    expect(Math.abs(mean(0) - (height - 1) * 3)).toBeLessThan(6);
    expect(Math.abs(mean(1) - (width - 1) * 3)).toBeLessThan(6);
  });
});
