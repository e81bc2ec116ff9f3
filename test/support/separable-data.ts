import { sizeOf } from "../../src/ndarray.js";
import { createRandom } from "../../src/random.js";
import type { TrainingBatch, TrainingData } from "../../src/training/training-data.js";

/** Labelled rows in memory, in batches. */
export interface RowsData extends TrainingData {
  readonly xs: Float32Array;
  readonly ys: Int32Array;
}

/** Rows as training data: in order, the last batch smaller. */
export function rowsData(
  xs: Float32Array,
  ys: Int32Array,
  rowShape: readonly number[],
  classLabels: readonly string[],
  batchSize: number,
): RowsData {
  const width = sizeOf(rowShape);
  async function* batches(): AsyncGenerator<TrainingBatch> {
    for (let start = 0; start < ys.length; start += batchSize) {
      const end = Math.min(ys.length, start + batchSize);
      yield {
        xs: { dtype: "float32", shape: [end - start, ...rowShape], data: xs.subarray(start * width, end * width) },
        ys: { dtype: "int32", shape: [end - start], data: ys.subarray(start, end) },
      };
    }
  }
  return { length: ys.length, rowShape, classLabels, xs, ys, [Symbol.asyncIterator]: batches };
}

/** Seeded rows in which every class has raised values at places of its own, so that a straight line tells them apart. */
export function separableRows(rows: number, rowShape: readonly number[], classes: number, seed: number) {
  const random = createRandom(seed);
  const width = sizeOf(rowShape);
  const ys = Int32Array.from({ length: rows }, (_, row) => row % classes);
  const xs = Float32Array.from({ length: rows * width }, (_, at) => {
    const raised = at % classes === ys[Math.floor(at / width)];
    return random.double() + (raised ? 0.8 : 0);
  });
  return { xs, ys };
}

/** {@link separableRows} as training data with classes "class 0", "class 1", ... */
export function separableData(
  rows: number,
  rowShape: readonly number[],
  classes: number,
  batchSize = 32,
  seed = 3,
): RowsData {
  const { xs, ys } = separableRows(rows, rowShape, classes, seed);
  const classLabels = Array.from({ length: classes }, (_, index) => `class ${index}`);
  return rowsData(xs, ys, rowShape, classLabels, batchSize);
}
