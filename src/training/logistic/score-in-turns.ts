import type { NdArray } from "../../ndarray.js";
import { nextTurn } from "../../threads/next-turn.node.js";
import { scoreRows } from "./score-rows.js";

/** Multiplications that are done before others have their turn: some 20 ms. */
const productsPerTurn = 2 ** 25;

/**
 * Scores `[rows, units]` of features `[rows, ...]`, with the event loop's turns in between.
 *
 * @param weights `[units, width]`
 * @param offsets `[units]`
 */
export async function scoreInTurns(
  xs: NdArray<"float32">,
  weights: Float64Array,
  offsets: Float64Array,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  signal?.throwIfAborted();
  const [rows = 0] = xs.shape;
  const units = offsets.length;
  const width = weights.length / units;
  const scores = new Float64Array(rows * units);
  const rowsPerTurn = Math.max(4, 4 * Math.floor(productsPerTurn / (4 * weights.length)));
  for (let start = 0; start < rows; start += rowsPerTurn) {
    if (start > 0) {
      await nextTurn();
      signal?.throwIfAborted();
    }
    const count = Math.min(rowsPerTurn, rows - start);
    const features = xs.data.subarray(start * width, (start + count) * width);
    scoreRows(features, count, width, weights, offsets, scores.subarray(start * units, (start + count) * units));
  }
  return scores;
}
