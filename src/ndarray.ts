import { InvalidArgumentError } from "./errors.js";
/**
 * The typed array behind each element type. 64-bit integers are `bigint` arrays, as JavaScript has no other exact form.
 */
export interface TypedArrays {
  readonly int8: Int8Array;
  readonly uint8: Uint8Array;
  readonly int16: Int16Array;
  readonly uint16: Uint16Array;
  readonly int32: Int32Array;
  readonly uint32: Uint32Array;
  readonly int64: BigInt64Array;
  readonly uint64: BigUint64Array;
  readonly float32: Float32Array;
  readonly float64: Float64Array;
}

/** Name of an element type, spelled as numpy and h5py spell it. */
export type DType = keyof TypedArrays;

/** Sizes of an array's axes, outermost first. Images are `[height, width, channels]`, batches add a leading axis. */
export type Shape = readonly number[];

/**
 * A typed array with a shape: row-major, channels last. The only kind of array that crosses a seam of this library;
 * a backend turns it into its own tensors and back.
 *
 * Checking `array.dtype` narrows `array.data`.
 */
export type NdArray<D extends DType = DType> = D extends DType
  ? { readonly dtype: D; readonly shape: Shape; readonly data: TypedArrays[D] }
  : never;

/** Number of elements of an array of this shape: the product of its axes, 1 for `[]`. */
export function sizeOf(shape: Shape): number {
  if (!Array.isArray(shape)) throw new InvalidArgumentError("`shape` is not a list of axes: expected such as [2, 3].");
  return shape.reduce((product, axis) => product * axis, 1);
}
