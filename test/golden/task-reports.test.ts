import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { AverageScores } from "../../src/training/classification-report.js";
import { multiLabelReport } from "../../src/training/multi-label-report.js";
import { regressionReport } from "../../src/training/regression-report.js";

type SklearnScores = Readonly<Record<"precision" | "recall" | "f1-score" | "support", number>>;

interface Golden {
  readonly multiLabel: readonly {
    readonly names: readonly string[];
    readonly threshold: number;
    readonly labels: readonly number[];
    readonly probabilities: readonly number[];
    readonly report: Readonly<Record<string, SklearnScores>>;
    readonly text: string;
    readonly accuracy: number;
    readonly exactMatch: number;
  }[];
  readonly regression: readonly {
    readonly names: readonly string[];
    readonly numbers: readonly number[];
    readonly predicted: readonly number[];
    readonly meanSquaredError: readonly number[];
    readonly meanAbsoluteError: readonly number[];
    readonly r2: readonly number[];
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL("../fixtures/task-reports/task-reports.json", import.meta.url), "utf8"),
) as Golden;

function expectScores(scores: AverageScores, expected: SklearnScores | undefined): void {
  expect(scores.precision).toBeCloseTo(expected?.precision ?? Number.NaN, 14);
  expect(scores.recall).toBeCloseTo(expected?.recall ?? Number.NaN, 14);
  expect(scores.f1).toBeCloseTo(expected?.["f1-score"] ?? Number.NaN, 14);
  expect(scores.support).toBe(expected?.support);
}

describe("multiLabelReport", () => {
  test.each(golden.multiLabel.map((one) => [one.names.join(", "), one] as const))(
    "gives scikit-learn's figures and text for the labels %s",
    (_, { names, threshold, labels, probabilities, report, text, accuracy, exactMatch }) => {
      const data = Float32Array.from(probabilities);
      const shape = [labels.length / names.length, names.length];
      const ours = multiLabelReport(labels, { dtype: "float32", shape, data }, names, Math.fround(threshold));
      expect(ours.toString()).toBe(text);
      for (const scores of ours.perLabel) expectScores(scores, report[scores.label]);
      expectScores(ours.micro, report["micro avg"]);
      expectScores(ours.macro, report["macro avg"]);
      expectScores(ours.weighted, report["weighted avg"]);
      expectScores(ours.samples, report["samples avg"]);
      expect(ours.accuracy).toBeCloseTo(accuracy, 14);
      expect(ours.exactMatch).toBe(exactMatch);
    },
  );

  test("refuses a missing probability, no rows, and a threshold that is none", () => {
    const probabilities = { dtype: "float32", shape: [1, 2], data: Float32Array.of(0.1, 0.9) } as const;
    expect(() => multiLabelReport([1, 0, 1, 1], probabilities, ["a", "b"])).toThrow(/expected \[2, 2\]/);
    expect(() => multiLabelReport([], probabilities, ["a", "b"])).toThrow(/there are none/);
    expect(() => multiLabelReport([1, 0], probabilities, ["a", "b"], 2)).toThrow(/`threshold` is 2/);
  });
});

describe("regressionReport", () => {
  test.each(golden.regression.map((one) => [one.names.join(", "), one] as const))(
    "gives scikit-learn's figures for the numbers %s",
    (_, { names, numbers, predicted, ...figures }) => {
      const report = regressionReport(numbers, predicted, names);
      for (const name of ["meanSquaredError", "meanAbsoluteError", "r2"] as const) {
        const ours = [...report.perOutput.map((scores) => scores[name]), report[name]];
        expect(ours).toHaveLength(names.length + 1);
        for (const [at, value] of ours.entries()) expect(value).toBeCloseTo(figures[name][at] ?? Number.NaN, 12);
      }
      for (const name of names) expect(report.toString()).toContain(name);
    },
  );

  test("refuses what R2 is not defined for, and a missing prediction", () => {
    expect(() => regressionReport([1], [1], ["a"])).toThrow(/R2 needs two or more/);
    expect(() => regressionReport([1, 2, 3], [1, 2], ["a"])).toThrow(/3 true with 2 predicted/);
  });
});
