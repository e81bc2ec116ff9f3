import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import { type NdArray, type Shape, sizeOf } from "../ndarray.js";
import { describeValue } from "../options/check-option.js";

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

/**
 * Checks features that were given to a method, and turns them into float32.
 *
 * @throws InvalidArgumentError if they are no array, or a feature is NaN or infinite
 * @throws ShapeMismatchError if rows have another shape than `inputShape`
 */
export function checkFeatures(method: string, xs: NdArray, inputShape: Shape): NdArray<"float32"> {
  const features = checkFeatureShape(method, xs, inputShape);
  checkFinite(features, (row) => `Row ${row} of the features given to \`${method}\``);
  return features;
}

/**
 * The same for a method that finds out by itself whether all are finite.
 *
 * @throws InvalidArgumentError if they are no array
 * @throws ShapeMismatchError if rows have another shape than `inputShape`
 */
export function checkFeatureShape(method: string, xs: NdArray, inputShape: Shape): NdArray<"float32"> {
  if (!Array.isArray(xs?.shape) || typeof xs.data?.length !== "number") {
    throw new InvalidArgumentError(
      `\`${method}\` got ${describeValue(xs)}: expected an NdArray of features, { dtype, shape: [rows, ${inputShape.join(", ")}], data }.`,
    );
  }
  const [rows = 0] = xs.shape;
  const expected = [rows, ...inputShape];
  if (xs.shape.join() !== expected.join() || xs.data.length !== sizeOf(expected)) {
    throw new ShapeMismatchError(
      `\`${method}\` got features of shape [${xs.shape.join(", ")}] with ${xs.data.length} values: expected [rows, ${inputShape.join(", ")}]. A single row needs a leading axis of 1.`,
      { expected: [null, ...inputShape], received: xs.shape },
    );
  }
  return toFloat32(xs);
}
