import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { NdArray } from "../../src/ndarray.js";
import { principalComponents } from "../../src/training/principal-components.js";
import { clusteredRows } from "../support/clustered-data.js";

type Golden = {
  readonly rows: number;
  readonly width: number;
  readonly classes: number;
  readonly components: number;
  readonly explainedVarianceRatio: readonly number[];
  readonly scores: readonly number[];
};
const golden = JSON.parse(
  readFileSync(new URL("../fixtures/principal-components/principal-components.json", import.meta.url), "utf8"),
) as readonly Golden[];

describe("principal components are those of scikit-learn, signs included", () => {
  test.each(golden)("of $rows rows of $width features", async (expected) => {
    const { rows, width, classes, components } = expected;
    const { xs } = clusteredRows({ rows, width, classes, seed: rows });
    const found = await principalComponents({ dtype: "float32", shape: [rows, width], data: xs }, { components });
    expect(found.scores.shape).toEqual([rows, components]);
    for (const [at, score] of expected.scores.entries()) expect(found.scores.data[at]).toBeCloseTo(score, 8);
    for (const [at, ratio] of expected.explainedVarianceRatio.entries()) {
      expect(found.explainedVarianceRatio[at]).toBeCloseTo(ratio, 10);
    }
  });
});

test("two directions of equal variance are both found", async () => {
  // The corners of a square, and the same far apart along a third direction that varies less.
  const rows = [3, 0, 0, -3, 0, 0, 0, 3, 0, 0, -3, 0, 0, 0, 1, 0, 0, -1];
  const xs: NdArray<"float32"> = { dtype: "float32", shape: [6, 3], data: Float32Array.from(rows) };
  const { explainedVarianceRatio } = await principalComponents(xs);
  expect(explainedVarianceRatio[0]).toBeCloseTo(18 / 38, 12);
  expect(explainedVarianceRatio[1]).toBeCloseTo(18 / 38, 12);
});

test("rows that are all equal have scores of 0 and explain nothing", async () => {
  const xs: NdArray<"float32"> = { dtype: "float32", shape: [4, 3], data: new Float32Array(12).fill(7) };
  const { scores, explainedVarianceRatio } = await principalComponents(xs);
  expect([...scores.data]).toEqual(new Array(8).fill(0));
  expect(explainedVarianceRatio).toEqual([0, 0]);
});

test.each([
  ["more components than features", { components: 4 }, /from 1 to 3/],
  ["half a component", { components: 1.5 }, /from 1 to 3/],
])("%s are refused", async (_, options, message) => {
  const xs: NdArray<"float32"> = { dtype: "float32", shape: [5, 3], data: new Float32Array(15) };
  await expect(principalComponents(xs, options)).rejects.toMatchObject({
    name: "InvalidArgumentError",
    message: expect.stringMatching(message),
  });
});

test("an abort stops the search", async () => {
  const { xs } = clusteredRows({ rows: 60, width: 9, classes: 3, seed: 1 });
  const reason = new Error("enough");
  const search = principalComponents(
    { dtype: "float32", shape: [60, 9], data: xs },
    { signal: AbortSignal.abort(reason) },
  );
  await expect(search).rejects.toBe(reason);
});
