import { createRandom } from "../../src/random.js";
import { type RowsData, rowsData } from "./separable-data.js";

/** Rows as test/fixtures/logistic-regression.py makes them. */
export interface ClusteredOptions {
  readonly rows: number;
  readonly width: number;
  readonly classes: number;
  readonly seed: number;
  readonly overlap?: number | undefined;
  readonly uneven?: boolean | undefined;
}

/** Seeded rows in overlapping clusters, one for each class, of uneven numbers. */
export function clusteredRows({ rows, width, classes, seed, overlap = 1, uneven = false }: ClusteredOptions) {
  const random = createRandom(seed);
  const ys = Int32Array.from({ length: rows }, () => Math.floor(classes * random.double() ** 1.5));
  for (let label = 0; label < classes; label++) ys[label] = label;
  const xs = Float32Array.from({ length: rows * width }, (_, at) => {
    const column = at % width;
    let value = overlap * random.double();
    if (column % classes === ys[Math.floor(at / width)]) value += 0.5;
    if (!uneven) return value;
    return column === 3 ? 7.3 : value * 10 ** ((column % 5) - 2) + column;
  });
  return { xs, ys };
}

/** Some of these rows, from `start` (included) to `end` (not included), as training data with classes "class 0", ... */
export function clusteredData(options: ClusteredOptions, start = 0, end = options.rows, batchSize = 32): RowsData {
  const { xs, ys } = clusteredRows(options);
  const classLabels = Array.from({ length: options.classes }, (_, index) => `class ${index}`);
  const { width } = options;
  return rowsData(xs.subarray(start * width, end * width), ys.subarray(start, end), [width], classLabels, batchSize);
}
