import { InvalidArgumentError, isCnnTransferError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import type { HDF5Attribute, HDF5File } from "./engine.js";

/** Value of an attribute that tells what a data set is: text, a number, or a list of either. */
export type AttributeValue = string | number | readonly string[] | readonly number[];

/**
 * Attributes that a file's root may have beside the two of the library's own: sixteen in all have room in the head and
 * are read by every engine and h5py. What says how features were made takes six of them.
 */
export const greatestAttributeCount = 14;

/** Turns plain values into HDF5 attributes: whole numbers as int64, others as float64, text as UTF-8. */
export function toAttributes(values: Readonly<Record<string, AttributeValue>>): ReadonlyMap<string, HDF5Attribute> {
  if (typeof values !== "object" || values === null) {
    throw new InvalidArgumentError(
      `\`attributes\` is ${describeValue(values)}: expected facts by name, { network: "vgg16" }.`,
    );
  }
  const entries = Object.entries(values);
  if (entries.length > greatestAttributeCount) {
    throw new InvalidArgumentError(
      `\`attributes\` has ${entries.length} entries; up to ${greatestAttributeCount} can be stored. Put several facts into one text, for example as JSON.`,
    );
  }
  return new Map(entries.map(([name, value]) => [name, toAttribute(name, value)]));
}

function toAttribute(name: string, value: AttributeValue): HDF5Attribute {
  const scalar = !Array.isArray(value);
  const list = (scalar ? [value] : value) as readonly (string | number)[];
  const shape = scalar ? [] : [list.length];
  if (name === "" || /[\0/]|\p{Surrogate}/u.test(name) || ["complete", "rows_written"].includes(name)) {
    throw new InvalidArgumentError(
      `\`attributes\`: the name "${name}" is empty, reserved or has characters HDF5 lacks.`,
    );
  }
  if (list.every((item) => typeof item === "string")) {
    if (list.some((item) => /\0|\p{Surrogate}/u.test(item))) {
      throw new InvalidArgumentError(
        `\`attributes\`: the text of "${name}" holds a NUL, where HDF5 would end it, or half of a character.`,
      );
    }
    return { dtype: "string", shape, data: list };
  }
  if (!list.every((item) => typeof item === "number")) {
    throw new InvalidArgumentError(`\`attributes\`: "${name}" must be text, a number, or a list of one of them.`);
  }
  return list.every((item) => Number.isSafeInteger(item))
    ? { dtype: "int64", shape, data: BigInt64Array.from(list, BigInt) }
    : { dtype: "float64", shape, data: Float64Array.from(list) };
}

/** An HDF5 attribute as a plain value. 64-bit integers become numbers: those beyond 2^53 are rounded. */
export function plainAttribute(attribute: HDF5Attribute): AttributeValue {
  if (attribute.dtype === "string") return attribute.shape.length === 0 ? (attribute.data[0] ?? "") : attribute.data;
  const numbers = Array.from(attribute.data as ArrayLike<number | bigint>, Number);
  return attribute.shape.length === 0 ? (numbers[0] ?? Number.NaN) : numbers;
}

/** An attribute that may or may not be there. Foreign files have attributes of any form, which are none of ours. */
export async function numberAttribute(file: HDF5File, path: string, attribute: string): Promise<number | undefined> {
  try {
    const value = await file.attribute(path, attribute);
    return value && value.dtype !== "string" && value.shape.length === 0 ? Number(value.data[0]) : undefined;
  } catch (error) {
    if (!isCnnTransferError(error, "UnsupportedError")) throw error;
    return undefined;
  }
}
