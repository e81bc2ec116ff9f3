import type { Size2D } from "../../network/layer.js";
import { type ConfigReader, isJsonList, isJsonObject } from "../config-reader.js";
import type { Json } from "../layer-config.js";

/** Forms of settings that several kinds of layer have. */

/** One integer of at least 1, bare or as a list of one. */
export function length(read: ConfigReader, key: string, fallback?: number): number {
  const value = read.get(key) ?? fallback;
  const [only, ...more] = isJsonList(value) ? value : [value];
  return Number.isSafeInteger(only) && (only as number) >= 1 && more.length === 0
    ? (only as number)
    : read.malformed(key, "an integer of at least 1");
}

/** One count of at least 0 for both ends, or `[before, after]`. */
export function pair(read: ConfigReader, key: string, value: Json | undefined): Size2D {
  const [before, after, ...rest] = isJsonList(value) ? value : [value, value];
  const isCount = (count: Json | undefined): count is number => Number.isSafeInteger(count) && (count as number) >= 0;
  return isCount(before) && isCount(after) && rest.length === 0
    ? [before, after]
    : read.malformed(key, "an integer, two, or two pairs, none below 0");
}

/** Counts for both ends of height and width: one for all, one for each, or a pair for each. */
export function pairs(
  read: ConfigReader,
  key: string,
  fallback: number | readonly Size2D[],
): readonly [Size2D, Size2D] {
  const value = read.get(key) ?? fallback;
  const [vertical = null, horizontal = null, ...more] = isJsonList(value) ? value : [value, value];
  if (more.length > 0) read.malformed(key, "an integer, two, or two pairs");
  return [pair(read, key, vertical), pair(read, key, horizontal)];
}

/** One axis or several, as Keras counts them. */
export function axes(read: ConfigReader, key: string, fallback: readonly number[]): readonly number[] {
  const value = read.get(key) ?? fallback;
  const list = isJsonList(value) ? value : [value];
  return list.every((axis): axis is number => Number.isSafeInteger(axis))
    ? list
    : read.malformed(key, "an integer or a list of them");
}

/**
 * A number, also in the forms that numpy's numbers had in files of their time: a list of one, or an object with its
 * `value`.
 */
export function plainNumber(read: ConfigReader, key: string, fallback?: number): number {
  const value = read.get(key) ?? fallback;
  const inner = isJsonObject(value) ? (value.value ?? null) : value;
  const [only, ...more] = isJsonList(inner) ? inner : [inner];
  return typeof only === "number" && more.length === 0 ? only : read.malformed(key, "a number");
}

/** One number, or a list of them; of lists in lists all numbers in order. */
export function numbers(read: ConfigReader, key: string, value: Json | undefined): readonly number[] {
  const list = isJsonObject(value) && isJsonObject(value.config) ? value.config.value : value;
  const flat: Json[] = [];
  const waiting: (Json | undefined)[] = [list];
  for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
    if (isJsonList(item)) waiting.unshift(...item);
    else flat.push(item);
  }
  return flat.length > 0 && flat.every((item): item is number => typeof item === "number")
    ? flat
    : read.malformed(key, "a number or a list of numbers");
}
