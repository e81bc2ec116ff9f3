import { InvalidDatasetError, isCnnTransferError } from "../errors.js";
import { sizeOf } from "../ndarray.js";
import { checkText } from "../options/check-option.js";
import { sortByCodePoint } from "./code-point-order.js";
import type { HDF5Entry, HDF5File } from "./engine.js";
import { attributeNames, readAttribute } from "./h5wasm-attribute.js";
import { H5wasmDataset, readMetadata } from "./h5wasm-dataset.js";
import { H5wasmHandle } from "./h5wasm-handle.js";
import type { H5wasm } from "./h5wasm-module.js";
import { allocateNumbers, copyNumbers, decodeStrings, dtypeOf, type NumericDType } from "./h5wasm-values.js";
import { normalizePath, resolveRows } from "./row-range.js";
import { ndArray } from "./typed-array.js";

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
  const handle = new H5wasmHandle(h5wasm, file, name);
  let own: Promise<HDF5File | undefined> | undefined;

  /**
   * Variable-length strings through the own reader, where it knows how they are stored: libhdf5 2.0.0 never comes back
   * from a damaged table of strings, and nothing could stop it. `undefined` where only libhdf5 can read them.
   */
  async function attemptOwn<T>(action: (reader: HDF5File) => Promise<T>): Promise<T | undefined> {
    own ??= openOwn().catch(() => undefined);
    const reader = await own;
    handle.checkOpen("reading");
    try {
      return reader && (await action(reader));
    } catch (error) {
      if (isCnnTransferError(error, "UnsupportedError")) return undefined;
      throw error;
    }
  }

  return {
    async list(path) {
      handle.checkOpen("`list`");
      const target = normalizePath(path);
      const type = handle.typeAt(target);
      if (type === module.H5G_DATASET) return [];
      if (type !== module.H5G_GROUP) {
        throw new InvalidDatasetError(name, `Listing "${path}" in "${name}": there is no such group.`);
      }
      return sortByCodePoint(handle.call(`list "${path}"`, () => module.get_names(file, target, false)));
    },

    async stat(path) {
      handle.checkOpen("`stat`");
      const target = normalizePath(path);
      const type = handle.call(`look up "${path}"`, () => handle.typeAt(target));
      if (type === module.H5G_GROUP) return { kind: "group" };
      if (type !== module.H5G_DATASET) return undefined;
      const metadata = readMetadata(handle, target);
      return { kind: "dataset", shape: metadata.shape ?? [0], dtype: dtypeOf(metadata) } satisfies HDF5Entry;
    },

    async chunkRows(path) {
      handle.checkOpen("`chunkRows`");
      const target = normalizePath(path);
      if (handle.typeAt(target) !== module.H5G_DATASET) return undefined;
      return readMetadata(handle, target).chunks?.[0];
    },

    async read(path, range) {
      const target = normalizePath(path);
      const dataset = new H5wasmDataset(handle, target, "numbers");
      const { shape: whole } = dataset.metadata;
      const dtype = dataset.dtype as NumericDType;
      const rows = resolveRows(name, target, whole ?? [0], range);
      const result = allocateNumbers(dtype, dataset.shapeOf(rows), name, target);
      if (whole === null || result.data.length === 0) return result;
      await dataset.addPlugins();
      const rowLength = whole.length === 0 ? 1 : sizeOf(whole.slice(1));
      for (const block of dataset.blocks(rows)) {
        const first = (block.start - rows.start) * rowLength;
        const length = (block.end - block.start) * rowLength;
        const part = ndArray(result.dtype, [length], result.data.subarray(first, first + length) as never);
        dataset.withRows(block, (pointer) => copyNumbers(module.HEAPU8, pointer, dtype, part));
      }
      return result;
    },

    async readStrings(path, range) {
      const target = normalizePath(path);
      const dataset = new H5wasmDataset(handle, target, "strings");
      const { metadata } = dataset;
      const rows = resolveRows(name, target, metadata.shape ?? [0], range);
      const length = sizeOf(dataset.shapeOf(rows));
      if (metadata.shape === null || length === 0) return [];
      const found = metadata.vlen ? await attemptOwn((reader) => reader.readStrings(target, range)) : undefined;
      if (found) return found;
      await dataset.addPlugins();
      let strings: string[] = [];
      dataset.withRows(rows, (pointer, count) => {
        try {
          strings = decodeStrings(module.HEAPU8, pointer, length, metadata, name, `"${target}"`);
        } finally {
          if (metadata.vlen) module.reclaim_vlen_memory_count(file, target, "", BigInt(pointer), count);
        }
      });
      return strings;
    },

    async attributes(path) {
      handle.checkOpen("`attributes`");
      return sortByCodePoint(attributeNames(handle, normalizePath(path)));
    },

    async attribute(path, attribute) {
      handle.checkOpen("`attribute`");
      checkText("name", attribute, "the name of an attribute");
      const target = normalizePath(path);
      return readAttribute(handle, target, attribute, () =>
        attemptOwn((reader) => reader.attribute(target, attribute)),
      );
    },

    async close() {
      if (handle.isClosed) return;
      handle.refuse();
      await (await own)?.close();
      handle.free(release);
    },
  };
}
