import type { AbortOptions, LoadedNetwork } from "../backends/backend.js";
import type { NdArray } from "../ndarray.js";
import { sliceRows } from "./float32-rows.js";

/** Rows that go through the network at once. */
const rowsAtOnce = 256;

/** Output of a network, `[rows, outputs]`, for rows that fit it; many rows go through it in pieces. */
export async function predictRows(
  network: LoadedNetwork,
  xs: NdArray<"float32">,
  outputs: number,
  options: AbortOptions,
): Promise<NdArray<"float32">> {
  const [rows = 0] = xs.shape;
  const data = new Float32Array(rows * outputs);
  for (let start = 0; start < rows; start += rowsAtOnce) {
    options.signal?.throwIfAborted();
    const [given] = await network.run([sliceRows(xs, start, Math.min(rows, start + rowsAtOnce))], options);
    if (given !== undefined) data.set(given.data, start * outputs);
  }
  return { dtype: "float32", shape: [rows, outputs], data };
}
