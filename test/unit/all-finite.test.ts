import { expect, test } from "vitest";
import { allFinite } from "../../src/training/all-finite.js";

test.each([
  [[], true],
  [[0, -0, 1e-45, -3.4e38, 3.4e38], true],
  [[3.4e38, 3.4e38, 3.4e38], true],
  [[1, Number.NaN, 2], false],
  [[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], false],
  [[1, 2, Number.NEGATIVE_INFINITY], false],
])("says whether all of %j are finite: %s", (values, expected) => {
  expect(allFinite(Float32Array.from(values))).toBe(expected);
});
