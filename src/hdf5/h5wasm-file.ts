import { ClosedError, InvalidDatasetError, isCnnTransferError, UnsupportedError } from "../errors.js";
import { type Shape, sizeOf } from "../ndarray.js";
import { checkDatasetKind } from "./check-dataset-kind.js";
import { sortByCodePoint } from "./code-point-order.js";
import type { HDF5Attribute, HDF5DType, HDF5Entry, HDF5File } from "./engine.js";
import type { H5wasm, H5wasmMetadata } from "./h5wasm-module.js";
import { allocateNumbers, copyNumbers, decodeStrings, dtypeOf, type NumericDType } from "./h5wasm-values.js";
import { normalizePath, type RowRange, resolveRows } from "./row-range.js";
import { ndArray } from "./typed-array.js";

/** The WebAssembly heap never shrinks, so large reads pass through it in blocks of about this size. */
const blockBytes = 32 * 1024 * 1024;

/**
 * An open file of h5wasm as the seam wants it. Goes past h5wasm's own classes to the functions below them, which return
 * the status of every read: the classes drop it and hand out uninitialised memory when a read has failed.
 *
 * @param file libhdf5's handle, known to be valid
 * @param name what to call the file in errors
 * @param release frees what `open` has made beside the handle
 * @param openOwn opens the same file with the library's own reader
 */
export function createH5wasmFile(
  h5wasm: H5wasm,
  file: bigint,
  name: string,
  release: () => void,
  openOwn: () => Promise<HDF5File>,
): HDF5File {
  const { module } = h5wasm;
  let closed = false;
  let own: Promise<HDF5File | undefined> | undefined;

  /**
   * Variable-length strings through the own reader, where it knows how they are stored: libhdf5 2.0.0 never comes back
   * from a damaged table of strings, and nothing could stop it. `undefined` where only libhdf5 can read them.
   */
  async function attemptOwn<T>(action: (reader: HDF5File) => Promise<T>): Promise<T | undefined> {
    own ??= openOwn().catch(() => undefined);
    const reader = await own;
    checkOpen("reading");
    try {
      return reader && (await action(reader));
    } catch (error) {
      if (isCnnTransferError(error, "UnsupportedError")) return undefined;
      throw error;
    }
  }

  function checkOpen(doing: string): void {
    if (closed) throw new ClosedError(`"${name}" is closed: ${doing} came after \`close\`.`);
  }

  /** libhdf5 reports through a status or, for some names, by throwing; both become one error. */
  function call<T>(doing: string, action: () => T): T {
    try {
      return action();
    } catch (cause) {
      const diagnosis = h5wasm.takeDiagnosis();
      throw new InvalidDatasetError(name, `Cannot ${doing} in "${name}": ${diagnosis ?? String(cause)}.`, { cause });
    }
  }

  /**
   * What is at a path, -1 for nothing. Asked about a path that leads through a dataset, libhdf5 answers at random, so
   * each group on the way is asked about first.
   */
  function typeAt(path: string): number {
    try {
      for (let end = path.indexOf("/", 1); end > 0; end = path.indexOf("/", end + 1)) {
        if (module.get_type(file, path.slice(0, end)) !== module.H5G_GROUP) return -1;
      }
      return module.get_type(file, path);
    } finally {
      h5wasm.takeDiagnosis();
    }
  }

  /** Loads what the filters of a dataset need; after it the file may be closed. */
  async function addPlugins(path: string): Promise<void> {
    const filters = call(`read the filters of "${path}"`, () => module.get_dataset_filters(file, path));
    for (const { id } of filters) {
      try {
        await h5wasm.addPlugin(id);
      } catch (error) {
        if (!isCnnTransferError(error, "UnsupportedError")) throw error;
        throw new UnsupportedError(`Cannot read "${path}" in "${name}": ${error.message}`, { cause: error });
      }
    }
    checkOpen(`reading "${path}"`);
  }

  function metadataOf(path: string, wanted: "numbers" | "strings"): H5wasmMetadata & { readonly dtype: HDF5DType } {
    checkOpen(`reading "${path}"`);
    if (typeAt(path) !== module.H5G_DATASET) {
      throw new InvalidDatasetError(name, `Reading "${path}" in "${name}": there is no such dataset.`);
    }
    const metadata = call(`read the description of "${path}"`, () => module.get_dataset_metadata(file, path));
    const dtype = dtypeOf(metadata);
    checkDatasetKind(name, path, dtype, wanted);
    if (metadata.virtual_sources) {
      throw new UnsupportedError(
        `"${path}" in "${name}" is a virtual dataset: rows whose source file is missing would read as zeros. Copy it into one file, for example with h5repack.`,
      );
    }
    return { ...metadata, dtype };
  }

  /** Reads rows into the heap and gives them to `use`; the pointer is valid only during the call. */
  function withRows(
    path: string,
    metadata: H5wasmMetadata,
    rows: RowRange,
    use: (pointer: number, count: bigint[]) => void,
  ): void {
    const shape = metadata.shape ?? [0];
    const count = shape.map((axis, i) => BigInt(i === 0 ? rows.end - rows.start : axis));
    const bytes = metadata.size * Number(count.reduce((product, axis) => product * axis, 1n));
    const pointer = module._malloc(Math.max(bytes, 8));
    if (pointer === 0) {
      throw new InvalidDatasetError(
        name,
        `Reading "${path}" in "${name}": ${bytes} bytes do not fit into WebAssembly memory. Read fewer rows at once.`,
      );
    }
    try {
      const offset = shape.map((_, i) => (i === 0 ? BigInt(rows.start) : 0n));
      const strides = shape.map(() => 1n);
      const scalar = shape.length === 0;
      const status = call(`read "${path}"`, () =>
        module.get_dataset_data(
          file,
          path,
          scalar ? null : count,
          scalar ? null : offset,
          scalar ? null : strides,
          BigInt(pointer),
        ),
      );
      if (status < 0) throw readError(path, rows);
      use(pointer, count);
    } finally {
      module._free(pointer);
    }
  }

  function readError(path: string, rows: RowRange): InvalidDatasetError {
    const diagnosis = h5wasm.takeDiagnosis() ?? "libhdf5 gave no reason";
    const filters = call(`read the filters of "${path}"`, () => module.get_dataset_filters(file, path));
    const list = filters.map((filter) => `${filter.name || "filter"} (${filter.id})`).join(", ");
    return new InvalidDatasetError(
      name,
      `Cannot read rows ${rows.start} to ${rows.end} of "${path}" in "${name}": ${diagnosis}. ${list ? `It is stored through the filters ${list}; one that h5wasm lacks can be removed with h5repack.` : "The file may be damaged or cut short."}`,
    );
  }

  function blocks(metadata: H5wasmMetadata, rows: RowRange): RowRange[] {
    const [, ...row] = metadata.shape ?? [];
    const rowBytes = Math.max(1, sizeOf(row) * metadata.size);
    const chunkRows = metadata.chunks?.[0] ?? 1;
    const blockRows = Math.max(1, Math.ceil(Math.floor(blockBytes / rowBytes) / chunkRows)) * chunkRows;
    const list: RowRange[] = [];
    // Blocks end where chunks end, so that no chunk is decoded twice.
    for (let start = rows.start; start < rows.end; ) {
      const end = Math.min(rows.end, (Math.floor(start / blockRows) + 1) * blockRows);
      list.push({ start, end });
      start = end;
    }
    return list;
  }

  function resultShape(metadata: H5wasmMetadata, rows: RowRange): Shape {
    if (metadata.shape === null) return [0];
    return metadata.shape.map((axis, i) => (i === 0 ? rows.end - rows.start : axis));
  }

  return {
    async list(path) {
      checkOpen("`list`");
      const target = normalizePath(path);
      const type = typeAt(target);
      if (type === module.H5G_DATASET) return [];
      if (type !== module.H5G_GROUP) {
        throw new InvalidDatasetError(name, `Listing "${path}" in "${name}": there is no such group.`);
      }
      return sortByCodePoint(call(`list "${path}"`, () => module.get_names(file, target, false)));
    },

    async stat(path) {
      checkOpen("`stat`");
      const target = normalizePath(path);
      const type = call(`look up "${path}"`, () => typeAt(target));
      if (type === module.H5G_GROUP) return { kind: "group" };
      if (type !== module.H5G_DATASET) return undefined;
      const metadata = call(`read the description of "${path}"`, () => module.get_dataset_metadata(file, target));
      return { kind: "dataset", shape: metadata.shape ?? [0], dtype: dtypeOf(metadata) } satisfies HDF5Entry;
    },

    async chunkRows(path) {
      checkOpen("`chunkRows`");
      const target = normalizePath(path);
      if (typeAt(target) !== module.H5G_DATASET) return undefined;
      return call(`read the description of "${path}"`, () => module.get_dataset_metadata(file, target)).chunks?.[0];
    },

    async read(path, range) {
      const target = normalizePath(path);
      const metadata = metadataOf(target, "numbers");
      const dtype = metadata.dtype as NumericDType;
      const rows = resolveRows(name, target, metadata.shape ?? [0], range);
      const shape = resultShape(metadata, rows);
      const result = allocateNumbers(dtype, shape, name, target);
      if (metadata.shape === null || result.data.length === 0) return result;
      await addPlugins(target);
      const rowLength = metadata.shape.length === 0 ? 1 : sizeOf(metadata.shape.slice(1));
      for (const block of blocks(metadata, rows)) {
        const first = (block.start - rows.start) * rowLength;
        const length = (block.end - block.start) * rowLength;
        const part = ndArray(result.dtype, [length], result.data.subarray(first, first + length) as never);
        withRows(target, metadata, block, (pointer) => copyNumbers(module.HEAPU8, pointer, dtype, part));
      }
      return result;
    },

    async readStrings(path, range) {
      const target = normalizePath(path);
      const metadata = metadataOf(target, "strings");
      const rows = resolveRows(name, target, metadata.shape ?? [0], range);
      const length = sizeOf(resultShape(metadata, rows));
      if (metadata.shape === null || length === 0) return [];
      const found = metadata.vlen ? await attemptOwn((reader) => reader.readStrings(target, range)) : undefined;
      if (found) return found;
      await addPlugins(target);
      let strings: string[] = [];
      withRows(target, metadata, rows, (pointer, count) => {
        try {
          strings = decodeStrings(module.HEAPU8, pointer, length, metadata, name, `"${target}"`);
        } finally {
          if (metadata.vlen) module.reclaim_vlen_memory_count(file, target, "", BigInt(pointer), count);
        }
      });
      return strings;
    },

    async attributes(path) {
      checkOpen("`attributes`");
      const target = normalizePath(path);
      return sortByCodePoint(call(`list the attributes of "${path}"`, () => module.get_attribute_names(file, target)));
    },

    async attribute(path, attribute) {
      checkOpen("`attribute`");
      const target = normalizePath(path);
      const what = `attribute "${attribute}" of "${path}"`;
      const names = call(`list the attributes of "${path}"`, () => module.get_attribute_names(file, target));
      if (!names.includes(attribute)) return undefined;
      const metadata = call(`read ${what}`, () => module.get_attribute_metadata(file, target, attribute));
      const dtype = dtypeOf(metadata);
      if (dtype === "other") {
        throw new UnsupportedError(`The ${what} in "${name}" is neither a number nor a string; no engine reads it.`);
      }
      const shape = metadata.shape ?? [0];
      const length = metadata.shape === null ? 0 : sizeOf(shape);
      if (length === 0) {
        return dtype === "string" ? { dtype, shape, data: [] } : allocateNumbers(dtype, shape, name, what);
      }
      const found = metadata.vlen ? await attemptOwn((reader) => reader.attribute(target, attribute)) : undefined;
      if (found) return found;
      const pointer = module._malloc(Math.max(8, length * metadata.size));
      if (pointer === 0) throw new InvalidDatasetError(name, `Reading the ${what} in "${name}": it is too large.`);
      try {
        const status = call(`read ${what}`, () => module.get_attribute_data(file, target, attribute, BigInt(pointer)));
        if (status < 0) {
          throw new InvalidDatasetError(name, `Cannot read the ${what} in "${name}": ${h5wasm.takeDiagnosis()}.`);
        }
        if (dtype !== "string") {
          const result = allocateNumbers(dtype, shape, name, what);
          copyNumbers(module.HEAPU8, pointer, dtype, result);
          return result;
        }
        try {
          return {
            dtype,
            shape,
            data: decodeStrings(module.HEAPU8, pointer, length, metadata, name, what),
          } satisfies HDF5Attribute;
        } finally {
          if (metadata.vlen) module.reclaim_vlen_memory(file, target, attribute, BigInt(pointer));
        }
      } finally {
        module._free(pointer);
      }
    },

    async close() {
      if (closed) return;
      closed = true;
      await (await own)?.close();
      const status = module.close_file(file);
      release();
      if (status < 0) throw new InvalidDatasetError(name, `Closing "${name}" failed: ${h5wasm.takeDiagnosis()}.`);
    },
  };
}
