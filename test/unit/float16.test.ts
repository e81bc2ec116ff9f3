import { expect, test } from "vitest";
import { float16ToFloat32, float32ToFloat16 } from "../../src/hdf5/float16.js";

const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
const values = float16ToFloat32(all);
const isNumber = (bits: number) => (bits & 0x7c00) !== 0x7c00 || (bits & 0x3ff) === 0;

test("known values are what IEEE 754 says", () => {
  const known = new Map([
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ]);
  for (const [bits, value] of known) expect(values[bits]).toBe(value);
});

test("every half-precision number comes back as it was", () => {
  const back = float32ToFloat16(values);
  const wrong = all.filter((bits) => isNumber(bits) && back[bits] !== bits);
  expect([...wrong]).toEqual([]);
  expect([back[0x7e00], back[0xfe00]]).toEqual([0x7e00, 0xfe00]);
  expect(Number.isNaN(float16ToFloat32(float32ToFloat16(Float32Array.of(Number.NaN)))[0])).toBe(true);
});

test("what lies between two goes to the nearer one, and from the middle to the even one", () => {
  for (let bits = 0; bits < 0x7bff; bits++) {
    const low = values[bits] as number;
    const high = values[bits + 1] as number;
    const middle = (low + high) / 2;
    const quarter = (high - low) / 4;
    const even = bits % 2 === 0 ? bits : bits + 1;
    const rounded = float32ToFloat16(Float32Array.of(middle - quarter, middle, middle + quarter, -middle));
    if (rounded.join() !== [bits, even, bits + 1, even | 0x8000].join()) {
      expect([...rounded], `between ${low} and ${high}`).toEqual([bits, even, bits + 1, even | 0x8000]);
    }
  }
  expect([...float32ToFloat16(Float32Array.of(65519.99, 65520, 1e30, 2 ** -25, 2 ** -25 * 1.0001, 1e-40))]).toEqual([
    0x7bff, 0x7c00, 0x7c00, 0, 1, 0,
  ]);
});
