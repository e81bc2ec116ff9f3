import { InvalidDatasetError, isCnnTransferError, UnsupportedError } from "../errors.js";
import { type Shape, sizeOf } from "../ndarray.js";
import { checkDatasetKind } from "./check-dataset-kind.js";
import type { HDF5DType } from "./engine.js";
import type { H5wasmHandle } from "./h5wasm-handle.js";
import type { H5wasmMetadata } from "./h5wasm-module.js";
import { dtypeOf } from "./h5wasm-values.js";
import type { RowRange } from "./row-range.js";

/** The WebAssembly heap never shrinks, so large reads pass through it in blocks of about this size. */
const blockBytes = 32 * 1024 * 1024;

/** A dataset of an open file of h5wasm, whose rows come through the WebAssembly heap. */
export class H5wasmDataset {
  readonly metadata: H5wasmMetadata;
  readonly dtype: HDF5DType;
  readonly #handle: H5wasmHandle;
  readonly #path: string;

  /**
   * @throws InvalidDatasetError if there is no such dataset, or it is of another kind
   * @throws UnsupportedError if it is a virtual one
   * @throws ClosedError if the file is closed
   */
  constructor(handle: H5wasmHandle, path: string, wanted: "numbers" | "strings") {
    const { name, module } = handle;
    handle.checkOpen(`reading "${path}"`);
    if (handle.typeAt(path) !== module.H5G_DATASET) {
      throw new InvalidDatasetError(name, `Reading "${path}" in "${name}": there is no such dataset.`);
    }
    this.#handle = handle;
    this.#path = path;
    this.metadata = readMetadata(handle, path);
    this.dtype = dtypeOf(this.metadata);
    checkDatasetKind(name, path, this.dtype, wanted);
    if (this.metadata.virtual_sources) {
      throw new UnsupportedError(
        `"${path}" in "${name}" is a virtual dataset: rows whose source file is missing would read as zeros. Copy it into one file, for example with h5repack.`,
      );
    }
  }

  /** Shape of some of its rows. */
  shapeOf(rows: RowRange): Shape {
    if (this.metadata.shape === null) return [0];
    return this.metadata.shape.map((axis, i) => (i === 0 ? rows.end - rows.start : axis));
  }

  /** Loads what its filters need; after it the file may be closed. @throws UnsupportedError if that is not installed */
  async addPlugins(): Promise<void> {
    const { name, h5wasm } = this.#handle;
    for (const { id } of this.#filters()) {
      try {
        await h5wasm.addPlugin(id);
      } catch (error) {
        if (!isCnnTransferError(error, "UnsupportedError")) throw error;
        throw new UnsupportedError(`Cannot read "${this.#path}" in "${name}": ${error.message}`, { cause: error });
      }
    }
    this.#handle.checkOpen(`reading "${this.#path}"`);
  }

  /** Rows in parts that fit into the heap. They end where chunks end, so that no chunk is decoded twice. */
  blocks(rows: RowRange): readonly RowRange[] {
    const { shape, size, chunks } = this.metadata;
    const [, ...row] = shape ?? [];
    const rowBytes = Math.max(1, sizeOf(row) * size);
    const chunkRows = chunks?.[0] ?? 1;
    const blockRows = Math.max(1, Math.ceil(Math.floor(blockBytes / rowBytes) / chunkRows)) * chunkRows;
    const list: RowRange[] = [];
    for (let start = rows.start; start < rows.end; ) {
      const end = Math.min(rows.end, (Math.floor(start / blockRows) + 1) * blockRows);
      list.push({ start, end });
      start = end;
    }
    return list;
  }

  /** Reads rows into the heap and gives them to `use`; the pointer is valid only during the call. */
  withRows(rows: RowRange, use: (pointer: number, count: bigint[]) => void): void {
    const { name } = this.#handle;
    const path = this.#path;
    const shape = this.metadata.shape ?? [0];
    const count = shape.map((axis, i) => BigInt(i === 0 ? rows.end - rows.start : axis));
    const bytes = this.metadata.size * Number(count.reduce((product, axis) => product * axis, 1n));
    const refusal = () =>
      new InvalidDatasetError(
        name,
        `Reading "${path}" in "${name}": ${bytes} bytes do not fit into WebAssembly memory. Read fewer rows at once.`,
      );
    this.#handle.withMemory(bytes, refusal, (pointer) => {
      const offset = shape.map((_, i) => (i === 0 ? BigInt(rows.start) : 0n));
      const strides = shape.map(() => 1n);
      const [counts, offsets, steps] = shape.length === 0 ? [null, null, null] : [count, offset, strides];
      const status = this.#handle.call(`read "${path}"`, (module, file) =>
        module.get_dataset_data(file, path, counts, offsets, steps, BigInt(pointer)),
      );
      if (status < 0) throw this.#readError(rows);
      use(pointer, count);
    });
  }

  #filters() {
    const path = this.#path;
    return this.#handle.call(`read the filters of "${path}"`, (module, file) => module.get_dataset_filters(file, path));
  }

  #readError(rows: RowRange): InvalidDatasetError {
    const { name, h5wasm } = this.#handle;
    const diagnosis = h5wasm.takeDiagnosis() ?? "libhdf5 gave no reason";
    const list = this.#filters()
      .map((filter) => `${filter.name || "filter"} (${filter.id})`)
      .join(", ");
    return new InvalidDatasetError(
      name,
      `Cannot read rows ${rows.start} to ${rows.end} of "${this.#path}" in "${name}": ${diagnosis}. ${list ? `It is stored through the filters ${list}; one that h5wasm lacks can be removed with h5repack.` : "The file may be damaged or cut short."}`,
    );
  }
}

/** What libhdf5 tells of a dataset, which must be there. */
export function readMetadata(handle: H5wasmHandle, path: string): H5wasmMetadata {
  return handle.call(`read the description of "${path}"`, (module, file) => module.get_dataset_metadata(file, path));
}
