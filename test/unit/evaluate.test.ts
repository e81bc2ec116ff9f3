import { expect, test } from "vitest";
import type { LoadedNetwork } from "../../src/backends/backend.js";
import { evaluatePredictor, networkPredictor } from "../../src/training/evaluate.js";
import { foldRows } from "../../src/training/folds.js";
import { splitRows } from "../../src/training/split.js";
import { rowsData } from "../support/separable-data.js";

const target = { inputShape: [1], classLabels: ["a", "b"] };

/** Gives the second class to every row. */
const constant: LoadedNetwork = {
  inputShapes: [[1]],
  outputs: ["predictions"],
  run: async ([xs]) => {
    const [rows = 0] = xs?.shape ?? [];
    const data = Float32Array.from({ length: rows * 2 }, (_, i) => i % 2);
    return [{ dtype: "float32", shape: [rows, 2], data }];
  },
  dispose: async () => undefined,
};

test("a batch may have more rows than a call takes arguments", async () => {
  const rows = 300_000;
  const classes = Int32Array.from({ length: rows }, (_, row) => (row % 4 === 0 ? 0 : 1));
  const data = rowsData(new Float32Array(rows), classes, [1], ["a", "b"], rows);
  const { accuracy, perClass } = await evaluatePredictor(
    networkPredictor(constant, "data", target),
    "data",
    data,
    target,
    { penalty: 0 },
  );
  expect(accuracy).toBe(0.75);
  expect(perClass.map(({ support }) => support)).toEqual([75_000, 225_000]);
});

test("more classes than a call takes arguments are too many for their rows, not for the stack", () => {
  const count = 300_000;
  const stratify = Int32Array.from({ length: count }, (_, row) => row);
  expect(() => splitRows(count, { size: 0.5, stratify })).toThrow(/at least 2 rows of each class; one class has 1/);
  expect(() => foldRows(count, { folds: 2, stratify })).toThrow(/need 2 rows of each class; one class has 1/);
});
