import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Interpolation, interpolations } from "../../src/images/interpolation.js";
import { createResizer, resizeImage } from "../../src/images/resize.js";
import type { NdArray } from "../../src/ndarray.js";
import { createRandom } from "../../src/random.js";

interface Case {
  readonly seed: number;
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  readonly whole: Record<Interpolation, string>;
  readonly boxed: Partial<Record<Interpolation, string>>;
}

const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL("../fixtures/images/resize.json", import.meta.url), "utf8"),
);

function randomPixels(seed: number, [height, width]: readonly [number, number]): NdArray<"uint8"> {
  const random = createRandom(seed);
  const data = new Uint8Array(height * width * 3);
  for (let index = 0; index < data.length; index++) data[index] = random.uint32() & 255;
  return { dtype: "uint8", shape: [height, width, 3], data };
}

function digest(image: NdArray<"uint8">): string {
  return createHash("sha256").update(image.data).digest("hex");
}

describe.each(interpolations)("resizing by %s", (interpolation) => {
  test.each(cases)("equals Pillow for $from to $to", ({ seed, from, to, whole }) => {
    const resized = resizeImage(randomPixels(seed, from), { size: to, interpolation });
    expect(resized.shape).toEqual([...to, 3]);
    expect(digest(resized)).toBe(whole[interpolation]);
  });

  test.each(cases.filter(({ boxed }) => interpolation in boxed))(
    "equals Keras's `keep_aspect_ratio` for $from to $to",
    ({ seed, from, to, boxed }) => {
      const resized = resizeImage(randomPixels(seed, from), { size: to, interpolation, keepAspectRatio: true });
      expect(digest(resized)).toBe(boxed[interpolation]);
    },
  );

  test("is the same when one resizer has met many sizes before", () => {
    const resize = createResizer({ size: [31, 47], interpolation });
    for (let side = 20; side < 120; side++) resize(randomPixels(side, [side, 140 - side]));
    const image = randomPixels(1, [50, 61]);
    expect(resize(image)).toEqual(resizeImage(image, { size: [31, 47], interpolation }));
  });
});

test("aspect ratios that leave no whole pixel are refused", () => {
  const extreme = cases.filter(({ boxed }) => Object.keys(boxed).length === 0);
  expect(extreme.length).toBeGreaterThan(0);
  for (const { seed, from, to } of extreme) {
    expect(() => resizeImage(randomPixels(seed, from), { size: to, keepAspectRatio: true })).toThrow(/no whole pixel/);
  }
});
