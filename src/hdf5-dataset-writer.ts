import { ClosedError, InvalidArgumentError, ShapeMismatchError } from "./errors.js";
import { completeDataset } from "./hdf5/complete-dataset.js";
import { checkCompression } from "./hdf5/compressed-rows.js";
import type { PartialFile } from "./hdf5/contiguous/partial-file.js";
import { openPartialFile } from "./hdf5/contiguous/partial-file.node.js";
import { convertRows, type RowDType } from "./hdf5/convert-rows.js";
import { type AttributeValue, greatestAttributeCount, toAttributes } from "./hdf5/dataset-attributes.js";
import { type DatasetLayout, layOutDataset } from "./hdf5/dataset-layout.js";
import type { HDF5Attribute } from "./hdf5/engine.js";
import { GatheredRows } from "./hdf5/gathered-rows.js";
import { columnBytes, decodeTexts } from "./hdf5/row-column.js";
import { RowColumns } from "./hdf5/row-columns.js";
import { RowCommits } from "./hdf5/row-commits.js";
import { checkClassLabels, type Labels } from "./hdf5/row-labels.js";
import {
  type AddOptions,
  describeSettings,
  type HDF5DatasetWriterOptions,
  resolveSettings,
  type WriterSettings,
} from "./hdf5/writer-settings.js";
import { type NdArray, type Shape, sizeOf } from "./ndarray.js";
import { checkArray } from "./options/check-array.js";
import { describeValue } from "./options/check-option.js";
import { checkOptions } from "./options/check-options.js";
import { refuseNew } from "./options/refuse-new.js";

export type { Compression } from "./hdf5/compression.js";
export type { ColumnValues } from "./hdf5/row-column.js";
export type { Labels } from "./hdf5/row-labels.js";
export type { AddOptions, ColumnOptions, HDF5DatasetWriterOptions } from "./hdf5/writer-settings.js";

/**
 * Writes rows (features or images) with labels and names into an HDF5 file that h5py, Keras pipelines and
 * {@link HDF5DatasetGenerator} read.
 *
 * The file has the datasets `features` `[rows, ...rowShape]`, `labels` int32 `[rows]`, `label_names` and `file_names`
 * (UTF-8 strings), the last three where there are any, and the `columns` asked for. While it is written it is called `X.partial`, with its labels
 * and names in `X.partial.journal`; `close` gives it its name. So a file named `X` is always complete, and a run that
 * was stopped at any moment can be continued with `resume: true`.
 *
 * Leaving an `await using` block without `close` keeps the unfinished file for that.
 *
 * @example
 * await using writer = await HDF5DatasetWriter.create("features.hdf5", {
 *   rows: 3000, rowShape: [512], classLabels: ["cats", "dogs", "panda"],
 * });
 * await writer.add({ dtype: "float32", shape: [2, 512], data: new Float32Array(1024) }, ["cats", "panda"]);
 * // ... 2998 more
 * await writer.close();
 */
export class HDF5DatasetWriter implements AsyncDisposable {
  /** Where the complete file will be. */
  readonly path: string;
  /** Shape of one row. */
  readonly rowShape: Shape;
  /** Element type in the file. */
  readonly dtype: RowDType;
  /** Number of rows announced; `undefined` if not known beforehand. */
  readonly rows: number | undefined;
  readonly #file: PartialFile;
  readonly #settings: WriterSettings;
  readonly #layout: DatasetLayout;
  readonly #columns: RowColumns;
  readonly #commits: RowCommits;
  readonly #gathered: GatheredRows;
  #attributes: ReadonlyMap<string, HDF5Attribute>;
  #plainAttributes: Readonly<Record<string, AttributeValue>>;
  #classLabels: readonly string[];
  #state: "open" | "closed" | "aborted" | "released" = "open";
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(path: string, settings: WriterSettings, layout: DatasetLayout, file: PartialFile) {
    if (file === undefined) refuseNew("HDF5DatasetWriter", "await HDF5DatasetWriter.create(path, { rowShape: ... })");
    const { rows, rowShape, dtype, dataKey, rowBytes, durability } = settings;
    this.path = path;
    this.rowShape = rowShape;
    this.dtype = dtype;
    this.rows = rows;
    this.#file = file;
    this.#settings = settings;
    this.#layout = layout;
    this.#columns = new RowColumns(settings.columns);
    this.#commits = new RowCommits(file, { path, dataKey, rowBytes, rows, power: durability === "power", ...layout });
    this.#gathered = new GatheredRows(this.#commits, settings.bufferSize, rowBytes);
    this.#attributes = settings.attributes;
    this.#plainAttributes = settings.plainAttributes;
    this.#classLabels = settings.classLabels;
  }

  /**
   * Starts a file, or continues an unfinished one.
   *
   * @throws InvalidArgumentError for options out of range, or if `resume` meets a file begun with other ones
   * @throws FileAccessError if the file exists, is being written by another process, or the disk has too little space
   * @throws UnsupportedError for a `compression` that is not known, or needs a package that is not installed
   */
  static async create(path: string, options: HDF5DatasetWriterOptions): Promise<HDF5DatasetWriter> {
    checkPath(path);
    const settings = resolveSettings(options);
    if (settings.compression) await checkCompression(settings.compression, settings);
    const layout = layOutDataset(settings);
    const [labels, , ...further] = settings.columns;
    const rowBytes = [labels, ...further].reduce((sum, column) => sum + columnBytes(column), settings.rowBytes);
    const file = await openPartialFile(path, {
      description: describeSettings(settings),
      overwrite: options.overwrite ?? false,
      resume: options.resume ?? false,
      takeOver: options.takeOver ?? false,
      expectedBytes: layout.dataPosition + (settings.rows ?? 0) * rowBytes,
      bytesOf: (rows) => layout.dataPosition + rows * settings.rowBytes,
    });
    try {
      const writer = new HDF5DatasetWriter(path, settings, layout, file);
      await writer.#commits.begin((entry) => {
        if (entry.rows > 0) writer.#columns.note(entry.columns);
      });
      return writer;
    } catch (error) {
      await (file.resumed ? file.release() : file.discard());
      throw error;
    }
  }

  /** Rows added so far, those of earlier runs included; the latest may still be in the buffer. */
  get rowsWritten(): number {
    return this.#gathered.count;
  }

  /** Rows announced that will not come: see {@link HDF5DatasetWriter.skip}. */
  get rowsSkipped(): number {
    return this.#gathered.skipped;
  }

  /** Names of the classes; empty if none are known yet. */
  get classLabels(): readonly string[] {
    return this.#classLabels;
  }

  /** The facts about the data that were given to `create` or stored since. */
  get attributes(): Readonly<Record<string, AttributeValue>> {
    return this.#plainAttributes;
  }

  /**
   * Adds rows. Everything about them is checked before any of it is taken: after an error the writer is as it was.
   * The arrays are read until the promise resolves and belong to the caller again then.
   *
   * @param rows `[n, ...rowShape]`, in `dtype` or in a type whose values fit into it
   * @param labels `n` class indices, or class names; with a `labelShape`, an array `[n, ...labelShape]`. Either all rows
   *   have labels, or none
   * @param options `names`: `n` texts to be stored in `file_names`; either all rows have one, or none. `skipped`: how
   *   many announced rows before or among these will not come, as `skip` says, but in one step with them. `columns`:
   *   values of the further columns
   * @throws ShapeMismatchError if shape or counts differ, or more rows come than were announced
   * @throws InvalidArgumentError if a label is not a class, a column is missing, or a number does not fit into its type
   * @throws FileAccessError if the rows cannot be written, for example because the disk is full, or because a process of
   *   another machine has taken the file over
   * @throws ClosedError after `close` or `abort`
   */
  add(rows: NdArray, labels?: Labels, options: AddOptions = {}): Promise<void> {
    return this.#enqueue("add", async () => {
      checkOptions("add", options, { names: true, skipped: true, columns: true });
      checkArray("rows", rows, "rows of features or pictures");
      const { skipped = 0 } = options;
      checkSkipped(skipped);
      const count = this.#checkRows(rows, skipped);
      const columns = this.#columns.encode(count, labels, options, this.#classLabels);
      const bytes = convertRows(rows, this.dtype, "`add`");
      if (count === 0) {
        this.#gathered.skip(skipped);
        return;
      }
      await this.#gathered.add({ rows: count, skipped, bytes, columns });
      this.#columns.note(columns);
    });
  }

  /**
   * Says that rows which were announced will not come, such as those of pictures that cannot be decoded. Call it in
   * the order of the rows, so that `rowsWritten + rowsSkipped` is the place to resume at; where rows and gaps come in
   * one batch, pass `skipped` to `add` instead.
   *
   * @throws ShapeMismatchError if more are skipped than are left
   */
  skip(count = 1): Promise<void> {
    return this.#enqueue("skip", async () => {
      checkSkipped(count);
      this.#checkRoom(count, "skip");
      this.#gathered.skip(count);
    });
  }

  /** Writes what is in the buffer. When it resolves, these rows survive a crash of the process. */
  flush(): Promise<void> {
    return this.#enqueue("flush", async () => {
      await this.#gathered.flush();
      await this.#commits.settle();
      this.#file.check();
      await this.#file.checkOwner();
    });
  }

  /**
   * Names of the rows added so far, those of earlier runs included, in order; nothing if rows come without names. Rows
   * that are added while it is read are not among them.
   *
   * @throws ClosedError after `close` or `abort`
   */
  async *writtenNames(): AsyncGenerator<string, void, undefined> {
    // What is in the buffer now may be in the journal when its turn comes.
    const { committed, staged } = await this.#enqueue("writtenNames", async () => ({
      committed: this.#commits.rows,
      staged: this.#gathered.staged.columns[1],
    }));
    let left = committed;
    if (left > 0 && this.#columns.present[1]) {
      for await (const { rows, columns } of this.#file.entries()) {
        if (columns[1]) yield* decodeTexts(columns[1]);
        left -= rows;
        if (left === 0) break;
      }
    }
    if (staged) yield* decodeTexts(staged);
  }

  /**
   * Sets the names of the classes, stored as `label_names`.
   *
   * @throws InvalidArgumentError if a name stands there twice, or labels beyond them have been written
   */
  storeClassLabels(classLabels: readonly string[]): Promise<void> {
    return this.#enqueue("storeClassLabels", async () => {
      checkClassLabels(classLabels, this.#columns.greatestLabel);
      this.#classLabels = [...classLabels];
    });
  }

  /**
   * Adds facts to the file's attributes that were not known at the beginning, such as channel means. Before the first row
   * it may also change those that `create` was given: who resumes gives the new ones.
   *
   * @throws InvalidArgumentError if there are more than fourteen in all, or a value is not text or numbers
   */
  storeAttributes(attributes: Readonly<Record<string, AttributeValue>>): Promise<void> {
    return this.#enqueue("storeAttributes", async () => {
      const all = new Map([...this.#attributes, ...toAttributes(attributes)]);
      if (all.size > greatestAttributeCount) {
        throw new InvalidArgumentError(
          `\`storeAttributes\`: ${all.size} attributes; up to ${greatestAttributeCount} can be stored.`,
        );
      }
      const given = Object.keys(this.#settings.plainAttributes).filter((name) => Object.hasOwn(attributes, name));
      if (given.length > 0 && this.rowsWritten + this.rowsSkipped === 0) {
        const changed = Object.fromEntries(given.map((name) => [name, attributes[name] as AttributeValue]));
        const plainAttributes = { ...this.#settings.plainAttributes, ...changed };
        await this.#file.describe(describeSettings({ ...this.#settings, plainAttributes }));
      }
      this.#attributes = all;
      this.#plainAttributes = { ...this.#plainAttributes, ...attributes };
    });
  }

  /**
   * Completes the file and gives it its name. If it fails, for example because the disk is full, it can be called
   * again.
   *
   * @param options `allowFewer`: accept fewer rows than were announced; the file then has as many as came
   * @throws ShapeMismatchError if rows are missing
   * @throws FileAccessError if the file cannot be written or renamed
   */
  close(options: { readonly allowFewer?: boolean | undefined } = {}): Promise<void> {
    return this.#enqueue("close", async () => {
      checkOptions("close", options, { allowFewer: true });
      await this.#gathered.flush();
      await this.#commits.settle();
      if (this.rows !== undefined && !options.allowFewer && this.rowsWritten + this.rowsSkipped !== this.rows) {
        throw new ShapeMismatchError(
          `Closing "${this.path}": ${this.rows} rows were announced, ${this.rowsWritten} were added and ${this.rowsSkipped} skipped. Add the rest, call \`skip\` for rows that will not come, or pass \`allowFewer: true\`.`,
          { expected: [this.rows], received: [this.rowsWritten] },
        );
      }
      await completeDataset(this.#file, this.path, this.#settings, this.#layout, {
        rows: this.#commits.rows,
        checksum: this.#commits.checksum,
        present: this.#columns.present,
        classLabels: this.#classLabels,
        attributes: this.#attributes,
      });
      this.#state = "closed";
    });
  }

  /** Gives up: removes the unfinished file and what belongs to it. Safe to call twice. */
  async abort(): Promise<void> {
    if (this.#state === "aborted") return;
    await this.#enqueue("abort", async () => {
      this.#state = "aborted";
      await this.#commits.settle();
      await this.#file.discard();
    });
  }

  /** Without `close` before: writes the buffer and leaves the unfinished file, which `resume: true` continues. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== "open") return;
    await this.#enqueue("dispose", async () => {
      this.#state = "released";
      try {
        // Whoever was told that another writer has the file knows what becomes of these rows.
        if (!this.#file.lost) await this.#gathered.flush();
      } finally {
        await this.#commits.settle();
        await this.#file.release();
      }
    });
  }

  /** Calls take their turn, so that those that are not waited for cannot mix. */
  #enqueue<T>(method: string, action: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(() => {
      if (this.#state !== "open") {
        const after = { closed: "close", aborted: "abort", released: "disposing of it" }[this.#state];
        throw new ClosedError(`HDF5DatasetWriter of "${this.path}": \`${method}\` was called after ${after}.`);
      }
      return action();
    });
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  #checkRows(rows: NdArray, skipped: number): number {
    const [count, ...shape] = rows.shape;
    if (count === undefined || shape.join() !== this.rowShape.join() || rows.data.length !== sizeOf(rows.shape)) {
      throw new ShapeMismatchError(
        `\`add\` expected rows of shape [n, ${this.rowShape.join(", ")}], received [${rows.shape.join(", ")}] with ${rows.data.length} values.`,
        { expected: [null, ...this.rowShape], received: rows.shape },
      );
    }
    this.#checkRoom(count + skipped, "add");
    return count;
  }

  #checkRoom(count: number, method: string): void {
    if (this.rows === undefined || this.rowsWritten + this.rowsSkipped + count <= this.rows) return;
    const left = this.rows - this.rowsWritten - this.rowsSkipped;
    throw new ShapeMismatchError(
      `\`${method}\` received ${count} rows, but of the ${this.rows} announced only ${left} are left. Pass the right \`rows\` to \`create\`, or leave it out.`,
      { expected: [left], received: [count] },
    );
  }
}

function checkPath(path: string): void {
  if (typeof path === "string" && path !== "" && !path.includes("\0")) return;
  throw new InvalidArgumentError(
    `\`path\` is ${typeof path === "string" ? JSON.stringify(path) : describeValue(path)}: expected the path of a file, such as "features.hdf5".`,
  );
}

function checkSkipped(count: number): void {
  if (!Number.isInteger(count) || count < 0) {
    throw new InvalidArgumentError(
      `The \`count\` of skipped rows must be a whole number, received ${describeValue(count)}.`,
    );
  }
}
