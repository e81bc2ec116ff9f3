import { describe, expect, test } from "vitest";
import { createDropoutMasks } from "../../src/backends/dropout-masks.js";
import { createRandom } from "../../src/random.js";

describe("dropout masks", () => {
  test("hold zeros and 1 / (1 - rate), of 16 random bits for each value", () => {
    const mask = createDropoutMasks(9).draw(5, 0.3);
    const random = createRandom(9);
    const halves = Array.from({ length: 3 }, () => random.uint32()).flatMap((bits) => [bits & 0xffff, bits >>> 16]);
    const expected = halves.slice(0, 5).map((half) => (half < Math.round(0.3 * 65536) ? 0 : Math.fround(1 / 0.7)));
    expect([...mask]).toEqual(expected);
  });

  test("are other ones at every draw, and the same ones for the same seed", () => {
    const one = createDropoutMasks(1);
    const same = createDropoutMasks(1);
    const other = createDropoutMasks(2);
    const first = one.draw(64, 0.5);
    expect(same.draw(64, 0.5)).toEqual(first);
    expect(other.draw(64, 0.5)).not.toEqual(first);
    const second = one.draw(64, 0.5);
    expect(second).not.toEqual(first);
    expect(same.draw(64, 0.5)).toEqual(second);
  });

  test.each([0.1, 0.25, 0.5, 0.9])("keep a share of 1 - %f, and the mean", (rate) => {
    const mask = createDropoutMasks(4).draw(400_000, rate);
    const kept = mask.filter((value) => value !== 0);
    expect(Math.abs(kept.length / mask.length - (1 - rate))).toBeLessThan(0.005);
    expect(Math.abs(mask.reduce((sum, value) => sum + value, 0) / mask.length - 1)).toBeLessThan(0.02);
  });

  test("of rate 0 keep all, of rate 1 nothing", () => {
    expect([...createDropoutMasks(1).draw(3, 0)]).toEqual([1, 1, 1]);
    expect([...createDropoutMasks(1).draw(3, 1)]).toEqual([0, 0, 0]);
  });
});
