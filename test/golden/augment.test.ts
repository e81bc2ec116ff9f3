import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { augmentImages } from "../../src/images/augment/augment-images.js";
import { warpImage } from "../../src/images/augment/warp.js";
import { createRandom } from "../../src/random.js";

interface Golden {
  readonly size: number;
  readonly image: readonly number[];
  readonly cases: readonly {
    readonly name: string;
    readonly options: Readonly<Record<string, never>>;
    readonly seed: number;
    readonly result: readonly number[];
  }[];
  readonly warp: {
    readonly shape: readonly number[];
    readonly image: readonly number[];
    readonly matrix: readonly [readonly [number, number], readonly [number, number]];
    readonly offset: readonly [number, number];
    readonly result: readonly number[];
  };
}

const golden = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, "../fixtures/augment/augment.json"), "utf8"),
) as Golden;
const shape = [golden.size, golden.size, 3];
const camel = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

function greatestDifference(ours: ArrayLike<number>, theirs: readonly number[]): number {
  expect(ours.length).toBe(theirs.length);
  return theirs.reduce((greatest, value, i) => Math.max(greatest, Math.abs(value - (ours[i] as number))), 0);
}

describe("augmented images are those of Keras's ImageDataGenerator", () => {
  test.each(golden.cases)("$name, seed $seed", ({ name, options, seed, result }) => {
    const augment = augmentImages(
      Object.fromEntries(Object.entries(options).map(([option, value]) => [camel(option), value])),
    );
    const bytes = augment({ dtype: "uint8", shape, data: Uint8Array.from(golden.image) }, createRandom(seed));
    if (name === "brightness") {
      expect([...bytes.data]).toEqual(result);
      return;
    }
    const floats = augment({ dtype: "float32", shape, data: Float32Array.from(golden.image) }, createRandom(seed));
    expect(greatestDifference(floats.data, result)).toBeLessThan(2e-4);
    expect(greatestDifference(bytes.data, result)).toBeLessThan(0.5002);
  });

  test("and an image that is not square moves as scipy moves it", () => {
    const { matrix, offset, image, result } = golden.warp;
    const [[yy, yx], [xy, xx]] = matrix;
    const moved = warpImage(
      { dtype: "float32", shape: golden.warp.shape, data: Float32Array.from(image) },
      { xx, xy, x0: offset[1], yx, yy, y0: offset[0] },
    );
    expect(greatestDifference(moved.data, result)).toBeLessThan(2e-4);
  });
});
