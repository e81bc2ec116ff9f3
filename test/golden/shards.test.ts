import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { imageList } from "../../src/images/image-list.js";
import { namesChecksum } from "../../src/images/names-checksum.js";
import { shardRange } from "../../src/shards/shard.js";
import { shardOf } from "../../src/shards/shard-of.js";

const golden = JSON.parse(readFileSync(new URL("../fixtures/shards/shards.json", import.meta.url), "utf8")) as {
  readonly ranges: readonly { readonly length: number; readonly count: number; readonly starts: readonly number[] }[];
  readonly lists: readonly {
    readonly names: readonly string[];
    readonly labels: readonly number[];
    readonly names_crc32: number;
    readonly labels_crc32: number;
  }[];
  readonly many_names_crc32: number;
};

test.each(golden.ranges)("$count shards of $length pictures are the parts of numpy's array_split", (range) => {
  const { length, count, starts } = range;
  const parts = Array.from({ length: count }, (_, index) => shardRange({ index, count }, length));
  expect(parts.map(({ start }) => start)).toEqual(starts.slice(0, -1));
  expect(parts.map(({ end }) => end)).toEqual(starts.slice(1));
  if (length > 1000) return;
  const images = imageList(Array.from({ length }, (_, i) => `${i}.jpg`));
  const joined = parts.flatMap((_, index) => shardOf(images, { index, count }).images);
  expect(joined).toEqual(images.images);
});

test("a shard tells the checksums of the whole list as Python's zlib computes them", () => {
  for (const { names, labels, names_crc32, labels_crc32 } of golden.lists) {
    const images = imageList(names, { labels, classLabels: ["cats", "dogs"] });
    for (const index of [0, 2]) {
      expect(JSON.parse(shardOf(images, { index, count: 3 }).attributes.shard)).toEqual({
        index,
        count: 3,
        images: names.length,
        names_crc32,
        labels_crc32,
      });
    }
  }
});

test("the checksum of a long list of names is that of the whole text", () => {
  const names = Array.from({ length: 131_073 }, (_, i) => `${i}.jpg`);
  expect(namesChecksum(names)).toBe(golden.many_names_crc32);
});
