import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { calibration } from "../../src/training/calibration.js";
import { confidenceInterval } from "../../src/training/confidence-interval.js";
import { predictedClasses } from "../../src/training/metrics.js";
import type { Predictions } from "../../src/training/predictions.js";
import { probabilityScores, topKAccuracy } from "../../src/training/probability-scores.js";
import { topConfusions } from "../../src/training/top-confusions.js";

interface ScoreCase {
  readonly name: string;
  readonly classes: number;
  readonly trueClasses: readonly number[];
  readonly probabilities: readonly number[];
  readonly top: readonly [number, number];
  readonly rocAuc: readonly number[];
  readonly rocAucMacro: number;
  readonly rocAucWeighted: number;
  readonly averagePrecision: readonly number[];
  readonly averagePrecisionMacro: number;
  readonly averagePrecisionWeighted: number;
  readonly logLoss: number;
  readonly ece: number;
  readonly ece4: number;
  readonly accuracyInterval: readonly [number, number];
}

const golden = JSON.parse(
  readFileSync(new URL("../fixtures/probability-scores/probability-scores.json", import.meta.url), "utf8"),
) as readonly ScoreCase[];

function predictionsOf({
  trueClasses,
  classes,
  probabilities,
}: Pick<ScoreCase, "trueClasses" | "classes" | "probabilities">): Predictions {
  const shape = [trueClasses.length, classes];
  const array = { dtype: "float64", shape, data: Float64Array.from(probabilities) } as const;
  return {
    trueClasses: Int32Array.from(trueClasses),
    predictedClasses: predictedClasses(array),
    probabilities: array,
    indices: undefined,
  };
}

describe("figures about probabilities equal scikit-learn's", () => {
  test.each(golden.map((item) => [item.name, item] as const))("%s", (_, item) => {
    const predictions = predictionsOf(item);
    const scores = probabilityScores(predictions);
    expect(scores.rank1).toBeCloseTo(item.top[0], 14);
    expect(topKAccuracy(predictions, 2)).toBeCloseTo(item.top[1], 14);
    expect(scores.rank5 === 1).toBe(item.classes <= 5);
    for (const [label, value] of item.rocAuc.entries()) expect(scores.rocAuc.perClass[label]).toBeCloseTo(value, 12);
    expect(scores.rocAuc.macro).toBeCloseTo(item.rocAucMacro, 12);
    expect(scores.rocAuc.weighted).toBeCloseTo(item.rocAucWeighted, 12);
    for (const [label, value] of item.averagePrecision.entries()) {
      expect(scores.averagePrecision.perClass[label]).toBeCloseTo(value, 12);
    }
    expect(scores.averagePrecision.macro).toBeCloseTo(item.averagePrecisionMacro, 12);
    expect(scores.averagePrecision.weighted).toBeCloseTo(item.averagePrecisionWeighted, 12);
    expect(scores.logLoss).toBeCloseTo(item.logLoss, 12);
    expect(calibration(predictions).ece).toBeCloseTo(item.ece, 12);
    expect(calibration(predictions, { bins: 4 }).ece).toBeCloseTo(item.ece4, 12);
    const interval = confidenceInterval(
      predictions,
      (p) =>
        p.trueClasses.reduce((hits, label, row) => hits + Number(label === p.predictedClasses[row]), 0) /
        p.trueClasses.length,
      { seed: 7, resamples: 200, level: 0.9 },
    );
    expect(interval.low).toBeCloseTo(item.accuracyInterval[0], 12);
    expect(interval.high).toBeCloseTo(item.accuracyInterval[1], 12);
    expect(interval.low).toBeLessThanOrEqual(interval.value);
    expect(interval.high).toBeGreaterThanOrEqual(interval.value);
  });
});

const small = predictionsOf({
  classes: 3,
  trueClasses: [0, 0, 0, 1, 1],
  probabilities: [0.1, 0.7, 0.2, 0.2, 0.8, 0, 0.5, 0.25, 0.25, 0.3, 0.2, 0.5, 0, 1, 0],
});

test("a class without rows has no figure, and is not counted in the weighted mean", () => {
  const { rocAuc, averagePrecision } = probabilityScores(small);
  expect(rocAuc.perClass[2]).toBeUndefined();
  expect(rocAuc.macro).toBeUndefined();
  expect(rocAuc.weighted).toBeTypeOf("number");
  expect(averagePrecision.perClass[2]).toBeUndefined();
});

test("confusions come with the names of their pictures, the surest mistakes first", () => {
  const labels = ["cats", "dogs", "pandas"];
  const indices = Uint32Array.of(4, 2, 0, 1, 3);
  const fileNames = ["a", "b", "c", "d", "e"];
  expect(topConfusions({ ...small, indices }, labels, { fileNames })).toEqual([
    {
      trueLabel: "cats",
      predictedLabel: "dogs",
      count: 2,
      rows: [
        { row: 1, name: "c", probability: 0.8 },
        { row: 0, name: "e", probability: 0.7 },
      ],
    },
    { trueLabel: "dogs", predictedLabel: "pandas", count: 1, rows: [{ row: 3, name: "b", probability: 0.5 }] },
  ]);
  expect(topConfusions(small, labels, { top: 1 }).map(({ count, rows }) => [count, rows[0]?.name])).toEqual([
    [2, undefined],
  ]);
  expect(() => topConfusions(small, labels, { fileNames })).toThrow(/do not say where their rows stand/);
  expect(() => topConfusions({ ...small, indices }, labels, { fileNames: ["a"] })).toThrow(/there are 1 names/);
  expect(() => topConfusions(small, ["cats"])).toThrow(/1 class labels, but probabilities of 3/);
});

describe("what cannot be measured is refused in words", () => {
  const accuracy = () => 1;
  test.each([
    [
      "a missing prediction",
      { ...small, predictedClasses: new Int32Array(4) },
      "ShapeMismatchError",
      /5 rows, but 4 predicted/,
    ],
    ["missing probabilities", { ...small, trueClasses: new Int32Array(6) }, "ShapeMismatchError", /6 rows/],
    [
      "a class that is none",
      { ...small, trueClasses: new Int32Array(5).fill(3) },
      "InvalidArgumentError",
      /Row 0 has class 3/,
    ],
    ["no rows", { ...small, trueClasses: new Int32Array(0) }, "InvalidArgumentError", /no predictions/],
    [
      "NaN",
      { ...small, probabilities: { dtype: "float64", shape: [5, 3], data: new Float64Array(15).fill(Number.NaN) } },
      "InvalidArgumentError",
      /a probability of NaN/,
    ],
  ] as const)("%s", (_, predictions, name, message) => {
    for (const measure of [
      () => probabilityScores(predictions),
      () => topKAccuracy(predictions, 1),
      () => calibration(predictions),
      () => confidenceInterval(predictions, accuracy),
      () => topConfusions(predictions, ["a", "b", "c"]),
    ]) {
      expect(measure).toThrowError(expect.objectContaining({ name, message: expect.stringMatching(message) }));
    }
  });

  test.each([
    ["k of 0", () => topKAccuracy(small, 0), /`k` is 0/],
    ["no bins", () => calibration(small, { bins: 0 }), /`bins` is 0/],
    ["a level of 95", () => confidenceInterval(small, accuracy, { level: 95 }), /`level` is 95/],
    ["one drawing", () => confidenceInterval(small, accuracy, { resamples: 1 }), /`resamples` is 1/],
    ["a figure that is not there", () => confidenceInterval(small, () => Number.NaN), /drawing 0 is NaN/],
    ["no confusions", () => topConfusions(small, ["a", "b", "c"], { top: 0 }), /`top` is 0/],
  ])("%s", (_, measure, message) => {
    expect(measure).toThrowError(
      expect.objectContaining({ name: "InvalidArgumentError", message: expect.stringMatching(message) }),
    );
  });
});
