import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { checkTexts } from "../options/check-option.js";

/** Labels of some rows: class indices, class names, or an array of the writer's `labelShape`. */
export type Labels = ArrayLike<number> | readonly string[] | NdArray;

/**
 * Checks labels and turns class names into indices.
 *
 * @param rows how many there must be
 * @param classLabels names of the classes; empty if they are not known
 * @throws ShapeMismatchError if the count differs
 * @throws InvalidArgumentError for an unknown name, or an index that is not a whole number in range
 */
export function encodeLabels(
  labels: ArrayLike<number> | readonly string[],
  rows: number,
  classLabels: readonly string[],
): Int32Array {
  if (labels.length !== rows) {
    throw new ShapeMismatchError(
      `\`add\` received ${rows} rows and ${labels.length} labels. Give one label for each row.`,
      { expected: [rows], received: [labels.length] },
    );
  }
  const limit = classLabels.length || 2147483648;
  const indices = typeof labels[0] === "string" ? new Map(classLabels.map((name, i) => [name, i])) : undefined;
  return Int32Array.from({ length: rows }, (_, i) => {
    const label = labels[i];
    const index = typeof label === "string" ? indices?.get(label) : label;
    if (typeof index === "number" && Number.isInteger(index) && index >= 0 && index < limit) return index;
    if (typeof label === "string") {
      throw new InvalidArgumentError(
        classLabels.length === 0
          ? `\`add\` received the class name "${label}" as label ${i}, but no class names are known. Pass \`classLabels\` to \`create\`, or integer labels.`
          : `\`add\` received the class name "${label}" as label ${i}, which is none of ${list(classLabels)}.`,
      );
    }
    throw new InvalidArgumentError(
      `\`add\` received ${String(label)} as label ${i}; labels are whole numbers from 0 to ${limit - 1}${classLabels.length ? `, indices into ${list(classLabels)}` : ""}.`,
    );
  });
}

/** Checks names of classes: at least one, none twice. */
export function checkClassLabels(classLabels: readonly string[], usedLabel: number): void {
  checkTexts("classLabels", classLabels, '["cat", "dog"]');
  for (const [i, name] of classLabels.entries()) {
    if (typeof name !== "string" || /\0|\p{Surrogate}/u.test(name)) {
      throw new InvalidArgumentError(`\`classLabels\`: entry ${i} is not text that HDF5 can hold.`);
    }
    if (classLabels.indexOf(name) !== i) {
      throw new InvalidArgumentError(`\`classLabels\`: "${name}" stands there twice.`);
    }
  }
  if (usedLabel >= classLabels.length) {
    throw new InvalidArgumentError(
      `\`classLabels\` has ${classLabels.length} names, but label ${usedLabel} has been written already. Give a name for every label.`,
    );
  }
}

/** Checks the names, or other texts, that belong to rows. */
export function checkNames(names: readonly string[], rows: number, what = "`add`"): void {
  if (names.length !== rows) {
    throw new ShapeMismatchError(`${what} received ${rows} rows and ${names.length} texts. Give one for each row.`, {
      expected: [rows],
      received: [names.length],
    });
  }
  for (const [i, name] of names.entries()) {
    if (typeof name !== "string" || /\0|\p{Surrogate}/u.test(name)) {
      throw new InvalidArgumentError(`${what} received as text ${i} something that is not text UTF-8 can hold.`);
    }
  }
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 8).map((name) => `"${name}"`);
  return `[${shown.join(", ")}${names.length > shown.length ? `, ... ${names.length} in all` : ""}]`;
}
