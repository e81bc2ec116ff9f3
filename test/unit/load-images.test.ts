import { execFileSync } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { platform, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { imageList } from "../../src/images/image-list.js";
import type { ImageSource, SourceImage } from "../../src/images/image-source.js";
import { loadImage } from "../../src/images/load-image.js";
import { type ImageBatch, loadImages } from "../../src/images/load-images.js";
import { createRandom } from "../../src/random.js";

/** PNG files of random pixels; the later ones are smaller and so are decoded sooner. */
async function pngs(count: number): Promise<Uint8Array[]> {
  const random = createRandom(11);
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const side = 20 + 7 * (count - index);
      const data = new Uint8Array(side * side * 3).map(() => random.uint32() & 255);
      return new Uint8Array(
        await sharp(data, { raw: { width: side, height: side, channels: 3 } })
          .png()
          .toBuffer(),
      );
    }),
  );
}

async function collect(batches: AsyncIterable<ImageBatch>): Promise<ImageBatch[]> {
  const all: ImageBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

const broken = new TextEncoder().encode("not an image");
const size = [12, 10] as const;
const imageBytes = 12 * 10 * 3;

/** A source that counts what was taken of it, and whether it was closed. */
function counted(images: readonly SourceImage[]): ImageSource & { taken: number; closed: boolean } {
  return {
    taken: 0,
    closed: false,
    length: images.length,
    classLabels: [],
    async *[Symbol.asyncIterator]() {
      try {
        for (const image of images) {
          this.taken++;
          yield image;
        }
      } finally {
        this.closed = true;
      }
    },
  };
}

describe("loadImages", () => {
  let files: Uint8Array[];
  beforeAll(async () => {
    files = await pngs(23);
  });

  test.each([1, 2, 5, 23, 64])("yields every picture once, in order, in batches of %i", async (batchSize) => {
    const labels = files.map((_, index) => index % 3);
    const batches = await collect(loadImages(imageList(files, { labels }), { size, batchSize }));
    const expectedSizes = Array.from({ length: Math.ceil(23 / batchSize) }, (_, batch) =>
      Math.min(batchSize, 23 - batch * batchSize),
    );
    expect(batches.map(({ names }) => names.length)).toEqual(expectedSizes);
    expect(batches.map(({ pixels }) => pixels.shape)).toEqual(expectedSizes.map((rows) => [rows, 12, 10, 3]));
    expect(batches.flatMap(({ names }) => names)).toEqual(files.map((_, index) => `image ${index}`));
    expect(batches.flatMap((batch) => [...(batch.labels as Int32Array)])).toEqual(labels);
    for (const [index, file] of files.entries()) {
      const { pixels } = batches[Math.floor(index / batchSize)] as ImageBatch;
      const row = (index % batchSize) * imageBytes;
      expect(pixels.data.slice(row, row + imageBytes)).toEqual((await loadImage(file, { size })).data);
    }
  });

  test("does not change with the number of pictures decoded at once", async () => {
    const options = { size, batchSize: 4, interpolation: "lanczos", keepAspectRatio: true } as const;
    const one = await collect(loadImages(imageList(files), { ...options, concurrency: 1 }));
    const many = await collect(loadImages(imageList(files), { ...options, concurrency: 16 }));
    expect(many).toEqual(one);
  });

  test("labels are undefined where the source has none", async () => {
    const [batch] = await collect(loadImages(imageList(files.slice(0, 2)), { size }));
    expect(batch?.labels).toBeUndefined();
  });

  test("pictures that are skipped never shift labels or names", async () => {
    const inputs = files.map((file, index) => (index % 5 === 0 ? broken : file));
    const labels = files.map((_, index) => index);
    const options = { size, batchSize: 4, onError: "skip" } as const;
    const batches = await collect(loadImages(imageList(inputs, { labels }), options));
    const kept = labels.filter((label) => label % 5 !== 0);
    expect(batches.flatMap((batch) => [...(batch.labels as Int32Array)])).toEqual(kept);
    expect(batches.flatMap(({ names }) => names)).toEqual(kept.map((label) => `image ${label}`));
    const reason = "it is not a JPEG, PNG, WebP, BMP, GIF or TIFF file";
    expect(batches.flatMap(({ skipped }) => skipped)).toEqual(
      [0, 5, 10, 15, 20].map((index) => ({ name: `image ${index}`, reason })),
    );
    const last = (await loadImage(files[22] as Uint8Array, { size })).data;
    expect(batches.at(-1)?.pixels.data.slice(-imageBytes)).toEqual(last);
  });

  test("a last batch without rows reports pictures that were skipped at the end", async () => {
    const inputs = [files[0], files[1], broken, broken] as Uint8Array[];
    const batches = await collect(loadImages(imageList(inputs), { size, batchSize: 2, onError: "skip" }));
    expect(batches.map(({ names, skipped }) => [names.length, skipped.length])).toEqual([
      [2, 0],
      [0, 2],
    ]);
    expect(batches[1]?.pixels.shape).toEqual([0, 12, 10, 3]);
  });

  test("a missing file is skipped or thrown as a broken one is", async () => {
    const source = imageList(["nowhere/cat.jpg", files[0] as Uint8Array]);
    const [batch] = await collect(loadImages(source, { size, onError: "skip" }));
    expect(batch?.skipped).toEqual([{ name: "nowhere/cat.jpg", reason: "there is no such file" }]);
    expect(batch?.names).toEqual(["image 1"]);
    await expect(collect(loadImages(source, { size }))).rejects.toMatchObject({
      name: "FileAccessError",
      reason: "missing",
    });
  });

  test("without skipping, batches before a broken picture come through and then its error", async () => {
    const inputs = files.map((file, index) => (index === 9 ? broken : file));
    const seen: number[] = [];
    const run = (async () => {
      for await (const { names } of loadImages(imageList(inputs), { size, batchSize: 4 })) seen.push(names.length);
    })();
    await expect(run).rejects.toMatchObject({ name: "ImageDecodeError", image: "image 9" });
    expect(seen).toEqual([4, 4]);
  });

  test("wrong pixels in a source are an error even when skipping", async () => {
    const source = imageList([{ dtype: "uint8", shape: [3, 4, 4], data: new Uint8Array(48) }]);
    await expect(collect(loadImages(source, { size, onError: "skip" }))).rejects.toMatchObject({
      name: "ShapeMismatchError",
    });
  });

  test("decodes ahead while the caller is busy, and no further than two batches", async () => {
    const many = Array.from({ length: 60 }, (_, index) => ({ image: files[22] as Uint8Array, name: String(index) }));
    const source = counted(many);
    const batches = loadImages(source, { size, batchSize: 5, concurrency: 2 });
    await batches.next();
    // 5 were handed over; up to 10 are ready; one more was taken and waits for its turn.
    await vi.waitFor(() => expect(source.taken).toBeGreaterThanOrEqual(15), 10_000);
    await sleep(200);
    expect(source.taken).toBeLessThanOrEqual(16);
    await batches.return();
    expect(source.closed).toBe(true);
  });

  test("leaving the loop stops the work", async () => {
    const source = counted(files.map((image, index) => ({ image, name: String(index) })));
    for await (const _ of loadImages(source, { size, batchSize: 1, concurrency: 1 })) break;
    const { taken } = source;
    expect(taken).toBeLessThan(8);
    await sleep(50);
    expect(source.taken).toBe(taken);
    expect(source.closed).toBe(true);
  });

  test("an abort rejects with the signal's reason, also while the source gives nothing", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const endless: ImageSource = {
      length: 2,
      classLabels: [],
      async *[Symbol.asyncIterator]() {
        yield { image: files[0] as Uint8Array, name: "first" };
        await new Promise(() => {});
      },
    };
    const batches = loadImages(endless, { size, batchSize: 2, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 20);
    await expect(batches.next()).rejects.toBe(reason);
    await expect(loadImages(endless, { size, signal: controller.signal }).next()).rejects.toBe(reason);
  });

  test("an error of the source comes through after the pictures before it", async () => {
    const failing: ImageSource = {
      length: 3,
      classLabels: [],
      async *[Symbol.asyncIterator]() {
        yield { image: files[0] as Uint8Array, name: "first" };
        throw new Error("source broke");
      },
    };
    const batches = loadImages(failing, { size, batchSize: 1 });
    expect((await batches.next()).value).toMatchObject({ names: ["first"] });
    await expect(batches.next()).rejects.toThrow("source broke");
  });

  test("a source that labels only some pictures is refused", async () => {
    const source = counted([
      { image: files[0] as Uint8Array, name: "a", label: 0 },
      { image: files[1] as Uint8Array, name: "b" },
    ]);
    await expect(collect(loadImages(source, { size }))).rejects.toThrow(/"b" has no label/);
  });

  test("labels exist also where all pictures were skipped", async () => {
    const source = imageList([broken, broken], { labels: [0, 1] });
    const [batch] = await collect(loadImages(source, { size, onError: "skip" }));
    expect(batch).toMatchObject({ names: [], labels: new Int32Array(0) });
    expect(batch?.skipped).toHaveLength(2);
  });

  test.each([
    [["cat", "dog"], 2, /"b" has the label 2, expected an integer from 0 to 1, an index into the 2 `classLabels`/],
    [["cat", "dog"], -1, /label -1/],
    [["cat", "dog"], 0.9, /label 0.9/],
    [["cat", "dog"], Number.NaN, /label NaN/],
    [[], 7.9, /label 7.9, expected an integer from 0/],
    [[], 2 ** 31, /label 2147483648/],
  ])("of a source of classes %j, the label %d is refused with its picture", async (classLabels, label, message) => {
    const images = [0, label].map((each, i) => ({
      image: files[i] as Uint8Array,
      name: "ab"[i] as string,
      label: each,
    }));
    const run = collect(loadImages({ ...counted(images), classLabels }, { size }));
    await expect(run).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });

  test("a folder in the place of a picture is skipped or thrown as a missing file is", async () => {
    const source = imageList([tmpdir(), files[0] as Uint8Array]);
    const [batch] = await collect(loadImages(source, { size, onError: "skip" }));
    expect(batch?.skipped).toEqual([{ name: tmpdir(), reason: "it is a folder" }]);
    expect(batch?.names).toEqual(["image 1"]);
    await expect(collect(loadImages(source, { size }))).rejects.toThrow(/it is a folder; use `imageFolder`/);
  });

  test.skipIf(platform() === "win32")(
    "a pipe, a device and a link to itself in the place of a picture are skipped or thrown, and not read for ever",
    async () => {
      const folder = await mkdtemp(path.join(tmpdir(), "no-files-"));
      try {
        const [pipe, device, loop] = ["pipe.jpg", "device.jpg", "loop.jpg"].map((name) => path.join(folder, name)) as [
          string,
          string,
          string,
        ];
        execFileSync("mkfifo", [pipe]);
        await symlink("/dev/zero", device);
        await symlink(loop, loop);
        for (const workers of [0, 1]) {
          const source = imageList([pipe, device, loop, files[0] as Uint8Array]);
          const [batch] = await collect(loadImages(source, { size, workers, onError: "skip" }));
          expect(batch?.names).toEqual(["image 3"]);
          expect(batch?.skipped).toEqual([
            { name: pipe, reason: "it is a pipe, a socket or a device" },
            { name: device, reason: "it is a pipe, a socket or a device" },
            { name: loop, reason: "it is a link that leads back to itself" },
          ]);
          for (const none of [pipe, device, loop]) {
            await expect(collect(loadImages(imageList([none]), { size, workers }))).rejects.toMatchObject({
              name: "FileAccessError",
              path: none,
              reason: "other",
            });
          }
        }
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );

  test.each([
    ["http://localhost/cat.jpg", /"http:\/\/localhost\/cat.jpg": URLs are not fetched. Fetch it and pass the bytes/],
    ["data:image/png;base64,AAAA", /URLs are not fetched. Fetch it/],
    ["file:///cat.jpg", /URLs are not fetched. Pass the path instead/],
    [new URL("file:///cat.jpg") as unknown as string, /URLs are not fetched. Pass the path instead/],
    [new URL("https://localhost/cat.jpg") as unknown as string, /URLs are not fetched. Fetch it/],
  ])("the URL %s is told apart from a missing file", async (url, message) => {
    await expect(collect(loadImages(imageList([url]), { size, onError: "skip" }))).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });

  test("what is no picture at all is named by its place in the list", async () => {
    const source = imageList([files[0] as Uint8Array, undefined as unknown as string]);
    await expect(collect(loadImages(source, { size }))).rejects.toThrow(/^"image 1" is undefined: expected a picture/);
  });

  test("an empty source gives no batch", async () => {
    expect(await collect(loadImages(imageList([]), { size }))).toEqual([]);
  });

  test("does not block the event loop for several pictures in a row", async () => {
    const side = 1500;
    const image = { dtype: "uint8", shape: [side, side, 3], data: new Uint8Array(side * side * 3) } as const;
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await collect(loadImages(imageList(Array.from({ length: 12 }, () => image)), { size: [224, 224], batchSize: 12 }));
    clearInterval(timer);
    // Each resize takes far longer than a timer's millisecond, so every turn between two of them is seen.
    expect(turns).toBeGreaterThanOrEqual(8);
  });

  test.each([
    { batchSize: 0 },
    { batchSize: 1.5 },
    { concurrency: 0 },
    { onError: "ignore" as "skip" },
    { interpolation: "area" as "box" },
    { size: [0, 5] as const },
  ])("refuses %o", async (wrong) => {
    await expect(collect(loadImages(imageList(files), { size, ...wrong }))).rejects.toMatchObject({
      name: "InvalidArgumentError",
    });
  });
});

describe("files that change while they are listed", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "load-images-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  test("a file cut short is named in the error", async () => {
    const file = path.join(directory, "cut.png");
    const [png] = await pngs(1);
    await writeFile(file, (png as Uint8Array).subarray(0, 300));
    await expect(collect(loadImages(imageList([file]), { size }))).rejects.toMatchObject({
      name: "ImageDecodeError",
      image: file,
    });
  });
});
