import { openAsBlob, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { imageList } from "../../src/images/image-list.js";
import type { ImageInput } from "../../src/images/image-source.js";
import { type ImageBatch, type LoadImagesOptions, loadImages } from "../../src/images/load-images.js";
import { prepareHere } from "../../src/images/picture-preparation.js";
import { preparePictures } from "../../src/images/picture-threads.node.js";
import { FeatureExtractor, onnx } from "../../src/index.js";
import { createRandom } from "../../src/random.js";

const formats: Record<string, { readonly file: string }> = JSON.parse(
  readFileSync(new URL("../fixtures/images/formats.json", import.meta.url), "utf8"),
);
const size = [12, 10] as const;
const bytes = 12 * 10 * 3;

async function collect(inputs: readonly ImageInput[], options: Partial<LoadImagesOptions>): Promise<ImageBatch[]> {
  const batches: ImageBatch[] = [];
  for await (const batch of loadImages(imageList(inputs), { size, batchSize: 4, ...options })) batches.push(batch);
  return batches;
}

/** Threads of this process that Node knows of. */
function threads(): number {
  const report = process.report.getReport() as unknown as { readonly workers: readonly unknown[] };
  return report.workers.length;
}

describe("pictures that are prepared in threads", () => {
  const files = Object.values(formats).map(({ file }) => new Uint8Array(Buffer.from(file, "base64")));
  const part = new Uint8Array([9, 9, ...(files[0] as Uint8Array), 9]);
  const inputs: readonly ImageInput[] = [
    ...files,
    part.subarray(2, part.length - 1),
    Uint8Array.from(files[1] as Uint8Array).buffer,
    new Blob([new Uint8Array(files[2] as Uint8Array)]),
    { dtype: "uint8", shape: [2, 1, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 6) },
    { dtype: "uint8", shape: [1, 1, 3], data: Uint8Array.of(0, 1, 2, 3).subarray(1) },
    path.join(tmpdir(), "no such picture.jpg"),
  ];

  test("are those that are prepared in the caller's thread, of every format, and so are those left out", async () => {
    const here = await collect(inputs, { workers: 0, onError: "skip" });
    expect(here.flatMap(({ skipped }) => skipped).length).toBeGreaterThan(3);
    expect(here.flatMap(({ names }) => names).length).toBeGreaterThan(20);
    const there = await collect(inputs, { workers: 2, onError: "skip" });
    // The words for damaged data are the decoder's own, which mixes up those of pictures that it decodes side by side.
    const withoutWords = (batches: readonly ImageBatch[]) =>
      batches.map(({ skipped, ...batch }) => ({ ...batch, skipped: skipped.map(({ name }) => name) }));
    expect(withoutWords(there)).toEqual(withoutWords(here));
    expect([...part.subarray(0, 3)]).toEqual([9, 9, files[0]?.[0]]);
  });

  test("are put into memory that was given back, if it is whole and as large as is asked for", async () => {
    const preparation = preparePictures({ size }, 1);
    const room = preparation.allocate(bytes);
    preparation.release(room.subarray(1));
    preparation.release(new Uint8Array(bytes));
    expect(preparation.allocate(bytes - 1).buffer).not.toBe(room.buffer);
    expect(preparation.allocate(bytes).buffer).not.toBe(room.buffer);
    preparation.release(room);
    expect(preparation.allocate(2 * bytes).buffer).not.toBe(room.buffer);
    expect(preparation.allocate(bytes)).toBe(room);
    expect(preparation.allocate(bytes)).not.toBe(room);
    const rooms = Array.from({ length: 10 }, () => preparation.allocate(bytes));
    for (const each of rooms) preparation.release(each);
    const again = Array.from({ length: 10 }, () => preparation.allocate(bytes));
    expect(again.filter((each) => rooms.includes(each))).toHaveLength(4);
    await preparation.close();
  });

  test("may be blobs of files on disk, which cannot be sent to a thread", async () => {
    const file = path.join(tmpdir(), `blob-of-file-${process.pid}.png`);
    await sharp({ create: { width: 12, height: 10, channels: 3, background: "teal" } })
      .png()
      .toFile(file);
    const blob = await openAsBlob(file);
    const [here] = await collect([blob], { workers: 0 });
    const [inThread] = await collect([blob], { workers: 1 });
    expect(inThread).toEqual(here);
    await rm(file);
  });

  test("come in memory of their own, not in one that threads share", async () => {
    const [batch] = await collect(inputs.slice(0, 4), { workers: 1, onError: "skip" });
    expect(batch?.pixels.data.buffer).toBeInstanceOf(ArrayBuffer);
  });

  test.each<[string, ImageInput]>([
    ["a damaged file", new Uint8Array([0xff, 0xd8, 0xff, 1, 2])],
    ["a missing file", path.join(tmpdir(), "no such picture.jpg")],
    ["a folder", tmpdir()],
    ["a URL", "https://localhost/cat.jpg"],
    ["pixels with alpha", { dtype: "uint8", shape: [1, 1, 4], data: new Uint8Array(4) }],
    ["pixels without a shape", { dtype: "uint8", data: new Uint8Array(4) } as never],
    ["a number", 42 as never],
    ["nothing", null as never],
  ])("fail with the same error: %s", async (_, input) => {
    const errors = await Promise.all(
      [0, 1].map((workers) => {
        const preparation = preparePictures({ size }, workers);
        return preparation.prepare({ image: input, name: "it", target: new Uint8Array(bytes) }).then(
          () => expect.unreachable(),
          async (error: Error) => {
            await preparation.close();
            return { kind: error.constructor, ...error, name: error.name, message: error.message, cause: error.cause };
          },
        );
      }),
    );
    expect(errors[1]).toEqual(errors[0]);
  });

  test("leave memory and rows right however many are left out, and wherever", async () => {
    const random = createRandom(5);
    const broken = new Uint8Array([1]);
    const pixel = (value: number): ImageInput => ({
      dtype: "uint8",
      shape: [1, 1, 3],
      data: new Uint8Array(3).fill(value),
    });
    for (const batchSize of [1, 2, 3, 7]) {
      const kept = Array.from({ length: 60 }, (_, i) => (i > 20 && i < 40 ? i === 30 : random.integerBelow(3) > 0));
      const batches = await collect(
        kept.map((isKept, i) => (isKept ? pixel(i) : broken)),
        { size: [1, 1], batchSize, onError: "skip", workers: 2 },
      );
      const expected = kept.flatMap((isKept, i) => (isKept ? [i] : []));
      expect(batches.flatMap(({ pixels }) => [...pixels.data])).toEqual(expected.flatMap((i) => [i, i, i]));
      expect(batches.flatMap(({ names }) => names)).toEqual(expected.map((i) => `image ${i}`));
    }
  });

  test("can be given up at once, with the signal's reason", async () => {
    const preparation = preparePictures({ size }, 1);
    const side = 1500;
    const image = { dtype: "uint8", shape: [side, side, 3], data: new Uint8Array(side * side * 3) } as const;
    const controller = new AbortController();
    const done: string[] = [];
    const first = preparation.prepare({ image, name: "first", target: preparation.allocate(bytes) });
    const task = { image, name: "second", target: preparation.allocate(bytes), signal: controller.signal };
    const second = preparation.prepare(task).catch((reason) => done.push(reason));
    await new Promise(setImmediate);
    controller.abort("enough");
    await second;
    await first.then(() => done.push("first"));
    expect(done).toEqual(["enough", "first"]);
    await preparation.close();
  });
});

describe("the threads that prepare pictures", () => {
  const image = { dtype: "uint8", shape: [3, 3, 3], data: new Uint8Array(27) } as const;

  test("start when they are needed, no more than asked for, and are gone after `close`", async () => {
    const before = threads();
    const preparation = preparePictures({ size }, 2);
    expect(threads()).toBe(before);
    const prepare = () => preparation.prepare({ image, name: "it", target: preparation.allocate(bytes) });
    await prepare();
    expect(threads()).toBe(before + 1);
    await Promise.all(Array.from({ length: 9 }, prepare));
    expect(threads()).toBe(before + 2);
    const left = prepare();
    left.catch(() => {});
    await preparation.close();
    await preparation.close();
    await expect(left).rejects.toMatchObject({ name: "ClosedError" });
    await expect(prepare()).rejects.toMatchObject({ name: "ClosedError" });
    expect(threads()).toBe(before);
  });

  test("of an extractor outlast its streams and end with it; those of `loadImages` end with the loop", async () => {
    const before = threads();
    for await (const _ of loadImages(imageList([image, image, image]), { size, batchSize: 1, workers: 2 })) break;
    expect(threads()).toBe(before);
    const settings = { backbone: "vgg-mini", backend: onnx({ threads: 1 }), workers: 1 } as const;
    const extractor = await FeatureExtractor.create(settings);
    await extractor.extract([image]);
    await extractor.extract([image, image]);
    expect(threads()).toBe(before + 2);
    await extractor.close();
    expect(threads()).toBe(before);
  });

  test("are not asked for by a wrong number", async () => {
    await expect(collect([image], { workers: -1 })).rejects.toThrow(
      /`workers` is -1, expected 0 or a positive integer/,
    );
    await expect(FeatureExtractor.create({ backbone: "vgg-mini", workers: 1.5 })).rejects.toMatchObject({
      name: "InvalidArgumentError",
    });
  });
});

describe('decode: "fast"', () => {
  let large: Uint8Array;
  let turned: Uint8Array;
  beforeAll(async () => {
    const random = createRandom(3);
    const noise = Uint8Array.from({ length: 12 * 16 * 3 }, () => random.integerBelow(256));
    const enlarged = () =>
      sharp(noise, { raw: { width: 16, height: 12, channels: 3 } })
        .resize(800, 600)
        .jpeg();
    large = new Uint8Array(await enlarged().toBuffer());
    turned = new Uint8Array(await enlarged().withMetadata({ orientation: 6 }).toBuffer());
  });

  async function pixels(image: ImageInput, options: Partial<LoadImagesOptions>): Promise<Uint8Array> {
    const [batch] = await collect([image], { size: [50, 60], workers: 0, ...options });
    return batch?.pixels.data as Uint8Array;
  }

  /** Mean difference of two pictures, in levels of 0 to 255. */
  function difference(one: Uint8Array, other: Uint8Array): number {
    return one.reduce((sum, value, i) => sum + Math.abs(value - (other[i] as number)), 0) / one.length;
  }

  test("gives pixels near the exact ones for large photographs, turned ones and cropped ones too", async () => {
    for (const [image, options, most] of [
      [large, {}, 2],
      // The smaller picture is cut at whole pixels of its own.
      [large, { keepAspectRatio: true }, 6],
      [large, { interpolation: "lanczos" }, 2],
      [turned, { applyOrientation: true }, 2],
    ] as const) {
      const [exact, fast] = [await pixels(image, options), await pixels(image, { ...options, decode: "fast" })];
      expect(fast).not.toEqual(exact);
      expect(difference(fast, exact)).toBeLessThan(most);
    }
    const unturned = await pixels(turned, { decode: "fast" });
    expect(difference(unturned, await pixels(turned, { decode: "fast", applyOrientation: true }))).toBeGreaterThan(10);
  });

  test("gives the exact pixels of other files, and of photographs that are not six times as large", async () => {
    const png = new Uint8Array(await sharp(large).png().toBuffer());
    expect(await pixels(png, { decode: "fast" })).toEqual(await pixels(png, {}));
    const larger = { size: [101, 60] as const };
    expect(await pixels(large, { ...larger, decode: "fast" })).toEqual(await pixels(large, larger));
  });

  test("is said by the features' attributes", async () => {
    const settings = { backbone: "vgg-mini", backend: onnx({ threads: 1 }) } as const;
    await using exact = await FeatureExtractor.create({ ...settings, decode: "exact" });
    await using fast = await FeatureExtractor.create({ ...settings, decode: "fast" });
    expect(exact.attributes.preprocess).toBe("bilinear to 64x64, caffe");
    expect(fast.attributes.preprocess).toBe("bilinear to 64x64, decoded fast, caffe");
    await expect(FeatureExtractor.create({ ...settings, decode: "quick" as "fast" })).rejects.toThrow(
      '`decode` is "quick": expected "exact" or "fast"',
    );
  });
});

test("in the caller's thread there is nothing to close", async () => {
  const preparation = prepareHere({ size });
  await preparation.close();
  const target = preparation.allocate(bytes);
  await preparation.prepare({
    image: { dtype: "uint8", shape: [12, 10, 3], data: target.map((_, i) => i) },
    name: "",
    target,
  });
  expect([...target.subarray(0, 3)]).toEqual([0, 1, 2]);
});

afterAll(() => expect(threads()).toBe(0));
