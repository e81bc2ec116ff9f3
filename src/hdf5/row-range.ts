import { InvalidArgumentError, InvalidDatasetError } from "../errors.js";
import type { Shape } from "../ndarray.js";
import { describeValue } from "../options/check-option.js";

/** Rows from `start` (included) to `end` (not included). */
export interface RowRange {
  readonly start: number;
  readonly end: number;
}

/** Resolves and checks a range of rows of a dataset, so that no engine can clamp one silently. */
export function resolveRows(file: string, path: string, shape: Shape, rows: RowRange | undefined): RowRange {
  const length = shape[0];
  if (rows === undefined) return { start: 0, end: length ?? 1 };
  if (length === undefined) {
    throw new InvalidArgumentError(
      `Cannot read rows of "${path}" in "${file}": it is a scalar. Read it without a range.`,
    );
  }
  if (typeof rows !== "object" || rows === null) {
    throw new InvalidArgumentError(
      `Reading rows of "${path}" in "${file}": \`rows\` is ${describeValue(rows)}: expected { start, end }.`,
    );
  }
  const { start, end } = rows;
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start) {
    throw new InvalidArgumentError(
      `Reading rows of "${path}" in "${file}": \`start\` and \`end\` of \`rows\` must be integers with 0 <= start <= end, received ${describeValue(start)} and ${describeValue(end)}.`,
    );
  }
  if (end > length) {
    throw new InvalidDatasetError(
      file,
      `Reading rows ${start} to ${end} of "${path}" in "${file}": it has only ${length} rows. The file may not have been completed.`,
    );
  }
  return rows;
}

/** Absolute, without doubled or trailing slashes. @throws InvalidArgumentError if it is no text */
export function normalizePath(path: string): string {
  if (typeof path !== "string") {
    throw new InvalidArgumentError(
      `\`path\` is ${describeValue(path)}: expected the path of a group or dataset, such as "features".`,
    );
  }
  return `/${path.split("/").filter(Boolean).join("/")}`;
}
