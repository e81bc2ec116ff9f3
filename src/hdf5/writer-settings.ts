import { InvalidArgumentError } from "../errors.js";
import { type Shape, sizeOf } from "../ndarray.js";
import { checkBoolean, describeValue } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { type Compression, type CompressionFilter, resolveCompression } from "./compression.js";
import type { RowDType } from "./convert-rows.js";
import { type AttributeValue, toAttributes } from "./dataset-attributes.js";
import type { HDF5Attribute } from "./engine.js";
import type { ColumnValues, RowColumn } from "./row-column.js";
import { checkClassLabels } from "./row-labels.js";
import { itemSize } from "./typed-array.js";

const stagingBytes = 4 * 1024 * 1024;
const greatestStagedRows = 1000;
const greatestColumnCount = 20;

/** How a data set is to be written. */
export interface HDF5DatasetWriterOptions {
  /** Number of rows that will come. Left out, the file grows as they come. */
  readonly rows?: number | undefined;
  /** Shape of one row, without the batch axis: `[25088]` for features, `[height, width, channels]` for images. */
  readonly rowShape: Shape;
  /** Element type in the file. @default "float32" */
  readonly dtype?: RowDType | undefined;
  /** Name of the dataset that holds the rows. @default "features" */
  readonly dataKey?: string | undefined;
  /** Name of the dataset that holds the labels. @default "labels" */
  readonly labelKey?: string | undefined;
  /**
   * Shape of the label of one row: `[]` for a class, `[k]` for k labels of a row, or for multi-hot ones.
   * @default []
   */
  readonly labelShape?: Shape | undefined;
  /** Element type of the labels in the file. @default "int32" */
  readonly labelDtype?: "int32" | "uint8" | undefined;
  /**
   * Further datasets with a value for each row, by name, such as `{ sample_weights: { dtype: "float32" } }`. `add` then
   * needs their values. Up to 20.
   */
  readonly columns?: Readonly<Record<string, ColumnOptions>> | undefined;
  /** Names of the classes; label `i` is `classLabels[i]`. Can also be given later, to `storeClassLabels`. */
  readonly classLabels?: readonly string[] | undefined;
  /**
   * Rows gathered before they are written to the file. A crash loses at most these.
   * @default as many as fit into 4 MB, at most 1000
   */
  readonly bufferSize?: number | undefined;
  /** Replaces a file that exists, once the new one is complete; drops an unfinished one. @default false */
  readonly overwrite?: boolean | undefined;
  /**
   * Continues where an earlier run was stopped, if there is an unfinished file of it; everything given here must be as
   * it was then, `attributes` too. `rowsWritten` and `rowsSkipped` say where to go on. @default false
   */
  readonly resume?: boolean | undefined;
  /**
   * Takes the file over from a process of another machine that holds its lock. Of one of this machine is known whether it
   * has ended, of another it is not: pass it only where something else makes sure of that, as a scheduler does that
   * starts a task again elsewhere. @default false
   */
  readonly takeOver?: boolean | undefined;
  /**
   * What written rows survive: `process` a crash of the process, `power` also one of the machine, at the price of two
   * waits for the disk per flush. @default "process"
   */
  readonly durability?: "process" | "power" | undefined;
  /**
   * Compresses the rows when the file is closed: `{ gzip: 1 }` (fast) to `{ gzip: 9 }`, or by a plug-in, see
   * {@link Compression}. Features that are mostly zeros shrink to a quarter; reading them again is slower, in random
   * order much slower. While it runs the disk holds both forms.
   * @default none
   */
  readonly compression?: Compression | undefined;
  /** Facts about the data, stored on the file's root: network, layer, preprocessing... Up to fourteen. */
  readonly attributes?: Readonly<Record<string, AttributeValue>> | undefined;
}

/** What comes with the rows of one `add`. */
export interface AddOptions {
  readonly names?: readonly string[] | undefined;
  readonly skipped?: number | undefined;
  /** Values of the `columns` given to `create`, one for each row. */
  readonly columns?: Readonly<Record<string, ColumnValues>> | undefined;
}

/** A dataset with a value for each row. */
export interface ColumnOptions {
  /** Element type in the file; `string` for texts. */
  readonly dtype: RowDType | "string";
  /** Shape of the value of one row; `[]` for a single one. @default [] */
  readonly shape?: Shape | undefined;
}

/** Options with every default settled. */
export interface WriterSettings {
  readonly rows: number | undefined;
  readonly rowShape: Shape;
  readonly rowBytes: number;
  readonly dtype: RowDType;
  readonly dataKey: string;
  /** What comes with the rows: labels, names, and the further columns. */
  readonly columns: readonly [labels: RowColumn, names: RowColumn, ...further: RowColumn[]];
  readonly classLabels: readonly string[];
  readonly bufferSize: number;
  readonly durability: "process" | "power";
  readonly compression: CompressionFilter | undefined;
  readonly attributes: ReadonlyMap<string, HDF5Attribute>;
  readonly plainAttributes: Readonly<Record<string, AttributeValue>>;
}

const dtypes: readonly string[] = ["uint8", "int32", "int64", "float16", "float32", "float64"];
const reservedNames: readonly string[] = ["label_names", "file_names"];

/**
 * Settles and checks options.
 *
 * @throws InvalidArgumentError naming the option that is out of range
 */
export function resolveSettings(options: HDF5DatasetWriterOptions): WriterSettings {
  checkOptions("HDF5DatasetWriter.create", options, {
    rows: true,
    rowShape: true,
    dtype: true,
    dataKey: true,
    labelKey: true,
    labelShape: true,
    labelDtype: true,
    columns: true,
    classLabels: true,
    bufferSize: true,
    overwrite: true,
    resume: true,
    takeOver: true,
    durability: true,
    compression: true,
    attributes: true,
  });
  const { rows, rowShape, dtype = "float32", dataKey = "features" } = options;
  const { classLabels = [], durability = "process", attributes = {}, overwrite = false, resume = false } = options;
  checkBoolean("takeOver", options.takeOver ?? false);
  checkBoolean("overwrite", overwrite);
  checkBoolean("resume", resume);
  if (rows !== undefined && (!Number.isSafeInteger(rows) || rows < 0)) {
    throw new InvalidArgumentError(`\`rows\` must be a whole number, or left out; received ${rows}.`);
  }
  checkShape("rowShape", rowShape);
  checkDType("dtype", dtype, dtypes);
  checkKey("dataKey", dataKey);
  if (durability !== "process" && durability !== "power") {
    throw new InvalidArgumentError(`\`durability\` must be "process" or "power", received "${String(durability)}".`);
  }
  checkClassLabels(classLabels, -1);
  const rowBytes = sizeOf(rowShape) * itemSize(dtype);
  const fitting = Math.max(1, Math.min(greatestStagedRows, Math.floor(stagingBytes / rowBytes)));
  const { bufferSize = fitting } = options;
  if (!Number.isSafeInteger(bufferSize) || bufferSize < 1) {
    throw new InvalidArgumentError(`\`bufferSize\` must be a number of rows, at least 1; received ${bufferSize}.`);
  }
  return {
    rows,
    rowShape: [...rowShape],
    rowBytes,
    dtype,
    dataKey,
    columns: resolveColumns(options, dataKey),
    classLabels: [...classLabels],
    bufferSize,
    durability,
    compression: resolveCompression(options.compression),
    attributes: toAttributes(attributes),
    plainAttributes: attributes,
  };
}

function resolveColumns(options: HDF5DatasetWriterOptions, dataKey: string): WriterSettings["columns"] {
  const { labelKey = "labels", labelShape = [], labelDtype = "int32", columns = {} } = options;
  checkKey("labelKey", labelKey);
  if (dataKey === labelKey) throw new InvalidArgumentError(`\`dataKey\` and \`labelKey\` are both "${dataKey}".`);
  checkShape("labelShape", labelShape);
  checkDType("labelDtype", labelDtype, ["int32", "uint8"]);
  const further = Object.entries(columns).map(([name, column]): RowColumn => {
    const option = `columns.${name}`;
    if (typeof column !== "object" || column === null) {
      throw new InvalidArgumentError(
        `\`${option}\` is ${describeValue(column)}: expected such as \`{ dtype: "float32" }\`.`,
      );
    }
    checkOptions(option, column, { dtype: true, shape: true });
    const { dtype, shape = [] } = column;
    checkKey(option, name);
    if (name === dataKey || name === labelKey) {
      throw new InvalidArgumentError(`\`${option}\`: "${name}" is the name of the rows or labels already.`);
    }
    checkDType(option, dtype, [...dtypes, "string"]);
    checkShape(option, shape);
    if (dtype === "string" && shape.length > 0) {
      throw new InvalidArgumentError(`\`${option}\` is of texts and has a shape; a row can only have a single text.`);
    }
    return { name, dtype, shape: [...shape] };
  });
  if (further.length > greatestColumnCount) {
    throw new InvalidArgumentError(
      `\`columns\` has ${further.length} entries; up to ${greatestColumnCount} can be stored. Give some of them a \`shape\`.`,
    );
  }
  return [
    { name: labelKey, dtype: labelDtype, shape: [...labelShape] },
    { name: "file_names", dtype: "string", shape: [] },
    ...further,
  ];
}

/** What must be the same for a run to continue another. */
export function describeSettings(settings: WriterSettings): Readonly<Record<string, unknown>> {
  const { rows = null, rowShape, dtype, dataKey, classLabels, plainAttributes } = settings;
  const [labels, , ...columns] = settings.columns;
  const attributes = Object.fromEntries(
    Object.entries(plainAttributes).map(([name, value]) => [`attributes.${name}`, value]),
  );
  return {
    format: 3,
    rows,
    rowShape,
    dtype,
    dataKey,
    labelKey: labels.name,
    labelShape: labels.shape,
    labelDtype: labels.dtype,
    columns,
    classLabels,
    ...attributes,
  };
}

function checkShape(option: string, shape: Shape): void {
  if (Array.isArray(shape) && shape.every((axis) => Number.isSafeInteger(axis) && axis >= 1)) return;
  throw new InvalidArgumentError(`\`${option}\` must be a list of sizes of at least 1, received [${shape}].`);
}

function checkDType(option: string, dtype: string, known: readonly string[]): void {
  if (known.includes(dtype)) return;
  throw new InvalidArgumentError(`\`${option}\` must be one of ${known.join(", ")}; received "${dtype}".`);
}

function checkKey(option: string, key: string): void {
  if (
    typeof key === "string" &&
    key !== "" &&
    key !== "." &&
    !/[\0/]|\p{Surrogate}/u.test(key) &&
    !reservedNames.includes(key)
  )
    return;
  throw new InvalidArgumentError(`\`${option}\`: "${key}" cannot name a dataset in the root of the file.`);
}
