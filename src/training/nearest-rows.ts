import type { AbortOptions } from "../backends/backend.js";
import { InvalidArgumentError } from "../errors.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import { checkArray } from "../options/check-array.js";
import { checkOneOf, describeValue } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { checkFeatures } from "./float32-rows.js";
import type { TrainingBatch } from "./training-data.js";

/** Rows to search, labelled or not: an `HDF5DatasetGenerator` or a part of one. */
export interface SearchableRows {
  readonly rowShape?: readonly number[] | undefined;
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
  const lengths = metric === "cosine" ? rowLengths(wanted, width, "queries", 0) : undefined;
  const nearest = Array.from({ length: count }, (): NearRow[] => []);
  let passed = 0;
  signal?.throwIfAborted();
  for await (const { xs, indices } of data) {
    signal?.throwIfAborted();
    const rows = checkFeatures("nearestRows", xs, rowShape);
    const [batchRows = 0] = rows.shape;
    const own = lengths && rowLengths(rows, width, "data", passed);
    for (let query = 0; query < count; query++) {
      for (let row = 0; row < batchRows; row++) {
        const distance =
          own && lengths
            ? 1 -
              dot(wanted.data, query * width, rows.data, row * width, width) /
                (own[row] as number) /
                (lengths[query] as number)
            : euclidean(wanted.data, query * width, rows.data, row * width, width);
        insert(nearest[query] as NearRow[], { index: indices?.[row] ?? passed + row, distance }, top);
      }
    }
    passed += batchRows;
  }
  return nearest;
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

function rowLengths({ data, shape }: NdArray<"float32">, width: number, name: string, first: number): Float64Array {
  return Float64Array.from({ length: shape[0] ?? 0 }, (_, row) => {
    const length = Math.sqrt(dot(data, row * width, data, row * width, width));
    if (length > 0) return length;
    throw new InvalidArgumentError(
      `Row ${first + row} of \`${name}\` is all zeros, which has no direction to compare. Leave it out, or pass \`metric: "euclidean"\`.`,
    );
  });
}

function dot(a: Float32Array, atA: number, b: Float32Array, atB: number, width: number): number {
  let sum = 0;
  for (let j = 0; j < width; j++) sum += (a[atA + j] as number) * (b[atB + j] as number);
  return sum;
}

function euclidean(a: Float32Array, atA: number, b: Float32Array, atB: number, width: number): number {
  let sum = 0;
  for (let j = 0; j < width; j++) {
    const difference = (a[atA + j] as number) - (b[atB + j] as number);
    sum += difference * difference;
  }
  return Math.sqrt(sum);
}
