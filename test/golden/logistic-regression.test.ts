import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { LogisticRegression } from "../../src/logistic-regression.js";
import type { NdArray } from "../../src/ndarray.js";
import { type ClusteredOptions, clusteredData, clusteredRows } from "../support/clustered-data.js";

interface Settings {
  readonly C?: number | "Infinity";
  readonly tol?: number;
  readonly max_iter?: number;
  readonly fit_intercept?: boolean;
  readonly class_weight?: "balanced" | Readonly<Record<string, number>>;
  readonly standardize?: boolean;
}
interface FitCase {
  readonly name: string;
  readonly data: ClusteredOptions;
  readonly settings: Settings;
  readonly train: number;
  readonly coefficients: readonly (readonly number[])[];
  readonly intercepts: readonly number[];
  readonly iterations: number;
  readonly converged: boolean;
  readonly predicted: readonly number[];
  readonly probabilities: readonly (readonly number[])[];
  readonly accuracy: number;
}
interface GridCase {
  readonly name: string;
  readonly data: ClusteredOptions;
  readonly Cs: readonly number[];
  readonly folds: number;
  readonly seed: number | null;
  readonly settings: Settings;
  readonly scores: readonly (readonly number[])[];
  /** Of a search whose fits each begin at the one before; null where scikit-learn has none. */
  readonly warm: readonly (readonly number[])[] | null;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly rank: readonly number[];
  readonly best: number;
  readonly score: number;
  readonly coefficients: readonly (readonly number[])[];
  readonly intercepts: readonly number[];
}

const golden = JSON.parse(
  readFileSync(new URL("../fixtures/logistic-regression/logistic-regression.json", import.meta.url), "utf8"),
) as { readonly fits: readonly FitCase[]; readonly grids: readonly GridCase[] };

function optionsOf({ C, tol, max_iter, fit_intercept, class_weight, standardize }: Settings) {
  const classWeight =
    typeof class_weight === "object"
      ? Object.fromEntries(Object.entries(class_weight).map(([label, weight]) => [`class ${label}`, weight]))
      : class_weight;
  return {
    C: C === undefined ? undefined : Number(C),
    tol,
    maxIter: max_iter,
    fitIntercept: fit_intercept,
    classWeight,
    standardize,
  };
}

/** Greatest difference, as a part of the greatest value. */
function relativeError(actual: ArrayLike<number>, expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  const difference = Math.max(...expected.map((value, at) => Math.abs(value - (actual[at] as number))));
  return difference / Math.max(...expected.map(Math.abs));
}

describe("fits end where scikit-learn's do", () => {
  test.each(golden.fits.map((item) => [item.name, item] as const))("%s", async (_, item) => {
    const model = await LogisticRegression.fit(clusteredData(item.data, 0, item.train), optionsOf(item.settings));
    expect(model.coefficients.shape).toEqual([item.coefficients.length, item.data.width]);
    expect(relativeError(model.coefficients.data, item.coefficients.flat())).toBeLessThan(1e-5);
    const scale = Math.max(...[...item.intercepts, ...item.coefficients.flat()].map(Math.abs));
    for (const [unit, intercept] of item.intercepts.entries()) {
      expect(Math.abs((model.intercepts.data[unit] as number) - intercept)).toBeLessThan(1e-5 * scale);
    }
    expect(model.solution?.converged).toBe(item.converged);
    // With a close tolerance the last steps change nothing but rounding.
    const slack = (item.settings.tol ?? 1e-4) < 1e-6 ? 20 : 0;
    expect(Math.abs((model.solution?.iterations ?? 0) - item.iterations)).toBeLessThanOrEqual(slack);
  });

  test.each(golden.fits.map((item) => [item.name, item] as const))(
    "%s: same class for every new row, same probabilities",
    async (_, item) => {
      const model = await LogisticRegression.fit(clusteredData(item.data, 0, item.train), optionsOf(item.settings));
      const unseen = clusteredData(item.data, item.train);
      const { data } = await model.predict(features(unseen.xs, item.data.width));
      expect([...data]).toEqual(item.predicted);
      const few = features(unseen.xs.subarray(0, 5 * item.data.width), item.data.width);
      const probabilities = await model.predictProbabilities(few);
      expect(probabilities.shape).toEqual([5, item.data.classes]);
      const golden = item.probabilities.flat();
      expect(Math.max(...golden.map((p, at) => Math.abs(p - (probabilities.data[at] as number))))).toBeLessThan(1e-5);
      const report = await model.evaluate(unseen);
      expect(report.accuracy).toBe(item.accuracy);
    },
  );
});

function features(data: Float32Array, width: number): NdArray<"float32"> {
  return { dtype: "float32", shape: [data.length / width, width], data };
}

describe("grid searches find what scikit-learn's GridSearchCV finds", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "grid-search-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function search({ name, data, folds, seed, Cs, settings }: GridCase, warmStart: boolean | undefined) {
    const file = path.join(folder, `${name} ${String(warmStart)}.hdf5`);
    const { xs, ys } = clusteredRows(data);
    const classLabels = Array.from({ length: data.classes }, (_, label) => `class ${label}`);
    await using writer = await HDF5DatasetWriter.create(file, { rows: data.rows, rowShape: [data.width], classLabels });
    await writer.add({ dtype: "float32", shape: [data.rows, data.width], data: xs }, ys);
    await writer.close();
    await using rows = await HDF5DatasetGenerator.open(file);
    return await LogisticRegression.gridSearch(rows, {
      ...optionsOf(settings),
      Cs,
      folds,
      shuffle: seed !== null,
      seed: seed ?? undefined,
      warmStart,
    });
  }

  test.each(golden.grids.map((item) => [item.name, item] as const))("%s", async (_, item) => {
    const { scores, best, model } = await search(item, undefined);
    expect(scores.map(({ C }) => C)).toEqual(item.Cs);
    expect(scores.map((row) => row.scores)).toEqual(item.scores);
    expect(scores.map(({ mean }) => mean)).toEqual(item.mean);
    expect(scores.map(({ std }) => std)).toEqual(item.std);
    expect(scores.map(({ rank }) => rank)).toEqual(item.rank);
    expect({ C: best.C, mean: best.mean }).toEqual({ C: item.best, mean: item.score });
    expect(relativeError(model.coefficients.data, item.coefficients.flat())).toBeLessThan(1e-6);
  });

  test.each(golden.grids.filter(({ warm }) => warm !== null).map((item) => [item.name, item] as const))(
    "%s, and what LogisticRegressionCV finds, if each fit begins at the one before",
    async (_, item) => {
      const { scores } = await search(item, true);
      expect(scores.map((row) => row.scores)).toEqual(item.warm);
    },
  );

  test("where the two differ, so that either test would see the other's scores", () => {
    expect(golden.grids.some(({ scores, warm }) => warm !== null && scores.flat().join() !== warm.flat().join())).toBe(
      true,
    );
  });
});
