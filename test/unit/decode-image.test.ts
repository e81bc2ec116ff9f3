import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage } from "../../src/images/decode-image.js";
import { loadImage } from "../../src/images/load-image.js";

function chunk(kind: string, data: Uint8Array): Buffer {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length);
  out.write(kind, 4, "latin1");
  out.set(data, 8);
  out.writeUInt32BE(checksum(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}

function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** A PNG that says it has this size. Its 3 x 2 pixels are there only when that is the size. */
function png(width: number, height: number): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return new Uint8Array(
    Buffer.concat([
      signature,
      chunk("IHDR", header),
      chunk("IDAT", deflateSync(rows)),
      chunk("IEND", new Uint8Array(0)),
    ]),
  );
}

/** A bitmap header that says it has this size, without pixels. */
function bmp(width: number, height: number): Uint8Array {
  const bytes = Buffer.alloc(60);
  bytes.write("BM", "latin1");
  bytes.writeUInt32LE(54, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(width, 18);
  bytes.writeInt32LE(height, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  return new Uint8Array(bytes);
}

/** A GIF whose picture says it has this size, on a canvas of 1 x 1. */
function gif(width: number, height: number): Uint8Array {
  const bytes = Buffer.alloc(26);
  bytes.write("GIF89a", "latin1");
  bytes.writeUInt16LE(1, 6);
  bytes.writeUInt16LE(1, 8);
  bytes[13] = 0x2c;
  bytes.writeUInt16LE(width, 18);
  bytes.writeUInt16LE(height, 20);
  bytes[23] = 2;
  return new Uint8Array(bytes);
}

const expected = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19]);

describe("decodeImage takes", () => {
  let directory: string;
  let file: string;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "decode-image-"));
    file = path.join(directory, "кошка %23 'a'.jpg");
    await writeFile(file, png(3, 2));
  });
  afterAll(() => rm(directory, { recursive: true }));

  test.each([
    ["a path of any name", () => file],
    ["bytes", () => png(3, 2)],
    ["a view into longer bytes", () => Buffer.concat([Buffer.alloc(5), png(3, 2)]).subarray(5)],
    ["an ArrayBuffer", () => png(3, 2).slice().buffer],
    ["a Blob", () => new Blob([png(3, 2).slice()])],
    ["pixels", () => ({ dtype: "uint8", shape: [2, 3, 3], data: expected }) as const],
  ])("%s", async (_, input) => {
    const pixels = await decodeImage(input());
    expect(pixels).toEqual({ dtype: "uint8", shape: [2, 3, 3], data: expected });
    expect(pixels.data.constructor).toBe(Uint8Array);
  });

  test("no missing file", async () => {
    await expect(decodeImage(path.join(directory, "none.jpg"))).rejects.toMatchObject({
      name: "FileAccessError",
      reason: "missing",
      path: path.join(directory, "none.jpg"),
    });
  });

  test("no folder", async () => {
    await expect(decodeImage(directory)).rejects.toThrow(/it is a folder; use `imageFolder`/);
  });

  test.each([
    { dtype: "uint8", shape: [3, 2, 2], data: new Uint8Array(12) },
    { dtype: "uint8", shape: [2, 3, 3], data: new Uint8Array(17) },
    { dtype: "float32", shape: [2, 3, 3], data: new Float32Array(18) },
  ])("no pixels of another form: $dtype $shape", async (pixels) => {
    await expect(decodeImage(pixels as never)).rejects.toMatchObject({ name: "ShapeMismatchError" });
  });

  test("nothing else", async () => {
    await expect(decodeImage(42 as never)).rejects.toMatchObject({ name: "InvalidArgumentError" });
    await expect(decodeImage(null as never)).rejects.toMatchObject({ name: "InvalidArgumentError" });
  });
});

describe("decodeImage refuses before it takes memory", () => {
  test.each([
    ["PNG", png(65536, 65536)],
    ["BMP", bmp(60000, 60000)],
    ["GIF", gif(65535, 65535)],
  ])("a %s of billions of pixels", async (_, bytes) => {
    const before = process.memoryUsage().rss;
    await expect(decodeImage(bytes, { name: "bomb" })).rejects.toMatchObject({
      name: "ImageDecodeError",
      image: "bomb",
      reason: expect.stringMatching(/`maximumPixels` allows 178956970/),
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });

  test("a picture of more than `maximumPixels`, and takes one of just as many", async () => {
    await expect(decodeImage(png(3, 2), { maximumPixels: 5 })).rejects.toThrow(/2 x 3 = 6 pixels/);
    await expect(decodeImage(png(3, 2), { maximumPixels: 6 })).resolves.toMatchObject({ shape: [2, 3, 3] });
    await expect(decodeImage(png(3, 2), { maximumPixels: 0 })).rejects.toMatchObject({ name: "InvalidArgumentError" });
  });

  test("when the signal is aborted, with its reason", async () => {
    const reason = new Error("stop");
    await expect(decodeImage(png(3, 2), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("loadImage", () => {
  test("keeps the size unless one is wanted", async () => {
    expect((await loadImage(png(3, 2))).shape).toEqual([2, 3, 3]);
    expect((await loadImage(png(3, 2), { size: [7, 5] })).shape).toEqual([7, 5, 3]);
  });

  test("checks the size before anything else can go wrong with it", async () => {
    await expect(loadImage(png(3, 2), { size: [7] as never })).rejects.toThrow(/\[height, width\]/);
    await expect(loadImage(png(3, 2), { size: [7, -1] })).rejects.toThrow(/two positive integers/);
  });
});
