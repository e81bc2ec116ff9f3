import { InvalidArgumentError } from "../errors.js";
import type { NdArray } from "../ndarray.js";

/** A class and how probable it is. */
export interface ClassProbability {
  readonly label: string;
  /** In 0..1. */
  readonly probability: number;
}

/** How many classes are asked for, 5 if nothing is said. @throws InvalidArgumentError if it is not a positive integer */
export function checkTop(top = 5): number {
  if (Number.isInteger(top) && top >= 1) return top;
  throw new InvalidArgumentError(`\`top\` is ${top}: expected an integer of at least 1.`);
}

/** For each row of `[rows, classes]` the `top` most probable classes, the best first; equals in the order of the labels. */
export function mostProbable(
  { data, shape }: NdArray<"float32" | "float64">,
  classLabels: readonly string[],
  top: number,
): readonly (readonly ClassProbability[])[] {
  const [rows = 0, classes = 0] = shape;
  return Array.from({ length: rows }, (_, row) =>
    classLabels
      .map((label, index) => ({ label, probability: data[row * classes + index] as number }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, top),
  );
}
