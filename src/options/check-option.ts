import { InvalidArgumentError } from "../errors.js";

/** A value as messages show it: text in quotes, lists in brackets, other objects by their kind. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return `"${value.length > 80 ? `${value.slice(0, 80)}...` : value}"`;
  if (Array.isArray(value))
    return value.length > 8 ? `a list of ${value.length}` : `[${value.map(describeItem).join(", ")}]`;
  if (typeof value === "function") return "a function";
  return describeItem(value);
}

function describeItem(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? "a list" : `an object (${Object.prototype.toString.call(value).slice(8, -1)})`;
  }
  return String(value);
}

/** @throws InvalidArgumentError if the value of an option is not true or false */
export function checkBoolean(option: string, value: unknown): asserts value is boolean {
  if (typeof value === "boolean") return;
  throw new InvalidArgumentError(`\`${option}\` is ${describeValue(value)}: expected true or false.`);
}

/** @throws InvalidArgumentError if the value of an option is none of the choices */
export function checkOneOf<T extends string | null>(
  option: string,
  value: unknown,
  choices: readonly T[],
): asserts value is T {
  if ((choices as readonly unknown[]).includes(value)) return;
  throw new InvalidArgumentError(
    `\`${option}\` is ${describeValue(value)}: expected ${choices
      .map(describeValue)
      .join(", ")
      .replace(/, ([^,]*)$/, " or $1")}.`,
  );
}

/**
 * Checks a list of texts: one text alone is none, as its letters would be taken for the entries.
 *
 * @param example what could be passed, such as `[".jpg"]`
 * @throws InvalidArgumentError if the value of an option is not such a list
 */
export function checkTexts(option: string, value: unknown, example: string): asserts value is readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return;
  throw new InvalidArgumentError(
    `\`${option}\` is ${describeValue(value)}: expected a list of texts, such as ${example}.`,
  );
}

/**
 * Checks that texts can be stored: half of a surrogate pair has no form in UTF-8, and would be read back as another text.
 *
 * @throws InvalidArgumentError if one of them has such a half
 */
export function checkWellFormed(option: string, texts: readonly string[]): void {
  const index = texts.findIndex((text) => /\p{Surrogate}/u.test(text));
  if (index === -1) return;
  throw new InvalidArgumentError(
    `\`${option}\` has ${JSON.stringify(texts[index])} as entry ${index}, which has half of a character (a lone surrogate): expected whole characters, as a file can hold no others.`,
  );
}

/**
 * Checks that an option is a list at all; what is in it is the caller's to check.
 *
 * @param expected what could be passed, such as `[height, width]`
 * @throws InvalidArgumentError if it is none
 */
export function checkList(option: string, value: unknown, expected: string): asserts value is readonly unknown[] {
  if (Array.isArray(value)) return;
  throw new InvalidArgumentError(`\`${option}\` is ${describeValue(value)}: expected ${expected}.`);
}

/**
 * Checks a text that must not be empty, such as a path.
 *
 * @param expected what could be passed, such as `the path of a folder`
 * @throws InvalidArgumentError if it is none
 */
export function checkText(option: string, value: unknown, expected: string): asserts value is string {
  if (typeof value === "string" && value !== "") return;
  throw new InvalidArgumentError(`\`${option}\` is ${describeValue(value)}: expected ${expected}.`);
}

/**
 * Checks a list of numbers, also one of a typed array.
 *
 * @param expected what could be passed, such as `the class of each row`
 * @throws InvalidArgumentError if it is none
 */
export function checkNumbers(option: string, value: unknown, expected: string): asserts value is ArrayLike<number> {
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value)) return;
  throw new InvalidArgumentError(`\`${option}\` is ${describeValue(value)}: expected ${expected}.`);
}
