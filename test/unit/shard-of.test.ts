import { describe, expect, test } from "vitest";
import { isCnnTransferError } from "../../src/errors.js";
import { imageList } from "../../src/images/image-list.js";
import { shardPath, shardPaths } from "../../src/shards/shard.js";
import { decodeShardFacts } from "../../src/shards/shard-facts.js";
import { shardOf } from "../../src/shards/shard-of.js";

const images = imageList(["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"], {
  labels: [0, 0, 1, 1, 1],
  classLabels: ["cat", "dog"],
});

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(isCnnTransferError(error, "InvalidArgumentError")).toBe(true);
    return (error as Error).message;
  }
  throw new Error("nothing was refused");
}

describe("a shard", () => {
  test("is a source with the labels and the class names of the whole", async () => {
    const shard = shardOf(images, { index: 1, count: 2 });
    expect(shard.shard).toEqual({ index: 1, count: 2 });
    expect(shard.length).toBe(2);
    expect([...shard.labels]).toEqual([1, 1]);
    expect(shard.classLabels).toEqual(["cat", "dog"]);
    const names: string[] = [];
    for await (const { name } of shard) names.push(name);
    expect(names).toEqual(["d.jpg", "e.jpg"]);
  });

  test("no longer calls itself one when pictures of it are selected", () => {
    expect(shardOf(images, { index: 0, count: 2 }).select([0]).attributes).toBeUndefined();
  });

  test("cannot be divided again", () => {
    const shard = shardOf(images, { index: 0, count: 2 });
    expect(refusal(() => shardOf(shard, { index: 0, count: 2 }))).toMatch(/shard of a shard/);
  });

  test.each([
    { index: 2, count: 2 },
    { index: -1, count: 2 },
    { index: 0.5, count: 2 },
    { index: 0, count: 0 },
    { index: 0, count: Number.NaN },
    { index: "0" as never, count: 2 },
    {} as never,
    undefined as never,
  ])("that does not exist is refused: %j", (shard) => {
    expect(refusal(() => shardOf(images, shard))).toMatch(/expected `\{ index, count \}`/);
    expect(refusal(() => shardPath("a.hdf5", shard))).toMatch(/expected `\{ index, count \}`/);
  });

  test("has other facts than one of other pictures, another order, or other labels", () => {
    const facts = (names: readonly string[], labels: readonly number[]) =>
      shardOf(imageList(names, { labels, classLabels: ["cat", "dog"] }), { index: 0, count: 2 }).attributes.shard;
    const whole = facts(["a", "b", "c"], [0, 0, 1]);
    expect(facts(["a", "b", "c"], [0, 0, 1])).toBe(whole);
    expect(facts(["a", "c", "b"], [0, 0, 1])).not.toBe(whole);
    expect(facts(["a", "b", "d"], [0, 0, 1])).not.toBe(whole);
    expect(facts(["a", "b", "c"], [0, 1, 1])).not.toBe(whole);
  });
});

describe("names of shards' files", () => {
  test.each([
    ["animals.hdf5", "animals-00002-of-00016.hdf5"],
    ["out.d/animals", "out.d/animals-00002-of-00016"],
    ["out/.hidden", "out/.hidden-00002-of-00016"],
    ["a.b.h5", "a.b-00002-of-00016.h5"],
  ])("%s becomes %s", (path, expected) => {
    expect(shardPath(path, { index: 2, count: 16 })).toBe(expected);
  });

  test("of all shards come in order", () => {
    expect(shardPaths("a.hdf5", 3)).toEqual([
      "a-00000-of-00003.hdf5",
      "a-00001-of-00003.hdf5",
      "a-00002-of-00003.hdf5",
    ]);
    expect(refusal(() => shardPaths("a.hdf5", 0))).toMatch(/count/);
  });
});

test("facts that no shard has are not taken for some", () => {
  const { shard } = shardOf(images, { index: 1, count: 2 }).attributes;
  expect(decodeShardFacts(shard)).toMatchObject({ index: 1, count: 2, images: 5 });
  const wrong = [undefined, 1, "", "null", "{", "[]", "{}", shard.replace('"count":2', '"count":1'), `${shard}x`];
  for (const text of [...wrong, shard.replace('"images":5', '"images":-5')])
    expect(decodeShardFacts(text)).toBeUndefined();
});
