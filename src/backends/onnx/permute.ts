import { sizeOf } from "../../ndarray.js";
import type { Initializer } from "./graph.js";

/** Copies a row-major array with its axes in another order, as numpy's `transpose` names it. */
export function permute<T extends Initializer["data"]>(
  data: T,
  shape: readonly number[],
  permutation: readonly number[],
): T {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const sizes = permutation.map((axis) => shape[axis] as number);
  const steps = permutation.map((axis) => strides[axis] as number);
  const result = data.slice() as T;
  const last = sizes.length - 1;
  const innerSize = sizes[last] as number;
  const innerStep = steps[last] as number;
  const index = sizes.map(() => 0);
  let source = 0;
  for (let target = 0; target < result.length; ) {
    for (let i = 0; i < innerSize; i++) result[target++] = data[source + i * innerStep] as never;
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
