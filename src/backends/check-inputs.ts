import { ShapeMismatchError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { sizeOf } from "../ndarray.js";
import type { Topology } from "../network/network.js";
import { checkArray } from "../options/check-array.js";
import { checkList } from "../options/check-option.js";

/** What a network takes at one of its inputs. */
export interface ExpectedInput {
  /** The input layer's name. */
  readonly name: string;
  readonly dtype: "float32" | "uint8";
  /** Shape of one row, without the batch axis; `null` is an axis of any size. */
  readonly shape: readonly (number | null)[];
}

/** What a network takes, in the order in which values are given. */
export function expectedInputs(topology: Topology): readonly ExpectedInput[] {
  return topology.inputs.flatMap((name) => {
    const layer = topology.layers.find((candidate) => candidate.name === name);
    return layer?.className === "InputLayer" ? [{ name, ...layer.config }] : [];
  });
}

/**
 * Checks one batch before it goes to a runtime.
 *
 * @returns the number of rows
 * @throws ShapeMismatchError if the number of arrays, a shape or a dtype is another, or the inputs' row counts differ
 */
export function checkInputs(expected: readonly ExpectedInput[], inputs: readonly NdArray[]): number {
  checkList("inputs", inputs, "a list of arrays, one for each input of the network");
  if (inputs.length !== expected.length) {
    throw new ShapeMismatchError(
      `Cannot run the network: it takes ${expected.length} inputs (${expected.map(({ name }) => `"${name}"`).join(", ")}), ` +
        `but ${inputs.length} arrays came.`,
      { expected: [expected.length], received: [inputs.length] },
    );
  }
  for (const [at, input] of inputs.entries()) checkArray(`inputs[${at}]`, input, "a batch");
  const rows = inputs[0]?.shape[0] ?? 0;
  expected.forEach(({ name, dtype, shape }, i) => {
    const array = inputs[i] as NdArray;
    const wanted = [null, ...shape];
    const fits =
      array.shape.length === wanted.length &&
      wanted.every((size, axis) => size === null || size === array.shape[axis]) &&
      array.shape.every((size) => Number.isInteger(size) && size >= 1);
    if (array.dtype !== dtype || !fits) {
      throw new ShapeMismatchError(
        `Cannot run the network: its input "${name}" takes ${dtype} [${wanted.map((size) => size ?? "any").join(", ")}] ` +
          `(batch first, every axis at least 1), but ${array.dtype} [${array.shape.join(", ")}] came.`,
        { expected: wanted, received: array.shape },
      );
    }
    if (array.shape[0] !== rows) {
      throw new ShapeMismatchError(
        `Cannot run the network: its inputs must have equally many rows, but "${expected[0]?.name}" has ${rows} and "${name}" has ${array.shape[0]}.`,
        { expected: [rows, ...shape], received: array.shape },
      );
    }
    if (array.data.length !== sizeOf(array.shape)) {
      throw new ShapeMismatchError(
        `Cannot run the network: the array for its input "${name}" has the shape [${array.shape.join(", ")}], ` +
          `that is ${sizeOf(array.shape)} values, but holds ${array.data.length}.`,
        { expected: array.shape, received: [array.data.length] },
      );
    }
  });
  return rows;
}
