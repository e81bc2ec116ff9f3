import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { isCnnTransferError } from "../../src/errors.js";
import { classificationReport } from "../../src/training/classification-report.js";

interface Averages {
  readonly precision: number;
  readonly recall: number;
  readonly "f1-score": number;
  readonly support: number;
}
interface Case {
  readonly name: string;
  readonly classLabels: readonly string[];
  readonly true: readonly number[];
  readonly predicted: readonly number[];
  readonly text: string;
  readonly accuracy: number;
  readonly macro: Averages;
  readonly weighted: Averages;
  readonly confusionMatrix: readonly (readonly number[])[];
}

const cases = JSON.parse(
  readFileSync(new URL("../fixtures/classification-report/cases.json", import.meta.url), "utf8"),
) as readonly Case[];

describe("classificationReport", () => {
  test.each(cases)("prints scikit-learn's text and has its figures: $name", (one) => {
    const report = classificationReport(one.true, one.predicted, one.classLabels);
    expect(report.toString()).toBe(one.text);
    expect(report.accuracy).toBe(one.accuracy);
    expect(report.confusionMatrix).toEqual(one.confusionMatrix);
    for (const kind of ["macro", "weighted"] as const) {
      const { precision, recall, f1, support } = report[kind];
      expect({ precision, recall, "f1-score": f1, support }).toEqual(one[kind]);
    }
    expect(report.perClass.map(({ label }) => label)).toEqual(one.classLabels);
  });

  test.each([
    ["unequal counts", [0, 1], [0]],
    ["no rows", [], []],
    ["a true class beyond the labels", [2], [0]],
    ["a predicted class that is negative", [0], [-1]],
  ] as const)("refuses %s", (_, trueClasses, predictedClasses) => {
    let thrown: unknown;
    try {
      classificationReport(trueClasses, predictedClasses, ["a", "b"]);
    } catch (error) {
      thrown = error;
    }
    expect(isCnnTransferError(thrown, "InvalidArgumentError")).toBe(true);
  });
});
