import { ClosedError, InvalidArgumentError, InvalidDatasetError } from "../errors.js";
import { type NdArray, type Shape, sizeOf } from "../ndarray.js";
import { checkBoolean, checkTexts, describeValue } from "../options/check-option.js";
import { openAuto } from "./auto-engine.js";
import { type BatchColumn, type LocatingFile, openColumnReader, openRowReader } from "./column-reader.js";
import { type AttributeValue, numberAttribute, plainAttribute } from "./dataset-attributes.js";
import { findDatasets, type KeyOptions } from "./dataset-keys.js";
import { asLabels, checkLabelRange, isSingle, readClasses } from "./dataset-labels.js";
import type { HDF5DType, HDF5Engine, HDF5Source } from "./engine.js";
import { checkClassLabels } from "./row-labels.js";
import { itemSize } from "./typed-array.js";
import { type Verification, verifyDatasets } from "./verify-dataset.js";

/** How a data set is to be opened. */
export interface OpenDatasetOptions extends KeyOptions {
  readonly engine?: HDF5Engine | undefined;
  readonly classLabels?: readonly string[] | undefined;
  readonly allowIncomplete?: boolean | undefined;
}

/** A further column of a data set. */
export interface DatasetColumn {
  /** As it was asked for. */
  readonly key: string;
  readonly dtype: HDF5DType;
  /** Shape of the value of one row. */
  readonly shape: Shape;
}

/** An open data set: its columns in memory, its rows on demand. What views of it share. */
export interface OpenDataset {
  readonly name: string;
  readonly path: string;
  readonly rows: number;
  readonly rowShape: Shape;
  /** As stored. */
  readonly dtype: Exclude<HDF5DType, "string" | "other">;
  /** Class index of each row; `undefined` without labels, or where a row has several. */
  readonly labels: Int32Array | undefined;
  /** Shape of the labels of one row: `[]` for a class. `undefined` without labels. */
  readonly labelShape: Shape | undefined;
  /** The further columns asked for. */
  readonly columns: readonly DatasetColumn[];
  readonly classLabels: readonly string[];
  /** Bytes of a row as stored. */
  readonly rowBytes: number;
  /** Rows that have to be read for a single one. */
  readonly blockRows: number;
  /** @throws ClosedError after `close` */
  read(indices: Uint32Array, buffer?: NdArray): Promise<NdArray>;
  /** Labels of these rows, `[indices.length, ...labelShape]`; `[0]` without labels. */
  readLabels(indices: Uint32Array): Promise<NdArray<"int32">>;
  /** Values of the further columns for these rows. */
  readColumns(indices: Uint32Array): Promise<Readonly<Record<string, BatchColumn>>>;
  fileNames(): Promise<readonly string[] | undefined>;
  attributes(): Promise<ReadonlyMap<string, AttributeValue>>;
  /**
   * Compares the rows, and what else has one, with the checksums that the writer has stored.
   *
   * @throws InvalidDatasetError if one differs or there is none of the rows
   */
  verify(signal?: AbortSignal): Promise<Verification>;
  close(): Promise<void>;
}

/** Opens a data set and checks that its parts fit together. */
export async function openDataset(source: HDF5Source, options: OpenDatasetOptions): Promise<OpenDataset> {
  checkBoolean("allowIncomplete", options.allowIncomplete ?? false);
  if (options.classLabels !== undefined) {
    if (!Array.isArray(options.classLabels)) {
      throw new InvalidArgumentError(
        `\`classLabels\` is ${describeValue(options.classLabels)}: expected a list of names of classes.`,
      );
    }
    // Whether there are enough is seen once the labels are read.
    checkClassLabels(options.classLabels, -1);
  }
  checkColumnKeys(options.columns);
  const file: LocatingFile = options.engine ? await options.engine.open(source) : await openAuto(source);
  try {
    return await inspect(file, nameOf(source), options);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function nameOf(source: HDF5Source): string {
  if (typeof source === "string") return source;
  return source instanceof Blob && "name" in source ? String(source.name) : "HDF5 bytes";
}

function checkColumnKeys(columns: readonly string[] | undefined): void {
  if (columns === undefined) return;
  checkTexts("columns", columns, '["sample_weights"]');
  const twice = columns.find((key, i) => columns.indexOf(key) !== i);
  if (twice !== undefined) throw new InvalidArgumentError(`\`columns\`: "${twice}" stands there twice.`);
}

async function inspect(file: LocatingFile, name: string, options: OpenDatasetOptions): Promise<OpenDataset> {
  const incomplete = (await numberAttribute(file, "/", "complete")) === 0;
  if (incomplete && !options.allowIncomplete) {
    throw new InvalidDatasetError(
      name,
      `"${name}" was not completed: its writer has not been closed. Finish it with \`resume: true\`, or pass \`allowIncomplete: true\` for the rows there are.`,
    );
  }
  // The labels of an unfinished file are still in its journal.
  const keys = await findDatasets(file, name, incomplete ? { labelKey: null, ...options } : options);
  const { data } = keys;
  let rows = data.shape[0] as number;
  if (incomplete) rows = Math.min(rows, (await numberAttribute(file, "/", "rows_written")) ?? 0);
  if (!options.allowIncomplete) {
    if (rows === 0) {
      throw new InvalidDatasetError(
        name,
        `"${data.path}" in "${name}" has no rows. The run that made it may have been stopped; pass \`allowIncomplete: true\` to open it as it is.`,
      );
    }
    if (await file.isUnwritten?.(data.path)) {
      throw new InvalidDatasetError(
        name,
        `"${data.path}" in "${name}" was announced with ${rows} rows, but none was ever written. Make the file again, or pass \`allowIncomplete: true\` to read it as zeros.`,
      );
    }
  }
  const labelShape = keys.labels && (isSingle(keys.labels.shape) ? [] : keys.labels.shape.slice(1));
  const labels = keys.labels && labelShape?.length === 0 ? await readClasses(file, name, keys.labels) : undefined;
  const severalLabels =
    keys.labels && !labels ? await openColumnReader(file, name, keys.labels.path, keys.labels) : undefined;
  const columns = await Promise.all(
    keys.columns.map((found, i) => openColumnReader(file, name, options.columns?.[i] as string, found)),
  );
  const classLabels =
    options.classLabels ?? (keys.labelNames ? await file.readStrings(keys.labelNames.path) : ([] as readonly string[]));
  checkLabelRange(name, labels, classLabels);

  const dtype = data.dtype as Exclude<HDF5DType, "string" | "other">;
  const reader = await openRowReader(file, data);
  let closed = false;
  const checkOpen = () => {
    if (closed)
      throw new ClosedError(
        `"${name}" is closed: no more rows can be read. Views end with the generator they come from.`,
      );
  };
  return {
    name,
    path: data.path,
    rows,
    rowShape: data.shape.slice(1),
    rowBytes: sizeOf(data.shape.slice(1)) * itemSize(dtype),
    blockRows: reader.blockRows,
    dtype,
    labels,
    labelShape,
    columns,
    classLabels,
    async read(indices, buffer) {
      checkOpen();
      return reader.read(indices, buffer);
    },
    async readLabels(indices) {
      checkOpen();
      if (severalLabels)
        return asLabels(name, severalLabels.key, indices, (await severalLabels.read(indices)) as NdArray);
      const own = labels ? Int32Array.from(indices, (index) => labels[index] as number) : new Int32Array(0);
      return { dtype: "int32", shape: [own.length], data: own };
    },
    async readColumns(indices) {
      checkOpen();
      const values = await Promise.all(columns.map((column) => column.read(indices)));
      return Object.fromEntries(columns.map(({ key }, i) => [key, values[i] as BatchColumn]));
    },
    async fileNames() {
      checkOpen();
      return keys.fileNames && file.readStrings(keys.fileNames.path);
    },
    async attributes() {
      checkOpen();
      const values = new Map<string, AttributeValue>();
      for (const attribute of await file.attributes("/")) {
        const value = await file.attribute("/", attribute);
        if (value) values.set(attribute, plainAttribute(value));
      }
      return values;
    },
    async verify(signal) {
      checkOpen();
      const own = (await numberAttribute(file, "/", "complete")) !== undefined;
      // Of files that others made nothing else is looked at: an attribute of this name need not be a checksum there.
      return verifyDatasets(
        file,
        name,
        { ...data, shape: [rows, ...data.shape.slice(1)] },
        own ? keys.others : [],
        () => {
          signal?.throwIfAborted();
          checkOpen();
        },
      );
    },
    async close() {
      if (closed) return;
      closed = true;
      await file.close();
    },
  };
}
