import { InvalidArgumentError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { describeValue } from "./check-option.js";

/**
 * Checks that an array from outside the type system is one at all; its shape is the caller's to check.
 *
 * @param expected what could be passed, such as `rows of features`
 * @throws InvalidArgumentError if it is none, such as a list of numbers or a tensor
 */
export function checkArray(parameter: string, value: unknown, expected: string): asserts value is NdArray {
  const array = value as Partial<NdArray> | null | undefined;
  if (typeof array?.dtype === "string" && Array.isArray(array.shape) && typeof array.data === "object") return;
  throw new InvalidArgumentError(
    `\`${parameter}\` is ${describeValue(value)}: expected ${expected}, as { dtype, shape, data }.`,
  );
}
