import { sizeOf } from "../../ndarray.js";

/** Copies a row-major array with its axes in another order, as numpy's `transpose` takes them. */
export function permute(data: Float32Array, shape: readonly number[], permutation: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const sizes = permutation.map((axis) => shape[axis] as number);
  const steps = permutation.map((axis) => strides[axis] as number);
  const result = new Float32Array(data.length);
  const last = sizes.length - 1;
  const innerSize = sizes[last] as number;
  const innerStep = steps[last] as number;
  const index = sizes.map(() => 0);
  let source = 0;
  for (let target = 0; target < result.length; ) {
    for (let i = 0; i < innerSize; i++) result[target++] = data[source + i * innerStep] as number;
    for (let axis = last - 1; axis >= 0; axis--) {
      source += steps[axis] as number;
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (sizes[axis] as number)) break;
      source -= (steps[axis] as number) * (sizes[axis] as number);
      index[axis] = 0;
    }
  }
  return result;
}
