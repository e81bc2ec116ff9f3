import { InvalidArgumentError } from "../errors.js";
import type { NdArray } from "../ndarray.js";

/** The same values as float32, rounded to nearest; an array that is float32 already is returned as it is. */
export function toFloat32(array: NdArray): NdArray<"float32"> {
  if (array.dtype === "float32") return array;
  const data = new Float32Array(array.data.length);
  for (let i = 0; i < data.length; i++) data[i] = Number(array.data[i]);
  return { dtype: "float32", shape: array.shape, data };
}

/** Rows `start` (included) to `end` (not included) of an array, without copying. */
export function sliceRows(array: NdArray<"float32">, start: number, end: number): NdArray<"float32"> {
  const [rows = 0, ...row] = array.shape;
  const width = rows === 0 ? 0 : array.data.length / rows;
  return { dtype: "float32", shape: [end - start, ...row], data: array.data.subarray(start * width, end * width) };
}

/** Place of the first value that is NaN or infinite, in row-major order; `undefined` if there is none. */
function findNonFinite(array: NdArray<"float32">): number | undefined {
  const { data } = array;
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    // Only what is not finite differs from itself here: quicker than a call for every value.
    if (value - value !== 0) return i;
  }
  return undefined;
}

/**
 * Refuses features that are not numbers: some backends compute plausible probabilities from them.
 *
 * @param describeRow says in a message which row it is, by its index in the array
 * @throws InvalidArgumentError if a value is NaN or infinite as float32
 */
export function checkFinite(array: NdArray<"float32">, describeRow: (row: number) => string): void {
  const place = findNonFinite(array);
  if (place === undefined) return;
  const width = array.data.length / (array.shape[0] ?? 1);
  throw new InvalidArgumentError(
    `${describeRow(Math.floor(place / width))} has ${array.data[place]} as value ${place % width} of its features: expected numbers that are finite as float32. Leave the row out, or compute its features again.`,
  );
}
