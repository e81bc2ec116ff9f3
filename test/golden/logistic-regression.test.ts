import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { LogisticRegression } from "../../src/logistic-regression.js";
import type { NdArray } from "../../src/ndarray.js";
import { type ClusteredOptions, clusteredData } from "../support/clustered-data.js";

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

const golden = JSON.parse(
  readFileSync(new URL("../fixtures/logistic-regression/logistic-regression.json", import.meta.url), "utf8"),
) as { readonly fits: readonly FitCase[] };

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
