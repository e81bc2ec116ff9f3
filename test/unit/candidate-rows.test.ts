import { describe, expect, test } from "vitest";
import type { NdArray } from "../../src/ndarray.js";
import { createRandom } from "../../src/random.js";
import { CandidateRows } from "../../src/training/candidate-rows.js";
import { nearestRows, type SearchableRows } from "../../src/training/nearest-rows.js";
import { dot, dotAndSquare, squaredDistance } from "../../src/training/row-distances.js";

type Metric = "cosine" | "euclidean";
const metrics: readonly Metric[] = ["cosine", "euclidean"];

function rowsOf(width: number, data: Float32Array): NdArray<"float32"> {
  return { dtype: "float32", shape: [data.length / width, width], data };
}

/** In batches of unequal sizes, in one array that is used again. */
function inBatches({ shape: [rows = 0, width = 0], data }: NdArray<"float32">, most: number): SearchableRows {
  return {
    rowShape: [width],
    async *[Symbol.asyncIterator]() {
      for (let start = 0, size = 1; start < rows; start += size, size = Math.min(2 * size + 1, most)) {
        yield { xs: rowsOf(width, data.slice(start * width, (start + size) * width)) };
      }
    },
  };
}

/** Every distance in 64 bits. */
function everyDistance(rows: NdArray<"float32">, queries: NdArray<"float32">, metric: Metric, top: number) {
  const [count = 0, width = 0] = queries.shape;
  const [xs, qs] = [rows.data, queries.data];
  const sums = new Float64Array(2);
  return Array.from({ length: count }, (_, query) => {
    const from = query * width;
    const distance = (row: number): number => {
      if (metric === "euclidean") return Math.sqrt(squaredDistance(qs, from, xs, row * width, width));
      dotAndSquare(qs, from, xs, row * width, width, sums);
      return 1 - (sums[0] ?? 0) / Math.sqrt(sums[1] ?? 0) / Math.sqrt(dot(qs, from, qs, from, width));
    };
    return Array.from({ length: rows.shape[0] ?? 0 }, (_, index) => ({ index, distance: distance(index) }))
      .sort((a, b) => a.distance - b.distance || a.index - b.index)
      .slice(0, top);
  });
}

/** One row again and again, with differences in the last of 24 bits: products in 32 bits cannot tell them apart. */
function almostEqual(count: number, width: number, scale: number): NdArray<"float32"> {
  const random = createRandom(width);
  const row = Float64Array.from({ length: width }, () => (random.double() - 0.3) * scale);
  const data = Float32Array.from(
    { length: count * width },
    (_, at) => (row[at % width] as number) * (1 + random.integerBelow(4) * 2 ** -23),
  );
  return rowsOf(width, data);
}

describe.each(metrics)("the rows found by %s distance are those of all distances in 64 bits", (metric) => {
  const expectSame = async (rows: NdArray<"float32">, queries: NdArray<"float32">, top: number) => {
    const found = await nearestRows(inBatches(rows, 400), queries, { metric, top });
    expect(found).toEqual(everyDistance(rows, queries, metric, top));
  };

  test.each([1, 2, 3, 5, 32, 33])("of %d questions", async (count) => {
    const random = createRandom(count);
    const values = (rows: number) =>
      rowsOf(
        37,
        Float32Array.from({ length: rows * 37 }, () => random.double() - 0.5),
      );
    await expectSame(values(1500), values(count), 9);
  });

  test.each([1, 4, 130, 5000])("of rows of %d values that differ in the last bits only", async (width) => {
    const rows = almostEqual(700, width, 1);
    await expectSame(rows, rowsOf(width, rows.data.slice(0, 3 * width)), 5);
  });

  test.each([1e-42, 1e-30, 1e-12, 1e12, 1e18, 1e30])("of rows that are %d times as large", async (scale) => {
    const rows = almostEqual(300, 33, scale);
    await expectSame(rows, rowsOf(33, rows.data.slice(33, 3 * 33)), 5);
    // Ordinary ones among them, and questions of another size than most rows.
    const mixed = rowsOf(33, Float32Array.of(...rows.data, ...almostEqual(300, 33, 1).data));
    await expectSame(mixed, rowsOf(33, mixed.data.slice(299 * 33, 302 * 33)), 5);
  });

  test("of more rows than asked for, and of none", async () => {
    const rows = almostEqual(3, 6, 1);
    await expectSame(rows, rowsOf(6, rows.data.slice(0, 6)), 10);
    expect(await nearestRows(inBatches(rows, 400), { ...rows, shape: [0, 6], data: new Float32Array(0) })).toEqual([]);
  });
});

test.each(metrics)("few rows are candidates by %s distance, once the nearest are known", (metric) => {
  const [count, width] = [4000, 64];
  const random = createRandom(1);
  const xs = Float32Array.from({ length: count * width }, () => random.double());
  const query = xs.slice(0, width);
  const rows = new CandidateRows(query, width, Float64Array.of(dot(query, 0, query, 0, width)), metric);
  const [worst = 0] = everyDistance(rowsOf(width, xs), rowsOf(width, query), metric, 10)
    .flat()
    .slice(-1)
    .map(({ distance }) => distance);
  rows.limit(0, worst);
  let candidates = 0;
  for (let start = 0; start < count; start += rows.blockRows) {
    const end = Math.min(start + rows.blockRows, count);
    rows.load(xs.subarray(start * width, end * width));
    for (let row = rows.next(0, 0); row < end - start; row = rows.next(0, row + 1)) candidates++;
  }
  expect(candidates).toBeGreaterThanOrEqual(10);
  expect(candidates).toBeLessThan(13);
});

test("rows of zeros have an Euclidean distance, however many they are", async () => {
  const rows = rowsOf(5, new Float32Array(5 * 1200));
  rows.data[5 * 1100] = 3;
  const [found] = await nearestRows(inBatches(rows, 400), rowsOf(5, Float32Array.of(3, 0, 0, 0, 0)), {
    metric: "euclidean",
    top: 3,
  });
  expect(found).toEqual([
    { index: 1100, distance: 0 },
    { index: 0, distance: 3 },
    { index: 1, distance: 3 },
  ]);
});

test.each(metrics.flatMap((metric) => [Number.NaN, Number.POSITIVE_INFINITY].map((value) => [metric, value] as const)))(
  "by %s distance a row with %d is refused by its place in the pass, once the nearest are known too",
  async (metric, value) => {
    const rows = almostEqual(1500, 6, 1);
    rows.data[6 * 1400 + 2] = value;
    const search = nearestRows(inBatches(rows, 400), rowsOf(6, rows.data.slice(0, 6)), { metric, top: 2 });
    await expect(search).rejects.toThrow(`Row 1400 of \`data\` has ${value} as value 2`);
  },
);
