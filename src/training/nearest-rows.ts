import type { AbortOptions } from "../backends/backend.js";
import { InvalidArgumentError } from "../errors.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import { checkArray } from "../options/check-array.js";
import { checkOneOf, describeValue } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { nextTurn } from "../threads/next-turn.node.js";
import { CandidateRows } from "./candidate-rows.js";
import { checkFeatureShape, checkFeatures, checkFinite, sliceRows } from "./float32-rows.js";
import { dot, dotAndSquare, squaredDistance } from "./row-distances.js";
import type { TrainingBatch } from "./training-data.js";

/** How long arithmetic may go on while everything else waits. */
const turnMilliseconds = 15;

/** Rows to search, labelled or not: an `HDF5DatasetGenerator` or a part of one. */
export interface SearchableRows {
  readonly rowShape?: readonly number[] | undefined;
  /** One pass, whose batches are valid until the next is asked for, as of `TrainingData`. */
  batches?(options: {
    readonly pass: number;
    readonly reuse: boolean;
  }): AsyncIterable<Pick<TrainingBatch, "xs" | "indices">>;
  [Symbol.asyncIterator](): AsyncIterator<Pick<TrainingBatch, "xs" | "indices">>;
}

/** A row that is like the one that was asked about. */
export interface NearRow {
  /** Where it stands in its file, or in the pass if the data does not say. */
  readonly index: number;
  /** Euclidean distance, or 1 - cosine of the angle. */
  readonly distance: number;
}

/**
 * Finds the rows that are most like given ones: the pictures most like a picture. One pass over the data, batch by batch;
 * memory holds one batch and the nearest rows so far.
 *
 * @param queries `[rows, ...rowShape]`
 * @returns for each query the nearest rows, the nearest first; of equals the one that comes first in its file
 * @throws InvalidArgumentError if an option is out of range, a feature is NaN or infinite, or with "cosine" a row is all zeros
 * @throws ShapeMismatchError if rows and queries differ in shape
 *
 * @example
 * const names = await data.fileNames();
 * const [near = []] = await nearestRows(data, await extractor.extract(["new.jpg"]), { top: 5 });
 * console.log(near.map(({ index, distance }) => [names?.[index], distance]));
 */
export async function nearestRows(
  data: SearchableRows,
  queries: NdArray,
  options: AbortOptions & {
    /** Rows for each query, at most. @default 10 */
    readonly top?: number | undefined;
    /** `"euclidean"` looks at lengths too, `"cosine"` at directions only. @default "cosine" */
    readonly metric?: "cosine" | "euclidean" | undefined;
  } = {},
): Promise<readonly (readonly NearRow[])[]> {
  checkOptions("nearestRows", options, { top: true, metric: true, signal: true });
  checkArray("queries", queries, "rows of features");
  const { top = 10, metric = "cosine", signal } = options;
  if (!Number.isInteger(top) || top < 1) {
    throw new InvalidArgumentError(`\`top\` is ${describeValue(top)}: expected an integer of at least 1.`);
  }
  checkOneOf("metric", metric, ["cosine", "euclidean"]);
  if (typeof data?.[Symbol.asyncIterator] !== "function") {
    throw new InvalidArgumentError(
      `\`data\` is ${describeValue(data)}: expected rows in batches, such as an HDF5DatasetGenerator.`,
    );
  }
  const rowShape = data.rowShape ?? queries?.shape?.slice(1) ?? [];
  const wanted = checkFeatures("nearestRows", queries, rowShape);
  const [count = 0] = wanted.shape;
  const width = sizeOf(rowShape);
  const distances = metric === "cosine" ? cosineDistances(wanted, width) : euclideanDistances(wanted, width);
  const candidates = new CandidateRows(wanted.data, width, squaresOf(wanted, width), metric);
  const nearest = Array.from({ length: count }, (): NearRow[] => []);
  let passed = 0;
  let turn = performance.now();
  signal?.throwIfAborted();
  for await (const { xs, indices } of data.batches?.({ pass: 0, reuse: true }) ?? data) {
    signal?.throwIfAborted();
    const rows = checkFeatureShape("nearestRows", xs, rowShape);
    const [batchRows = 0] = rows.shape;
    for (let start = 0; start < batchRows; start += candidates.blockRows) {
      const end = Math.min(start + candidates.blockRows, batchRows);
      candidates.load(rows.data.subarray(start * width, end * width));
      for (let row = start; row < end; row++) {
        if (!candidates.isOrdinary(row - start)) distances.check(rows, row, passed);
      }
      for (let query = 0; query < count; query++) {
        const found = nearest[query] as NearRow[];
        for (let row = 0; ; row++) {
          row = candidates.next(query, row);
          if (row === end - start) break;
          const at = start + row;
          const distance = distances.between(query, rows.data, at);
          if (found.length === top && distance > (found[top - 1] as NearRow).distance) continue;
          insert(found, { index: indices?.[at] ?? passed + at, distance }, top);
          if (found.length === top) candidates.limit(query, (found[top - 1] as NearRow).distance);
        }
      }
      if (performance.now() - turn > turnMilliseconds) {
        await nextTurn();
        signal?.throwIfAborted();
        turn = performance.now();
      }
    }
    passed += batchRows;
  }
  return nearest;
}

/** Distances in 64 bits. */
interface Distances {
  between(query: number, rows: Float32Array, row: number): number;
  /** Refuses a row of a batch that has no distance. `passed` rows came before the batch. */
  check(rows: NdArray<"float32">, row: number, passed: number): void;
}

function euclideanDistances({ data }: NdArray<"float32">, width: number): Distances {
  return {
    between: (query, rows, row) => Math.sqrt(squaredDistance(data, query * width, rows, row * width, width)),
    check: checkRow,
  };
}

function cosineDistances(queries: NdArray<"float32">, width: number): Distances {
  const { data } = queries;
  const sums = new Float64Array(2);
  const lengths = squaresOf(queries, width).map((square, query) => lengthOf(square, "queries", query));
  return {
    between(query, rows, row) {
      dotAndSquare(data, query * width, rows, row * width, width, sums);
      return 1 - (sums[0] as number) / Math.sqrt(sums[1] as number) / (lengths[query] as number);
    },
    check(rows, row, passed) {
      checkRow(rows, row, passed);
      dotAndSquare(rows.data, row * width, rows.data, row * width, width, sums);
      lengthOf(sums[1] as number, "data", passed + row);
    },
  };
}

function squaresOf({ data, shape: [count = 0] }: NdArray<"float32">, width: number): Float64Array {
  return Float64Array.from({ length: count }, (_, row) => dot(data, row * width, data, row * width, width));
}

/** @throws InvalidArgumentError for a row of zeros */
function lengthOf(square: number, name: string, row: number): number {
  if (square > 0) return Math.sqrt(square);
  throw new InvalidArgumentError(
    `Row ${row} of \`${name}\` is all zeros, which has no direction to compare. Leave it out, or pass \`metric: "euclidean"\`.`,
  );
}

/** @throws InvalidArgumentError for a value that is NaN or infinite */
function checkRow(rows: NdArray<"float32">, row: number, passed: number): void {
  checkFinite(sliceRows(rows, row, row + 1), () => `Row ${passed + row} of \`data\``);
}

function insert(nearest: NearRow[], row: NearRow, top: number): void {
  const isBefore = (a: NearRow, b: NearRow) =>
    a.distance < b.distance || (a.distance === b.distance && a.index < b.index);
  const last = nearest.at(-1);
  if (nearest.length === top && last && !isBefore(row, last)) return;
  let [low, high] = [0, nearest.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(row, nearest[middle] as NearRow)) high = middle;
    else low = middle + 1;
  }
  nearest.splice(low, 0, row);
  if (nearest.length > top) nearest.pop();
}
