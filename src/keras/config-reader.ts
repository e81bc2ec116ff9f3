import { InvalidModelError, UnsupportedError } from "../errors.js";
import type { Size2D } from "../network/layer.js";
import type { Json } from "./layer-config.js";

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/** Narrows a JSON value to an object. */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Narrows a JSON value to a list. */
export function isJsonList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** Reads the settings of one layer with their types checked; what does not fit becomes an error that names the layer. */
export interface ConfigReader {
  /** A layer's setting as it stands; `undefined` if absent. */
  readonly get: (key: string) => Json | undefined;
  /** Names of all settings. */
  readonly keys: () => readonly string[];
  readonly integer: (key: string, fallback?: number) => number;
  readonly number: (key: string, fallback?: number) => number;
  readonly boolean: (key: string, fallback: boolean) => boolean;
  /** One number for both axes, or `[height, width]`; absent or null gives the fallback. */
  readonly size: (key: string, fallback?: Size2D) => Size2D;
  /** One of several words; absent or null gives the fallback. */
  readonly word: <W extends string>(key: string, allowed: readonly W[], fallback?: W) => W;
  /** Fails because the setting is not of the form that Keras writes. */
  readonly malformed: (key: string, expected: string) => never;
  /** Fails because the setting is valid in Keras but not here. */
  readonly unsupported: (key: string, supported: string) => never;
}

/** Makes a {@link ConfigReader} for the settings of one layer. */
export function configReader(className: string, layer: string, config: JsonObject): ConfigReader {
  const where = `Layer "${layer}" (${className}) of the Keras model`;

  function get(key: string): Json | undefined {
    return Object.hasOwn(config, key) ? config[key] : undefined;
  }

  function malformed(key: string, expected: string): never {
    throw new InvalidModelError(`${where} has \`${key}\` ${show(get(key))}: expected ${expected}.`);
  }

  function unsupported(key: string, supported: string): never {
    throw new UnsupportedError(
      `${where} has \`${key}\` ${show(get(key))}, which cannot be run here; supported: ${supported}.`,
    );
  }

  function number(key: string, fallback?: number): number {
    const value = get(key) ?? fallback;
    return typeof value === "number" ? value : malformed(key, "a number");
  }

  function integer(key: string, fallback?: number): number {
    const value = number(key, fallback);
    return Number.isSafeInteger(value) && value >= 1 ? value : malformed(key, "an integer of at least 1");
  }

  function boolean(key: string, fallback: boolean): boolean {
    const value = get(key) ?? fallback;
    return typeof value === "boolean" ? value : malformed(key, "true or false");
  }

  function size(key: string, fallback?: Size2D): Size2D {
    const value = get(key) ?? fallback;
    const [height, width, ...more] = isJsonList(value) ? value : [value, value];
    const isSide = (side: Json | undefined): side is number => Number.isSafeInteger(side) && (side as number) >= 1;
    return isSide(height) && isSide(width) && more.length === 0
      ? [height, width]
      : malformed(key, "an integer of at least 1, or two of them");
  }

  function word<W extends string>(key: string, allowed: readonly W[], fallback?: W): W {
    const value = get(key) ?? fallback;
    return allowed.find((candidate) => candidate === value) ?? unsupported(key, allowed.join(", "));
  }

  return { get, keys: () => Object.keys(config), integer, number, boolean, size, word, malformed, unsupported };
}

/** A JSON value for a message, shortened. */
export function show(value: Json | undefined): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
