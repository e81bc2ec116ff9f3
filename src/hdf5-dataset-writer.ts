import { crc32 } from "./checksum/crc32.node.js";
import { ClosedError, FileAccessError, InvalidArgumentError, ShapeMismatchError } from "./errors.js";
import { createColumnWriter } from "./hdf5/column-writer.js";
import { type CompressedRows, writeCompressedRows } from "./hdf5/compressed-rows.js";
import { buildHead, type Head, type HeadDataset } from "./hdf5/contiguous/head.js";
import { encodeJournalEntry } from "./hdf5/contiguous/journal.js";
import { openPartialFile, type PartialFile } from "./hdf5/contiguous/partial-file.node.js";
import { convertRows, type RowDType } from "./hdf5/convert-rows.js";
import { type AttributeValue, toAttributes } from "./hdf5/dataset-attributes.js";
import type { HDF5Attribute } from "./hdf5/engine.js";
import { checkClassLabels, checkNames, encodeLabels, type Labels } from "./hdf5/row-labels.js";
import { itemSize } from "./hdf5/typed-array.js";
import { type NdArray, type Shape, sizeOf } from "./ndarray.js";

const pageBytes = 4096;
/** Room in the head for attributes that are stored later. */
const slackBytes = 8192;
const stagingBytes = 4 * 1024 * 1024;
const greatestStagedRows = 1000;
/** From this size on, a batch goes to the file as it is and is not gathered first. */
const directBytes = 1024 * 1024;

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
   * What written rows survive: `process` a crash of the process, `power` also one of the machine, at the price of two
   * waits for the disk per flush. @default "process"
   */
  readonly durability?: "process" | "power" | undefined;
  /**
   * Compresses the rows when the file is closed, level 1 (fast) to 9. Features that are mostly zeros shrink to a quarter;
   * reading them again is slower, in random order much slower. While it runs the disk holds both forms.
   * @default none
   */
  readonly compression?: { readonly gzip: number } | undefined;
  /** Facts about the data, stored on the file's root: network, layer, preprocessing... Up to six. */
  readonly attributes?: Readonly<Record<string, AttributeValue>> | undefined;
}

/** What comes with the rows of one `add`. */
export interface AddOptions {
  readonly names?: readonly string[] | undefined;
  readonly skipped?: number | undefined;
}

/**
 * Writes rows (features or images) with labels and names into an HDF5 file that h5py, Keras pipelines and
 * {@link HDF5DatasetGenerator} read.
 *
 * The file has the datasets `features` `[rows, ...rowShape]`, `labels` int32 `[rows]`, `label_names` and `file_names`
 * (UTF-8 strings), the last three where there are any. While it is written it is called `X.partial`, with its labels
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
  readonly #dataKey: string;
  readonly #labelKey: string;
  readonly #power: boolean;
  readonly #gzip: number | undefined;
  readonly #rowBytes: number;
  readonly #staging: Uint8Array;
  readonly #bufferSize: number;
  readonly #dataPosition: number;
  #attributes: ReadonlyMap<string, HDF5Attribute>;
  #head: Head;
  #classLabels: readonly string[];
  #staged: StagedRows = empty();
  #committed = 0;
  #committedSkips = 0;
  #checksum = 0;
  #greatestLabel = -1;
  /** Whether rows come with labels and names; the first ones decide. */
  #hasLabels: boolean | undefined;
  #hasNames: boolean | undefined;
  #state: "open" | "closed" | "aborted" | "released" = "open";
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(
    path: string,
    options: ResolvedOptions,
    file: PartialFile,
    layout: { readonly head: Head; readonly dataPosition: number },
  ) {
    this.path = path;
    this.rowShape = options.rowShape;
    this.dtype = options.dtype;
    this.rows = options.rows;
    this.#file = file;
    this.#dataKey = options.dataKey;
    this.#labelKey = options.labelKey;
    this.#power = options.durability === "power";
    this.#gzip = options.gzip;
    this.#rowBytes = options.rowBytes;
    this.#bufferSize = options.bufferSize;
    this.#staging = new Uint8Array(options.bufferSize * options.rowBytes);
    this.#dataPosition = layout.dataPosition;
    this.#head = layout.head;
    this.#attributes = options.attributes;
    this.#classLabels = options.classLabels;
  }

  /**
   * Starts a file, or continues an unfinished one.
   *
   * @throws InvalidArgumentError for options out of range, or if `resume` meets a file begun with other ones
   * @throws FileAccessError if the file exists, is being written by another process, or the disk has too little space
   */
  static async create(path: string, options: HDF5DatasetWriterOptions): Promise<HDF5DatasetWriter> {
    const resolved = resolveOptions(options);
    const layout = layOut(resolved);
    const file = await openPartialFile(path, {
      description: describe(resolved),
      overwrite: options.overwrite ?? false,
      resume: options.resume ?? false,
      expectedBytes: layout.dataPosition + (resolved.rows ?? 0) * (resolved.rowBytes + 4),
    });
    try {
      const writer = new HDF5DatasetWriter(path, resolved, file, layout);
      await writer.#begin();
      return writer;
    } catch (error) {
      await (file.resumed ? file.release() : file.discard());
      throw error;
    }
  }

  /** Rows added so far, those of earlier runs included; the latest may still be in the buffer. */
  get rowsWritten(): number {
    return this.#committed + this.#staged.rows;
  }

  /** Rows announced that will not come: see {@link HDF5DatasetWriter.skip}. */
  get rowsSkipped(): number {
    return this.#committedSkips + this.#staged.skipped;
  }

  /** Names of the classes; empty if none are known yet. */
  get classLabels(): readonly string[] {
    return this.#classLabels;
  }

  /**
   * Adds rows. Everything about them is checked before any of it is taken: after an error the writer is as it was.
   * The arrays are read until the promise resolves and belong to the caller again then.
   *
   * @param rows `[n, ...rowShape]`, in `dtype` or in a type whose values fit into it
   * @param labels `n` class indices, or class names. Either all rows have labels, or none
   * @param options `names`: `n` texts to be stored in `file_names`; either all rows have one, or none. `skipped`: how
   *   many announced rows before or among these will not come, as `skip` says, but in one step with them
   * @throws ShapeMismatchError if shape or counts differ, or more rows come than were announced
   * @throws InvalidArgumentError if a label is not a class, or a number does not fit into the file's type
   * @throws FileAccessError if the rows cannot be written, for example because the disk is full
   * @throws ClosedError after `close` or `abort`
   */
  add(rows: NdArray, labels?: Labels, options: AddOptions = {}): Promise<void> {
    return this.#enqueue("add", async () => {
      const { skipped = 0 } = options;
      checkSkipped(skipped);
      const count = this.#checkRows(rows, skipped);
      this.#checkColumn("labels", this.#hasLabels, labels !== undefined);
      this.#checkColumn("names", this.#hasNames, options.names !== undefined);
      const indices = labels && encodeLabels(labels, count, this.#classLabels);
      if (options.names) checkNames(options.names, count);
      const bytes = convertRows(rows, this.dtype, "`add`");
      if (count === 0) {
        this.#staged = { ...this.#staged, skipped: this.#staged.skipped + skipped };
        return;
      }

      const direct = bytes.length >= directBytes || count > this.#bufferSize;
      if (direct || this.#staged.rows + count > this.#bufferSize) await this.#flushStaged();
      const before = { labels: this.#hasLabels, names: this.#hasNames };
      this.#hasLabels ??= labels !== undefined;
      this.#hasNames ??= options.names !== undefined;
      const staged = this.#staged;
      try {
        if (direct) {
          await this.#commit(bytes, count, indices, options.names, skipped);
        } else {
          this.#staging.set(bytes, staged.rows * this.#rowBytes);
          this.#staged = {
            rows: staged.rows + count,
            labels: indices ? staged.labels.concat(Array.from(indices)) : staged.labels,
            names: options.names ? staged.names.concat(options.names) : staged.names,
            skipped: staged.skipped + skipped,
          };
          if (this.#staged.rows === this.#bufferSize) await this.#flushStaged();
        }
      } catch (error) {
        // Not written: then these rows were never taken, and can be added again.
        this.#staged = staged;
        this.#hasLabels = before.labels;
        this.#hasNames = before.names;
        throw error;
      }
      for (const label of indices ?? []) this.#greatestLabel = Math.max(this.#greatestLabel, label);
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
      this.#staged = { ...this.#staged, skipped: this.#staged.skipped + count };
    });
  }

  /** Writes what is in the buffer. When it resolves, these rows survive a crash of the process. */
  flush(): Promise<void> {
    return this.#enqueue("flush", () => this.#flushStaged());
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
      committed: this.#committed,
      staged: this.#staged.names,
    }));
    let left = committed;
    if (left > 0 && this.#hasNames) {
      for await (const { rows, names = [] } of this.#file.entries()) {
        yield* names;
        left -= rows;
        if (left === 0) break;
      }
    }
    yield* staged;
  }

  /**
   * Sets the names of the classes, stored as `label_names`.
   *
   * @throws InvalidArgumentError if a name stands there twice, or labels beyond them have been written
   */
  storeClassLabels(classLabels: readonly string[]): Promise<void> {
    return this.#enqueue("storeClassLabels", async () => {
      checkClassLabels(classLabels, this.#greatestLabel);
      this.#classLabels = [...classLabels];
    });
  }

  /**
   * Adds facts that are known only in the end, such as channel means, to the file's attributes.
   *
   * @throws InvalidArgumentError if there are more than six in all, or a value is not text or numbers
   */
  storeAttributes(attributes: Readonly<Record<string, AttributeValue>>): Promise<void> {
    return this.#enqueue("storeAttributes", async () => {
      const all = new Map([...this.#attributes, ...toAttributes(attributes)]);
      if (all.size > 6)
        throw new InvalidArgumentError(`\`storeAttributes\`: ${all.size} attributes; up to 6 can be stored.`);
      this.#attributes = all;
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
      await this.#flushStaged();
      if (this.rows !== undefined && !options.allowFewer && this.rowsWritten + this.rowsSkipped !== this.rows) {
        throw new ShapeMismatchError(
          `Closing "${this.path}": ${this.rows} rows were announced, ${this.rowsWritten} were added and ${this.rowsSkipped} skipped. Add the rest, call \`skip\` for rows that will not come, or pass \`allowFewer: true\`.`,
          { expected: [this.rows], received: [this.rowsWritten] },
        );
      }
      await this.#finalize();
      this.#state = "closed";
    });
  }

  /** Gives up: removes the unfinished file and what belongs to it. Safe to call twice. */
  async abort(): Promise<void> {
    if (this.#state === "aborted") return;
    await this.#enqueue("abort", async () => {
      this.#state = "aborted";
      await this.#file.discard();
    });
  }

  /** Without `close` before: writes the buffer and leaves the unfinished file, which `resume: true` continues. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== "open") return;
    await this.#enqueue("dispose", async () => {
      this.#state = "released";
      try {
        await this.#flushStaged();
      } finally {
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

  #checkColumn(column: "labels" | "names", before: boolean | undefined, now: boolean): void {
    if (before === undefined || before === now) return;
    throw new InvalidArgumentError(
      `\`add\` was called ${now ? "with" : "without"} ${column}, but the rows before came ${before ? "with" : "without"}. Either all rows have ${column}, or none.`,
    );
  }

  async #flushStaged(): Promise<void> {
    const { rows, labels, names, skipped } = this.#staged;
    if (rows === 0 && skipped === 0) return;
    await this.#commit(
      this.#staging.subarray(0, rows * this.#rowBytes),
      rows,
      this.#hasLabels ? Int32Array.from(labels) : undefined,
      this.#hasNames ? names : undefined,
      skipped,
    );
    this.#staged = empty();
  }

  /** Rows first, then the journal's entry that makes them count; nothing is remembered until both are in the file. */
  async #commit(
    bytes: Uint8Array,
    rows: number,
    labels: Int32Array | undefined,
    names: readonly string[] | undefined,
    skipped: number,
  ): Promise<void> {
    const total = this.#committed + rows;
    const writing = this.#file.write(this.#dataPosition + this.#committed * this.#rowBytes, bytes);
    // While the system writes. A failure is waited for below.
    writing.catch(() => undefined);
    const checksum = crc32(bytes, this.#checksum);
    await writing;
    if (this.#power) await this.#file.sync();
    await this.#file.append(encodeJournalEntry({ rows, skipped, checksum, labels, names }));
    if (this.#power) await this.#file.sync();
    this.#committed = total;
    this.#committedSkips += skipped;
    this.#checksum = checksum;
    // The rows are safe. What others see of them comes with the next ones too, so a failure here fails nothing.
    await this.#showProgress().catch(() => undefined);
  }

  /** Lets other readers see how far the unfinished file is. In this order it is valid after each single write. */
  async #showProgress(): Promise<void> {
    const places = this.#head.datasets.get(this.#dataKey);
    const bytes = this.#committed * this.#rowBytes;
    if (this.rows === undefined && places && bytes > 0) {
      await this.#file.write(this.#head.endOfFileAt, uint64(this.#dataPosition + bytes));
      await this.#file.write(places.bytesAt, uint64(bytes));
      await this.#file.write(places.rowsAt, uint64(this.#committed));
      await this.#file.write(places.addressAt, uint64(this.#dataPosition));
    }
    await this.#file.write(this.#head.attributes.get("rows_written") as number, uint64(this.#committed));
  }

  async #begin(): Promise<void> {
    for await (const entry of this.#file.entries()) {
      this.#committed += entry.rows;
      this.#committedSkips += entry.skipped;
      this.#checksum = entry.checksum;
      if (entry.rows > 0) {
        this.#hasLabels = entry.labels !== undefined;
        this.#hasNames = entry.names !== undefined;
      }
      for (const label of entry.labels ?? []) this.#greatestLabel = Math.max(this.#greatestLabel, label);
    }
    const end = this.#dataPosition + this.#committed * this.#rowBytes;
    if (this.#committed > 0 && this.#file.size < end) {
      throw new FileAccessError(
        `Cannot resume "${this.path}": its journal tells of ${this.#committed} rows, but "${this.path}.partial" is too short for them. Pass \`overwrite: true\` to start anew.`,
        { path: this.path, reason: "missing" },
      );
    }
    // Reserves nothing on the disk, but makes every later state of the file as long as its head says.
    const size = this.#dataPosition + Math.max(this.rows ?? 0, this.#committed) * this.#rowBytes;
    await this.#file.truncate(size);
    await this.#file.write(0, this.#head.bytes);
    if (this.#committed > 0) await this.#showProgress();
  }

  async #compress(level: number): Promise<CompressedRows> {
    await this.#file.replace();
    return writeCompressedRows(this.#file, {
      rows: this.#committed,
      rowBytes: this.#rowBytes,
      rank: 1 + this.rowShape.length,
      from: this.#dataPosition,
      to: this.#dataPosition,
      level,
    });
  }

  async #finalize(): Promise<void> {
    const rows = this.#committed;
    const data = this.#gzip === undefined ? undefined : await this.#compress(this.#gzip);
    const columns = createColumnWriter(this.#file, data?.end ?? this.#dataPosition + rows * this.#rowBytes);
    const addLabels = this.#hasLabels ? columns.numbers(this.#labelKey, rows) : undefined;
    const addClasses =
      this.#classLabels.length > 0 ? columns.strings("label_names", this.#classLabels.length) : undefined;
    const addNames = this.#hasNames ? columns.strings("file_names", rows) : undefined;
    await addClasses?.(this.#classLabels);
    for await (const entry of this.#file.entries()) {
      if (entry.labels) await addLabels?.(entry.labels);
      if (entry.names) await addNames?.(entry.names);
    }
    const datasets: HeadDataset[] = [
      {
        name: this.#dataKey,
        dtype: this.dtype,
        shape: [rows, ...this.rowShape],
        position: data?.tree ?? this.#dataPosition,
        ...(data && this.#gzip !== undefined ? { compressed: { chunkRows: data.chunkRows, level: this.#gzip } } : {}),
        attributes: new Map([["crc32", { dtype: "uint32", shape: [], data: Uint32Array.of(this.#checksum) }]]),
      },
      ...(await columns.finish()),
    ];
    const head = buildHead({
      datasets,
      attributes: rootAttributes(this.#attributes, rows, true),
      endOfFile: columns.end,
    });
    if (head.bytes.length > this.#dataPosition) {
      throw new InvalidArgumentError(
        `Closing "${this.path}": the attributes stored since \`create\` take more than the ${slackBytes} bytes that were kept free for them. Pass long ones to \`create\`.`,
      );
    }
    await this.#file.write(0, head.bytes);
    // Fewer rows than announced leave room behind them. Until now the old head has told of it.
    await this.#file.truncate(columns.end);
    await this.#file.complete();
  }
}

function checkCompression(compression: { readonly gzip: number } | undefined): number | undefined {
  if (compression === undefined) return undefined;
  const { gzip } = compression;
  if (Number.isInteger(gzip) && gzip >= 1 && gzip <= 9) return gzip;
  throw new InvalidArgumentError(`\`compression\` must be \`{ gzip: 1 }\` to \`{ gzip: 9 }\`, received level ${gzip}.`);
}

function checkSkipped(count: number): void {
  if (!Number.isInteger(count) || count < 0) {
    throw new InvalidArgumentError(`The number of skipped rows must be a whole number, received ${count}.`);
  }
}

/** What belongs to the rows in the buffer. */
interface StagedRows {
  readonly rows: number;
  readonly labels: readonly number[];
  readonly names: readonly string[];
  readonly skipped: number;
}

function empty(): StagedRows {
  return { rows: 0, labels: [], names: [], skipped: 0 };
}

interface ResolvedOptions {
  readonly rows: number | undefined;
  readonly rowShape: Shape;
  readonly rowBytes: number;
  readonly dtype: RowDType;
  readonly dataKey: string;
  readonly labelKey: string;
  readonly classLabels: readonly string[];
  readonly bufferSize: number;
  readonly durability: "process" | "power";
  readonly gzip: number | undefined;
  readonly attributes: ReadonlyMap<string, HDF5Attribute>;
  readonly plainAttributes: Readonly<Record<string, AttributeValue>>;
}

const dtypes: readonly string[] = ["uint8", "int32", "int64", "float16", "float32", "float64"];

function resolveOptions(options: HDF5DatasetWriterOptions): ResolvedOptions {
  const { rows, rowShape, dtype = "float32", dataKey = "features", labelKey = "labels" } = options;
  const { classLabels = [], durability = "process", attributes = {} } = options;
  if (rows !== undefined && (!Number.isSafeInteger(rows) || rows < 0)) {
    throw new InvalidArgumentError(`\`rows\` must be a whole number, or left out; received ${rows}.`);
  }
  if (!Array.isArray(rowShape) || rowShape.some((axis) => !Number.isSafeInteger(axis) || axis < 1)) {
    throw new InvalidArgumentError(`\`rowShape\` must be a list of sizes of at least 1, received [${rowShape}].`);
  }
  if (!dtypes.includes(dtype)) {
    throw new InvalidArgumentError(`\`dtype\` must be one of ${dtypes.join(", ")}; received "${dtype}".`);
  }
  for (const [option, key] of Object.entries({ dataKey, labelKey })) {
    if (key === "" || key === "." || /[\0/]/u.test(key) || ["label_names", "file_names"].includes(key)) {
      throw new InvalidArgumentError(`\`${option}\`: "${key}" cannot name a dataset in the root of the file.`);
    }
  }
  if (dataKey === labelKey) throw new InvalidArgumentError(`\`dataKey\` and \`labelKey\` are both "${dataKey}".`);
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
    labelKey,
    classLabels: [...classLabels],
    bufferSize,
    durability,
    gzip: checkCompression(options.compression),
    attributes: toAttributes(attributes),
    plainAttributes: attributes,
  };
}

/** What must be the same for a run to continue another. */
function describe(options: ResolvedOptions): Readonly<Record<string, unknown>> {
  const { rows = null, rowShape, dtype, dataKey, labelKey, classLabels, plainAttributes } = options;
  const attributes = Object.fromEntries(
    Object.entries(plainAttributes).map(([name, value]) => [`attributes.${name}`, value]),
  );
  return { format: 1, rows, rowShape, dtype, dataKey, labelKey, classLabels, ...attributes };
}

function rootAttributes(
  attributes: ReadonlyMap<string, HDF5Attribute>,
  rows: number,
  complete: boolean,
): ReadonlyMap<string, HDF5Attribute> {
  return new Map<string, HDF5Attribute>([
    ["complete", { dtype: "uint8", shape: [], data: Uint8Array.of(complete ? 1 : 0) }],
    ["rows_written", { dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(rows)) }],
    ...attributes,
  ]);
}

/** The head while rows come, and where they begin: behind the room that the final head may need. */
function layOut(options: ResolvedOptions): { readonly head: Head; readonly dataPosition: number } {
  const { rows = 0, rowShape, rowBytes, dtype, dataKey, labelKey, attributes } = options;
  const build = (position: number, columns: readonly HeadDataset[]) =>
    buildHead({
      datasets: [{ name: dataKey, dtype, shape: [rows, ...rowShape], position }, ...columns],
      attributes: rootAttributes(attributes, 0, false),
      endOfFile: position + rows * rowBytes,
    });
  const largest = build(pageBytes, [
    { name: labelKey, dtype: "int32", shape: [1], position: 0 },
    { name: "label_names", dtype: "string", shape: [1], position: 0 },
    { name: "file_names", dtype: "string", shape: [1], position: 0 },
  ]);
  const dataPosition = Math.ceil((largest.bytes.length + slackBytes) / pageBytes) * pageBytes;
  return { head: build(dataPosition, []), dataPosition };
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}
