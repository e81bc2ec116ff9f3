import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import { checkNumbers } from "../options/check-option.js";
import { convertRows } from "./convert-rows.js";
import { type ColumnValues, encodeColumn, encodeTexts, isNdArray, type RowColumn } from "./row-column.js";
import { checkNames, encodeLabels, type Labels } from "./row-labels.js";
import type { AddOptions, WriterSettings } from "./writer-settings.js";

/** What comes with the rows of a data set: labels, names and further columns. Keeps them consistent over all rows. */
export class RowColumns {
  readonly #columns: WriterSettings["columns"];
  #present: readonly boolean[] | undefined;
  #greatestLabel = -1;

  constructor(columns: WriterSettings["columns"]) {
    this.#columns = columns;
  }

  /** Which columns rows come with. The first rows decide about labels and names. */
  get present(): readonly boolean[] {
    return this.#present ?? [];
  }

  /** The greatest class index so far; -1 if there is none. */
  get greatestLabel(): number {
    return this.#greatestLabel;
  }

  /**
   * Checks what comes with some rows and gives the bytes of each column.
   *
   * @throws ShapeMismatchError for other counts or shapes
   * @throws InvalidArgumentError if a column is missing, is not known, or a value does not fit
   */
  encode(
    rows: number,
    labels: Labels | undefined,
    options: AddOptions,
    classLabels: readonly string[],
  ): readonly (Uint8Array | undefined)[] {
    const { names, columns: given = {} } = options;
    const [labelColumn, , ...further] = this.#columns;
    if (labels !== undefined && !(typeof labels === "object" && labels !== null && "dtype" in labels)) {
      checkNumbers("labels", labels, "the class of each row, or left out");
    }
    this.#checkPresence("labels", this.#present?.[0], labels !== undefined);
    this.#checkPresence("names", this.#present?.[1], names !== undefined);
    if (names) checkNames(names, rows, "`add`, `names`,");
    for (const name of Object.keys(given)) {
      if (further.some((column) => column.name === name)) continue;
      throw new InvalidArgumentError(
        `\`add\` received values of a column "${name}"; the columns given to \`create\` are [${further.map((column) => column.name).join(", ")}].`,
      );
    }
    const extra = further.map((column) => {
      const values = given[column.name];
      if (values !== undefined) return encodeColumn(column, values, rows);
      if (rows === 0) return undefined;
      throw new InvalidArgumentError(
        `\`add\` received rows without values of column "${column.name}". Pass \`columns: { ${JSON.stringify(column.name)}: ... }\`, one value for each row.`,
      );
    });
    return [labels && encodeLabelColumn(labelColumn, labels, rows, classLabels), names && encodeTexts(names), ...extra];
  }

  /** Remembers what rows that were taken came with. */
  note(columns: readonly (Uint8Array | undefined)[]): void {
    this.#present ??= this.#columns.map((_, i) => columns[i] !== undefined);
    const [labels] = columns;
    const [{ dtype, shape }] = this.#columns;
    if (!labels || shape.length > 0) return;
    // Where bytes come from a journal, they need not lie where numbers may begin.
    const values = dtype === "uint8" ? labels : new Int32Array(labels.slice().buffer);
    for (const label of values) this.#greatestLabel = Math.max(this.#greatestLabel, label);
  }

  #checkPresence(column: "labels" | "names", before: boolean | undefined, now: boolean): void {
    if (before === undefined || before === now) return;
    throw new InvalidArgumentError(
      `\`add\` was called ${now ? "with" : "without"} ${column}, but the rows before came ${before ? "with" : "without"}. Either all rows have ${column}, or none.`,
    );
  }
}

/** One class for each row is checked against the classes; labels of another shape are numbers like any others. */
function encodeLabelColumn(
  column: RowColumn,
  labels: Labels,
  rows: number,
  classLabels: readonly string[],
): Uint8Array {
  if (column.shape.length > 0) return encodeColumn(column, labels as ColumnValues, rows);
  let single = labels as ArrayLike<number> | readonly string[];
  if (isNdArray(labels)) {
    if (labels.shape.length !== 1) {
      throw new ShapeMismatchError(
        `\`add\` received labels of shape [${labels.shape.join(", ")}] for ${rows} rows, and one label for each row was expected. Pass \`labelShape\` to \`create\` for several.`,
        { expected: [rows], received: labels.shape },
      );
    }
    single = Array.from(labels.data as ArrayLike<number | bigint>, Number);
  }
  const data = encodeLabels(single, rows, classLabels);
  return convertRows({ dtype: "int32", shape: [rows], data }, column.dtype as "int32" | "uint8", "`add`, labels,");
}
