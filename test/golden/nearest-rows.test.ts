import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { NdArray } from "../../src/ndarray.js";
import { createRandom } from "../../src/random.js";
import { nearestRows, type SearchableRows } from "../../src/training/nearest-rows.js";
import { clusteredData } from "../support/clustered-data.js";

type Golden = { readonly indices: readonly (readonly number[])[]; readonly distances: readonly (readonly number[])[] };
const golden = JSON.parse(
  readFileSync(new URL("../fixtures/nearest-rows/nearest-rows.json", import.meta.url), "utf8"),
) as Readonly<Record<"cosine" | "euclidean", Golden>>;

const data = clusteredData({ rows: 100, width: 9, classes: 3, seed: 31 }, 0, 100, 8);
const queries: NdArray<"float64"> = {
  dtype: "float64",
  shape: [4, 9],
  data: Float64Array.from(data.xs.subarray(0, 36), (value) => value * 1.5),
};

test.each(["cosine", "euclidean"] as const)("the nearest rows by %s distance are scikit-learn's", async (metric) => {
  const found = await nearestRows(data, queries, { metric, top: 7 });
  expect(found.map((rows) => rows.map(({ index }) => index))).toEqual(golden[metric].indices);
  for (const [query, distances] of golden[metric].distances.entries()) {
    // Queries are rounded to 32 bits.
    for (const [at, distance] of distances.entries()) expect(found[query]?.[at]?.distance).toBeCloseTo(distance, 6);
  }
});

test("there are no more rows than there are, and equals come in the order of the file, by their place in it", async () => {
  const row: NdArray<"float32"> = { dtype: "float32", shape: [2, 1], data: Float32Array.of(3, 3) };
  const same: SearchableRows = {
    async *[Symbol.asyncIterator]() {
      yield { xs: row, indices: Uint32Array.of(9, 4) };
      yield { xs: row, indices: Uint32Array.of(2, 7) };
    },
  };
  const query: NdArray<"float32"> = { dtype: "float32", shape: [1, 1], data: Float32Array.of(1) };
  const [all] = await nearestRows(same, query, { metric: "euclidean" });
  expect(all).toEqual([2, 4, 7, 9].map((index) => ({ index, distance: 2 })));
  const [two] = await nearestRows(same, query, { metric: "euclidean", top: 2 });
  expect(two?.map(({ index }) => index)).toEqual([2, 4]);
});

test.each([
  [
    "another metric",
    data,
    queries,
    { metric: "manhattan" as never },
    "InvalidArgumentError",
    /`metric` is "manhattan"/,
  ],
  ["no rows wanted", data, queries, { top: 0 }, "InvalidArgumentError", /`top` is 0/],
  ["no data", undefined, queries, {}, "InvalidArgumentError", /`data` is undefined/],
  ["queries of another shape", data, { ...queries, shape: [9, 4] }, {}, "ShapeMismatchError", /\[9, 4\]/],
  [
    "a query of zeros",
    data,
    { ...queries, data: new Float64Array(36) },
    {},
    "InvalidArgumentError",
    /Row 0 of `queries` is all zeros/,
  ],
  [
    "a query of NaN",
    data,
    { ...queries, data: new Float64Array(36).fill(Number.NaN) },
    {},
    "InvalidArgumentError",
    /NaN/,
  ],
] as const)("%s: refused in words", async (_, rows, asked, options, name, message) => {
  await expect(nearestRows(rows as typeof data, asked, options)).rejects.toMatchObject({
    name,
    message: expect.stringMatching(message),
  });
});

test.each(["cosine", "euclidean"] as const)(
  "%s: distances of rows of any width are those of the formula",
  async (metric) => {
    const random = createRandom(4);
    for (const width of [1, 3, 4, 5, 8, 11]) {
      const rows = (count: number): NdArray<"float32"> => ({
        ...{ dtype: "float32", shape: [count, width] },
        data: Float32Array.from({ length: count * width }, () => random.double() - 0.5),
      });
      // Several questions.
      const [xs, asked] = [rows(6), rows(3)];
      const row = ({ data: values }: NdArray<"float32">, at: number) => [
        ...values.subarray(at * width, (at + 1) * width),
      ];
      const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
      const distance = (a: readonly number[], b: readonly number[]) =>
        metric === "euclidean"
          ? Math.hypot(...a.map((value, i) => value - (b[i] ?? 0)))
          : 1 - sum(a.map((value, i) => value * (b[i] ?? 0))) / Math.hypot(...a) / Math.hypot(...b);
      const one: SearchableRows = {
        async *[Symbol.asyncIterator]() {
          yield { xs };
        },
      };
      const found = await nearestRows(one, asked, { metric });
      for (const [query, near] of found.entries()) {
        expect(near).toHaveLength(6);
        for (const { index, distance: said } of near) {
          expect(said).toBeCloseTo(distance(row(asked, query), row(xs, index)), 12);
        }
      }
    }
  },
);

test.each(
  (["cosine", "euclidean"] as const).flatMap((metric) =>
    [Number.NaN, Infinity].map((value) => [metric, value] as const),
  ),
)("%s: a row of the data with %d is refused, and named", async (metric, value) => {
  const xs: NdArray<"float32"> = { dtype: "float32", shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, value) };
  const broken: SearchableRows = {
    async *[Symbol.asyncIterator]() {
      yield { xs };
    },
  };
  const query: NdArray<"float32"> = { dtype: "float32", shape: [1, 2], data: Float32Array.of(1, 1) };
  await expect(nearestRows(broken, query, { metric, top: 1 })).rejects.toMatchObject({
    name: "InvalidArgumentError",
    message: expect.stringMatching(new RegExp(`^Row 2 .* has ${value} as value 1 `)),
  });
});

test("stops when it is told to", async () => {
  const reason = new Error("enough");
  await expect(nearestRows(data, queries, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});
