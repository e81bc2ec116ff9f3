import { expect, test } from "vitest";
import { type Interpolation, interpolations } from "../../src/images/interpolation.js";
import { axisWeights } from "../../src/images/resample-axis.js";
import { createResizer } from "../../src/images/resize.js";
import type { NdArray } from "../../src/ndarray.js";
import { createRandom } from "../../src/random.js";

type Filter = Exclude<Interpolation, "nearest">;
const filters = interpolations.filter((each): each is Filter => each !== "nearest");

/** Resizes one axis, of `lines` rows of values, sum by sum. `index` says where a value of a line of some length lies. */
function along(
  values: Uint8Array,
  [size, target]: readonly [number, number],
  index: (line: number, place: number, length: number) => number,
  lines: number,
  filter: Filter,
): Uint8Array {
  if (size === target) return values;
  const { first, count, weights, taps } = axisWeights({ size, start: 0, end: size, target }, filter);
  const result = new Uint8Array(lines * target);
  for (let line = 0; line < lines; line++) {
    for (let place = 0; place < target; place++) {
      let sum = 2 ** 21;
      for (let tap = 0; tap < (count[place] as number); tap++) {
        const value = values[index(line, (first[place] as number) + tap, size)] as number;
        sum += value * (weights[place * taps + tap] as number);
      }
      result[index(line, place, target)] = Math.max(0, Math.min(255, Math.floor(sum / 2 ** 22)));
    }
  }
  return result;
}

test.each([
  { from: [2, 30_000], to: [3, 7] },
  { from: [30_000, 1], to: [7, 2] },
  { from: [1, 65_500], to: [1, 1] },
  { from: [30_000, 1], to: [1, 1] },
  { from: [1, 1], to: [300, 1] },
  { from: [1, 1], to: [1, 1000] },
  { from: [200, 3], to: [200, 2] },
] as const)("every filter gives the sums of its weights from $from to $to", ({ from, to }) => {
  const random = createRandom(4);
  const [height, width] = from;
  const white = new Uint8Array(height * width * 3).fill(255);
  const extreme = white.map(() => 255 * random.integerBelow(2));
  for (const interpolation of filters) {
    const resize = createResizer({ size: to, interpolation });
    for (const data of [white, extreme]) {
      const image: NdArray<"uint8"> = { dtype: "uint8", shape: [height, width, 3], data };
      const pixel = (line: number, place: number, length: number) =>
        (Math.floor(line / 3) * length + place) * 3 + (line % 3);
      const across = along(data, [width, to[1]], pixel, height * 3, interpolation);
      const row = (line: number, place: number) => place * to[1] * 3 + line;
      const expected = along(across, [height, to[0]], row, to[1] * 3, interpolation);
      expect(Buffer.compare(resize(image).data, expected)).toBe(0);
    }
  }
});
