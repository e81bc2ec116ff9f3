import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareCodePoints } from "../../src/images/compare-code-points.js";
import { imageFolder } from "../../src/images/image-folder.js";
import { imageList } from "../../src/images/image-list.js";

const bytes = new Uint8Array(3);

async function names(source: AsyncIterable<{ readonly name: string }>): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of source) found.push(name);
  return found;
}

describe("imageList", () => {
  test("names pictures by path, by a file's name, or by their place", async () => {
    const list = imageList(["a/b.jpg", bytes, new File([bytes], "c.png"), new Blob([bytes])]);
    expect(await names(list)).toEqual(["a/b.jpg", "image 1", "c.png", "image 3"]);
    expect(await names(imageList([bytes], { names: ["mine"] }))).toEqual(["mine"]);
  });

  test("can be run through again", async () => {
    const list = imageList(["a.jpg", "b.jpg"]);
    expect(await names(list)).toEqual(await names(list));
  });

  test("has no labels unless they are given", () => {
    const list = imageList(["a.jpg"]);
    expect(list).toMatchObject({ length: 1, classLabels: [], images: [{ image: "a.jpg", name: "a.jpg" }] });
    expect(list.labels).toHaveLength(0);
    expect(list.images[0]).not.toHaveProperty("label");
  });

  test("takes labels, and numbers the classes where they have no names", () => {
    const list = imageList(["a", "b", "c"], { labels: Int32Array.of(2, 0, 2) });
    expect(list.classLabels).toEqual(["0", "1", "2"]);
    expect([...list.labels]).toEqual([2, 0, 2]);
    expect(imageList(["a"], { labels: [9999] }).classLabels).toHaveLength(10_000);
    expect(imageList(["a"], { labels: [1], classLabels: ["cat", "dog"] }).classLabels).toEqual(["cat", "dog"]);
  });

  test.each([
    [{ labels: [0] }, /`labels` has 1 entries for 2 images/],
    [{ names: ["a", "b", "c"] }, /`names` has 3 entries for 2 images/],
    [{ labels: [0, 2], classLabels: ["cat", "dog"] }, /label 2 of image 1/],
    [{ labels: [0, -1] }, /label -1 of image 1/],
    [{ labels: [0, 0.5] }, /label 0.5 of image 1/],
    [{ classLabels: ["cat"] }, /without `labels`/],
    [{ labels: [0, 1e9] }, /1000000001 classes.*`classLabels`/],
    [{ labels: [0, 10_000] }, /10001 classes/],
  ])("refuses %o", (options, message) => {
    expect(() => imageList(["a", "b"], options)).toThrow(message);
  });

  test("gives a part of itself, in any order, with labels kept", async () => {
    const list = imageList(["a", "b", "c", "d"], { labels: [0, 1, 2, 1] });
    const part = list.select([3, 0]);
    expect(await names(part)).toEqual(["d", "a"]);
    expect(part).toMatchObject({ length: 2, classLabels: ["0", "1", "2"] });
    expect([...part.labels]).toEqual([1, 0]);
    expect(await names(part.select(Int32Array.of(1)))).toEqual(["a"]);
    expect(() => list.select([4])).toThrow(/positions from 0 to 3/);
    expect(() => list.select([-1])).toThrow(/positions from 0 to 3/);
  });
});

describe("imageFolder refuses", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "image-folder-"));
    await mkdir(path.join(directory, "flat"));
    await writeFile(path.join(directory, "flat", "a.jpg"), "");
    await mkdir(path.join(directory, "empty", "cats"), { recursive: true });
    await mkdir(path.join(directory, "hidden", ".cats"), { recursive: true });
    await mkdir(path.join(directory, "some", "cats"), { recursive: true });
    await mkdir(path.join(directory, "some", "dogs"), { recursive: true });
    await writeFile(path.join(directory, "some", "cats", "a.jpg"), "");
  });
  afterAll(() => rm(directory, { recursive: true }));

  test.each([
    ["a folder without class folders", "flat", {}, /"[^"]*flat": it has no folders.*`labels: null`/],
    ["a folder whose class folders are hidden", "hidden", {}, /it has no folders/],
    ["class folders without pictures", "empty", {}, /1 class folders hold no file.*\.bmp, \.gif, \.jpeg, \.jpg, \.png/],
    ["unknown classes", "some", { classNames: ["cats", "birds"] }, /no folder named "birds".*"cats", "dogs"/],
    ["no classes", "some", { classNames: [] }, /no class/],
    ["a class named twice", "some", { classNames: ["cats", "cats"] }, /"cats" twice/],
    ["a folder without pictures and classes", "empty", { labels: null }, /it holds no file/],
    ["class names without classes", "some", { labels: null, classNames: ["cats"] }, /Leave out one/],
    ["an extension without its dot", "some", { extensions: ["jpg"] }, /such as "\.jpg"/],
  ])("%s", async (_, folder, options, message) => {
    const listing = imageFolder(path.join(directory, folder), options);
    await expect(listing).rejects.toMatchObject({ name: "InvalidArgumentError" });
    await expect(listing).rejects.toThrow(message);
  });

  test.each([
    ["a folder that is missing", "nowhere", "missing"],
    ["a file", "flat/a.jpg", "other"],
  ])("%s", async (_, folder, reason) => {
    await expect(imageFolder(path.join(directory, folder))).rejects.toMatchObject({
      name: "FileAccessError",
      path: path.join(directory, folder),
      reason,
    });
  });

  test("nothing where one class has no pictures: it keeps its label", async () => {
    const images = await imageFolder(path.join(directory, "some"));
    expect(images).toMatchObject({ length: 1, classLabels: ["cats", "dogs"] });
    expect((await imageFolder(path.join(directory, "some"), { classNames: ["dogs", "cats"] })).images).toMatchObject([
      { name: "cats/a.jpg", label: 1 },
    ]);
  });
});

/** The bytes of a name in Latin-1, as on disks from long ago: no UTF-8. */
const latin1 = Buffer.from("caf\xe9", "latin1");

describe.skipIf(process.platform !== "linux")("names that are not UTF-8 (Linux only: elsewhere there are none)", () => {
  test.each([
    [
      "a picture",
      (folder: Buffer) => ({ file: Buffer.concat([folder, Buffer.from("/cats/"), latin1, Buffer.from(".jpg")]) }),
    ],
    ["a class", (folder: Buffer) => ({ folder: Buffer.concat([folder, Buffer.from("/"), latin1]) })],
    ["a folder in a class", (folder: Buffer) => ({ folder: Buffer.concat([folder, Buffer.from("/cats/"), latin1]) })],
  ])("of %s are said to be so", async (_, make: (folder: Buffer) => { file?: Buffer; folder?: Buffer }) => {
    const directory = await mkdtemp(path.join(tmpdir(), "image-folder-"));
    try {
      await mkdir(path.join(directory, "cats"));
      await writeFile(path.join(directory, "cats", "good \uFFFD.jpg"), "");
      expect(await imageFolder(directory)).toMatchObject({ length: 1 });
      const made = make(Buffer.from(directory));
      if (made.file) await writeFile(made.file, "");
      if (made.folder) await mkdir(made.folder);
      await expect(imageFolder(directory)).rejects.toMatchObject({
        name: "FileAccessError",
        message: expect.stringMatching(/caf\uFFFD.*" is not valid UTF-8.*Rename it/),
      });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe("columns of pictures", () => {
  const list = imageList(["a", "b", "c"], {
    columns: {
      weight: [1, 2, 3],
      tags: { dtype: "int64", shape: [3, 2], data: BigInt64Array.of(1n, 0n, 0n, 1n, 1n, 1n) },
    },
  });

  test("stay with each picture, in parts of the list too", () => {
    expect(list.select([2, 0]).images.map(({ columns }) => columns)).toEqual([
      { weight: 3, tags: [1, 1] },
      { weight: 1, tags: [1, 0] },
    ]);
  });

  test("are added to those that are there, and replace those of the same name", () => {
    const more = list.withColumns({ price: Float32Array.of(5, 6, 7), weight: [0, 0, 1] });
    expect(more.images[2]?.columns).toEqual({ weight: 1, tags: [1, 1], price: 7 });
    expect(list.images[2]?.columns).toEqual({ weight: 3, tags: [1, 1] });
  });

  test.each([
    ["too few values", [1, 2], "ShapeMismatchError", /shape \[2\] for 3 pictures/],
    ["no values", undefined, "InvalidArgumentError", /"x" of pictures is undefined/],
    ["a text", "abc", "InvalidArgumentError", /is "abc"/],
    ["texts", ["1", "2", "3"], "InvalidArgumentError", /"1" as value 0/],
    [
      "three axes",
      { dtype: "uint8", shape: [3, 1, 1], data: new Uint8Array(3) },
      "ShapeMismatchError",
      /shape \[3, 1, 1\]/,
    ],
    ["an array cut short", { dtype: "uint8", shape: [3, 2], data: new Uint8Array(3) }, "ShapeMismatchError", /"x"/],
  ] as const)("are refused with %s", (_, values, name, message) => {
    expect(() => list.withColumns({ x: values as unknown as number[] })).toThrow(
      expect.objectContaining({ name, message: expect.stringMatching(message) }),
    );
  });
});

test("code points order strings as Python does, also above U+FFFF", () => {
  const sorted = [
    "2",
    "10",
    "a",
    "Z",
    "é",
    "e",
    "",
    "a1",
    "\u{1F600}",
    "\uFF8A",
    "\uE000",
    "\u4E00",
    "a\u{1F600}",
    "a\uFF8A",
  ].sort(compareCodePoints);
  const byCodePoint = [...sorted].sort((a, b) => {
    const [left, right] = [Array.from(a), Array.from(b)].map((text) => text.map((c) => c.codePointAt(0) as number));
    for (let i = 0; i < Math.min(left?.length ?? 0, right?.length ?? 0); i++) {
      if (left?.[i] !== right?.[i]) return (left?.[i] as number) - (right?.[i] as number);
    }
    return (left?.length ?? 0) - (right?.length ?? 0);
  });
  expect(sorted).toEqual(byCodePoint);
  expect(sorted.indexOf("\u{1F600}")).toBeGreaterThan(sorted.indexOf("\uFF8A"));
  expect(sorted.slice(0, 4)).toEqual(["", "10", "2", "Z"]);
});
