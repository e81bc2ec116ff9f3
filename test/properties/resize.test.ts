import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { interpolations } from "../../src/images/interpolation.js";
import { resizeImage } from "../../src/images/resize.js";
import type { NdArray } from "../../src/ndarray.js";
import { createRandom } from "../../src/random.js";

const side = fc.integer({ min: 1, max: 40 });
const size = fc.tuple(side, side);
const interpolation = fc.constantFrom(...interpolations);

function randomPixels(seed: number, [height, width]: readonly [number, number]): NdArray<"uint8"> {
  const random = createRandom(seed);
  const data = new Uint8Array(height * width * 3).map(() => random.uint32() & 255);
  return { dtype: "uint8", shape: [height, width, 3], data };
}

describe("resizing", () => {
  test.prop([size, size, interpolation, fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255))])(
    "keeps a picture of one colour as it is",
    (from, to, filter, colour) => {
      const data = Uint8Array.from({ length: from[0] * from[1] * 3 }, (_, index) => colour[index % 3] as number);
      const resized = resizeImage({ dtype: "uint8", shape: [...from, 3], data }, { size: to, interpolation: filter });
      expect(resized.shape).toEqual([...to, 3]);
      expect(resized.data.every((value, index) => value === colour[index % 3])).toBe(true);
    },
  );

  test.prop([fc.nat(1000), size, interpolation, fc.boolean()])(
    "to the same size changes nothing",
    (seed, same, filter, keepAspectRatio) => {
      const image = randomPixels(seed, same);
      expect(resizeImage(image, { size: same, interpolation: filter, keepAspectRatio })).toBe(image);
    },
  );

  test.prop([fc.nat(1000), size, size, interpolation])("leaves its input as it was", (seed, from, to, filter) => {
    const image = randomPixels(seed, from);
    const before = image.data.slice();
    resizeImage(image, { size: to, interpolation: filter });
    expect(image.data).toEqual(before);
  });

  test.prop([fc.nat(1000), size, size, interpolation])(
    "treats the channels alike: exchanging them before or after is the same",
    (seed, from, to, filter) => {
      const image = randomPixels(seed, from);
      const rotate = (array: NdArray<"uint8">): NdArray<"uint8"> => ({
        ...array,
        data: array.data.map((_, index) => array.data[index % 3 === 2 ? index - 2 : index + 1] as number),
      });
      const options = { size: to, interpolation: filter };
      expect(resizeImage(rotate(image), options)).toEqual(rotate(resizeImage(image, options)));
    },
  );

  test.prop([fc.nat(1000), size, size])(
    "box, bilinear and hamming stay within the values that came in",
    (seed, from, to) => {
      const image = randomPixels(seed, from);
      const [low, high] = [Math.min(...image.data), Math.max(...image.data)];
      for (const filter of ["box", "bilinear", "hamming"] as const) {
        const { data } = resizeImage(image, { size: to, interpolation: filter });
        expect(data.every((value) => value >= low && value <= high)).toBe(true);
      }
    },
  );
});
