import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { foldRows } from "../../src/training/folds.js";
import { splitRows } from "../../src/training/split.js";

interface SplitCase {
  readonly count: number;
  readonly size: number;
  readonly seed: number;
  readonly stratify: readonly number[] | null;
  readonly first: readonly number[];
  readonly second: readonly number[];
}
interface FoldCase {
  readonly count: number;
  readonly folds: number;
  readonly seed: number;
  readonly shuffle: boolean;
  readonly stratify: readonly number[] | null;
  readonly validation: readonly (readonly number[])[];
}

const golden = JSON.parse(readFileSync(new URL("../fixtures/split/split.json", import.meta.url), "utf8")) as {
  readonly splits: readonly SplitCase[];
  readonly folds: readonly FoldCase[];
};

describe("splits equal scikit-learn's, index for index", () => {
  test.each(
    golden.splits.map(
      (item) =>
        [
          `${item.count} rows, size ${item.size}, seed ${item.seed}, ${item.stratify ? "stratified" : "plain"}`,
          item,
        ] as const,
    ),
  )("%s", (_, { count, size, seed, stratify, first, second }) => {
    const split = splitRows(count, { size, seed, stratify: stratify ?? undefined });
    expect([...split.first]).toEqual(first);
    expect([...split.second]).toEqual(second);
  });

  test.each(
    golden.folds.map(
      (item) =>
        [
          `${item.folds} folds of ${item.count} rows, ${item.stratify ? "stratified" : "plain"}, ${item.shuffle ? "shuffled" : "in order"}`,
          item,
        ] as const,
    ),
  )("%s", (_, { count, folds, seed, shuffle, stratify, validation }) => {
    const result = foldRows(count, { folds, seed, shuffle, stratify: stratify ?? undefined });
    expect(result.map((fold) => [...fold.validation])).toEqual(validation);
    for (const fold of result) {
      expect([...fold.train, ...fold.validation].sort((a, b) => a - b)).toEqual(
        Array.from({ length: count }, (_, i) => i),
      );
    }
  });
});

describe("impossible splits are errors", () => {
  test.each([
    ["a part that takes everything", 10, { size: 10 }],
    ["a fraction that rounds up to everything", 1, { size: 0.5 }],
    ["a size of zero", 10, { size: 0 }],
    ["more rows than there are", 10, { size: 11 }],
    ["a negative seed", 10, { size: 0.5, seed: -1 }],
    ["a class with one member", 4, { size: 0.5, stratify: [0, 0, 0, 1] }],
    ["a part smaller than the number of classes", 9, { size: 0.2, stratify: [0, 0, 0, 1, 1, 1, 2, 2, 2] }],
    ["labels for another number of rows", 9, { size: 0.2, stratify: [0, 0] }],
  ])("%s", (_, count, options) => {
    expect(() => splitRows(count, options)).toThrowError(expect.objectContaining({ name: "InvalidArgumentError" }));
  });
});
