import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import { type NdArray, type Shape, sizeOf } from "../ndarray.js";
import { convertRows, type RowDType } from "./convert-rows.js";
import { checkNames } from "./row-labels.js";
import { itemSize } from "./typed-array.js";

/** A dataset beside the rows with one value, or values of one shape, for each of them. */
export interface RowColumn {
  readonly name: string;
  readonly dtype: RowDType | "string";
  /** Shape of the value of one row; `[]` for a single one. */
  readonly shape: Shape;
}

/** Values of some rows for a column: single numbers or texts, or `[n, ...shape]`. */
export type ColumnValues = ArrayLike<number> | readonly string[] | NdArray;

/** Bytes of one row's value; what strings take in the file besides their text. */
export function columnBytes(column: RowColumn): number {
  return column.dtype === "string" ? 16 : sizeOf(column.shape) * itemSize(column.dtype);
}

/**
 * Bytes of the values of some rows.
 *
 * @throws ShapeMismatchError if there are not as many as rows, or they have another shape
 * @throws InvalidArgumentError if a value does not fit into the column's type
 */
export function encodeColumn(column: RowColumn, values: ColumnValues, rows: number): Uint8Array {
  const { name, dtype, shape } = column;
  const what = `\`add\`, column "${name}"`;
  if (dtype === "string") {
    checkNames(values as readonly string[], rows, what);
    return encodeTexts(values as readonly string[]);
  }
  const expected = [rows, ...shape];
  if (isNdArray(values)) {
    if (values.shape.join() !== expected.join() || values.data.length !== sizeOf(expected)) {
      throw new ShapeMismatchError(
        `${what} expected shape [${expected.join(", ")}], received [${values.shape.join(", ")}] with ${values.data.length} values.`,
        { expected, received: values.shape },
      );
    }
    return convertRows(values, dtype, what);
  }
  if (shape.length > 0 || values.length !== rows) {
    throw new ShapeMismatchError(
      `${what} expected shape [${expected.join(", ")}], received ${values.length} single values. Pass ${shape.length > 0 ? "an array with `dtype`, `shape` and `data`" : "one for each row"}.`,
      { expected, received: [values.length] },
    );
  }
  const data = Float64Array.from(values as ArrayLike<number>, (value) => {
    if (typeof value === "number") return value;
    throw new InvalidArgumentError(`${what} received ${JSON.stringify(value)}, which is not a number.`);
  });
  return convertRows({ dtype: "float64", shape: expected, data }, dtype, what);
}

/** Texts one behind the other, each behind its length. */
export function encodeTexts(texts: readonly string[]): Uint8Array {
  const encoded = texts.map((text) => new TextEncoder().encode(text));
  const bytes = new Uint8Array(encoded.reduce((sum, text) => sum + 4 + text.length, 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const text of encoded) {
    view.setUint32(offset, text.length, true);
    bytes.set(text, offset + 4);
    offset += 4 + text.length;
  }
  return bytes;
}

/** What {@link encodeTexts} was given. */
export function decodeTexts(bytes: Uint8Array): readonly string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const texts: string[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const end = offset + 4 + view.getUint32(offset, true);
    texts.push(decoder.decode(bytes.subarray(offset + 4, end)));
    offset = end;
  }
  return texts;
}

export function isNdArray(values: object): values is NdArray {
  return "dtype" in values && "shape" in values && "data" in values;
}
