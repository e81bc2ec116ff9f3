import { describe, expect, test } from "vitest";
import { LogisticRegression } from "../../src/logistic-regression.js";
import { foldRows } from "../../src/training/folds.js";
import type { FoldableData, GridSearchProgress } from "../../src/training/logistic/grid-search.js";
import { clusteredRows } from "../support/clustered-data.js";
import { rowsData } from "../support/separable-data.js";

const options = { rows: 90, width: 8, classes: 3, seed: 5, overlap: 1.5 };
const classLabels = ["a", "b", "c"];

/** Data of an app's own that can be divided. */
function foldable(): FoldableData {
  const { xs, ys } = clusteredRows(options);
  const part = (rows: Uint32Array) => {
    const own = Float32Array.from(
      { length: rows.length * 8 },
      (_, at) => xs[(rows[at >> 3] as number) * 8 + (at & 7)] ?? 0,
    );
    return rowsData(
      own,
      Int32Array.from(rows, (row) => ys[row] as number),
      [8],
      classLabels,
      16,
    );
  };
  return {
    ...rowsData(xs, ys, [8], classLabels, 16),
    kFold: (folds, { stratify, ...rest }) =>
      foldRows(90, { folds, stratify: stratify ? ys : undefined, ...rest }).map((fold) => ({
        train: part(fold.train),
        validation: part(fold.validation),
      })),
  };
}

test("tells of every fit, and which is the last one", async () => {
  const seen: GridSearchProgress[] = [];
  const { model, best } = await LogisticRegression.gridSearch(foldable(), {
    Cs: [1, 0.01],
    onProgress: (progress) => seen.push(progress),
  });
  const begun = seen.filter(({ iteration }) => iteration === 1);
  expect(begun.map(({ C, fold, fits, allFits }) => [C, fold, fits, allFits])).toEqual([
    [0.01, 1, 0, 7],
    [1, 1, 1, 7],
    [0.01, 2, 2, 7],
    [1, 2, 3, 7],
    [0.01, 3, 4, 7],
    [1, 3, 5, 7],
    [best.C, undefined, 6, 7],
  ]);
  expect(seen.at(-1)?.iteration).toBe(model.solution?.iterations);
});

test("prints a table that marks the best, and what has not converged", async () => {
  const search = await LogisticRegression.gridSearch(foldable(), { Cs: [0.01, 1, 1000], maxIter: 20 });
  const [head, ...lines] = String(search).split("\n");
  expect(head).toBe("   C  mean    std     folds");
  expect(lines).toHaveLength(3);
  expect(lines.filter((line) => /\bbest\b/.test(line))).toHaveLength(1);
  expect(lines[2]).toMatch(/^1000 {2}0\.\d{4} {2}0\.\d{4}( {2}0\.\d{4}){3}.* not converged$/);
  expect(search.scores.map(({ converged }) => converged)).toEqual([true, expect.any(Boolean), false]);
});

test("a value that is given twice is fitted once and stands there twice", async () => {
  const { scores, best } = await LogisticRegression.gridSearch(foldable(), { Cs: [1, 0.1, 1] });
  expect(scores[0]).toEqual(scores[2]);
  expect(best).toBe(scores.find(({ rank }) => rank === 1));
});

test("a warm start saves passes where values are near each other, and comes to the same minimum", async () => {
  const passes = async (warmStart: boolean) => {
    let iterations = 0;
    const Cs = [1, 1.2, 1.4, 1.6];
    const { scores } = await LogisticRegression.gridSearch(foldable(), {
      Cs,
      warmStart,
      tol: 1e-6,
      maxIter: 1000,
      onProgress: ({ fold }) => {
        if (fold !== undefined) iterations++;
      },
    });
    return { iterations, scores };
  };
  const [cold, warm] = [await passes(false), await passes(true)];
  expect(warm.scores).toEqual(cold.scores);
  expect(warm.iterations).toBeLessThan(cold.iterations);
});

describe("what cannot be searched is refused in words", () => {
  const { kFold, ...plain } = foldable();
  test.each([
    ["no folds", plain, {}, /expected rows that can be divided/],
    ["nothing", undefined, {}, /`data` is undefined/],
    ["no values", foldable(), { Cs: [] }, /`Cs` is \[\]/],
    ["a number for a list", foldable(), { Cs: 1 as never }, /`Cs` is 1/],
    ["C below 0", foldable(), { Cs: [1, -1] }, /`C` is -1/],
    ["one fold", foldable(), { folds: 1 }, /`folds` must be a whole number from 2/],
    ["part of a fold", foldable(), { folds: 2.5 }, /`folds` must be/],
    ["more folds than rows of a class", foldable(), { folds: 40 }, /stratified folds need 40 rows/],
    ["shuffle that is no boolean", foldable(), { shuffle: "yes" as never }, /`shuffle` is "yes"/],
    ["warmStart that is no boolean", foldable(), { warmStart: 1 as never }, /`warmStart` is 1/],
  ] as const)("%s", async (_, data, settings, message) => {
    await expect(LogisticRegression.gridSearch(data as FoldableData, settings)).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });

  test("and it stops when it is told to", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const search = LogisticRegression.gridSearch(foldable(), {
      signal: controller.signal,
      onProgress: ({ fold }) => {
        if (fold === 2) controller.abort(reason);
      },
    });
    await expect(search).rejects.toBe(reason);
    expect(kFold).toBeTypeOf("function");
  });
});
