import { InvalidDatasetError } from "../errors.js";
import { type NdArray, type Shape, sizeOf } from "../ndarray.js";
import type { ByteRequest } from "./contiguous/byte-source.js";
import type { RowLocation } from "./contiguous/contiguous-file.js";
import type { Datatype } from "./contiguous/datatype.js";
import { allocateFor, decodeNumbers } from "./contiguous/values.js";
import type { HDF5File } from "./engine.js";
import { ndArray, typedArrays } from "./typed-array.js";

/** Reads rows of one dataset in any order. */
export interface RowReader {
  /**
   * Rows `[indices.length, ...rowShape]` in the order of `indices`, in the dataset's own type (float16 as float32).
   *
   * @param buffer to be used for the result where it is of the right type and long enough
   */
  read(indices: Uint32Array, buffer?: NdArray): Promise<NdArray>;
  /** Rows that have to be read for a single one; 1 where that costs nothing more, as all rows stay in memory. */
  readonly blockRows: number;
}

/** Reads rows by position, straight into the result; neighbours in one go. */
export function createLocatedReader(location: RowLocation, what: string): RowReader {
  const { source, position, rowBytes, type, shape } = location;
  const rowShape = shape.slice(1);
  return {
    blockRows: 1,
    async read(indices, buffer) {
      const resultShape = [indices.length, ...rowShape];
      const result = reshape(buffer, type, resultShape) ?? allocateFor(type, resultShape, source.name, what);
      const half = type.dtype === "float16";
      const bytes = half
        ? new Uint8Array(indices.length * rowBytes)
        : new Uint8Array(result.data.buffer, result.data.byteOffset, result.data.byteLength);
      await source.readMany(bytes, requestRows(indices, position, rowBytes));
      if (half || type.bigEndian) decodeNumbers(bytes, type, result);
      return result;
    },
  };
}

/** Neighbours that follow each other are one request. */
function requestRows(indices: Uint32Array, start: number, rowBytes: number): readonly ByteRequest[] {
  const requests: ByteRequest[] = [];
  for (let first = 0; first < indices.length; ) {
    const row = indices[first] as number;
    let rows = 1;
    while (indices[first + rows] === row + rows) rows++;
    requests.push({ position: start + row * rowBytes, offset: first * rowBytes, length: rows * rowBytes });
    first += rows;
  }
  return requests;
}

/** An earlier result as the place of the next, if it fits. */
function reshape(buffer: NdArray | undefined, type: Datatype, shape: Shape): NdArray | undefined {
  const dtype = type.dtype === "float16" ? "float32" : type.dtype;
  const length = sizeOf(shape);
  if (!buffer || buffer.dtype !== dtype || buffer.data.length < length) return undefined;
  return ndArray(buffer.dtype, shape, buffer.data.subarray(0, length) as never);
}

const cacheBytes = 64 * 1024 * 1024;
const blockBytes = 1024 * 1024;

/**
 * Reads rows through an engine, in blocks of neighbours that are kept for a while: engines decode whole chunks for a
 * single row and forget them again.
 */
export async function createEngineReader(
  file: HDF5File,
  path: string,
  shape: Shape,
  bytesPerItem: number,
): Promise<RowReader> {
  const rows = shape[0] ?? 0;
  const rowShape = shape.slice(1);
  const rowLength = sizeOf(rowShape);
  const rowBytes = Math.max(1, rowLength * bytesPerItem);
  const all = rows * rowBytes <= cacheBytes;
  const chunkRows = all ? 1 : ((await file.chunkRows?.(path)) ?? 1);
  const blockRows = wholeChunks(Math.max(1, Math.min(rows, Math.floor(blockBytes / rowBytes))), chunkRows, rowBytes);
  const greatest = Math.max(2, Math.floor(cacheBytes / (blockRows * rowBytes)));
  const blocks = new Map<number, Promise<NdArray>>();

  function block(index: number): Promise<NdArray> {
    const cached = blocks.get(index);
    if (cached) {
      // The latest used is the last to go.
      blocks.delete(index);
      blocks.set(index, cached);
      return cached;
    }
    if (blocks.size >= greatest) blocks.delete(blocks.keys().next().value as number);
    const start = index * blockRows;
    const read = file.read(path, { start, end: Math.min(rows, start + blockRows) });
    blocks.set(index, read);
    read.catch(() => blocks.delete(index));
    return read;
  }

  return {
    blockRows: all ? 1 : blockRows,
    async read(indices) {
      const order = Array.from(indices, (row, at) => ({ row, at })).sort((a, b) => a.row - b.row);
      let result: NdArray | undefined;
      for (const { row, at } of order) {
        const index = Math.floor(row / blockRows);
        const source = await block(index);
        result ??= ndArray(
          source.dtype,
          [indices.length, ...rowShape],
          new typedArrays[source.dtype](indices.length * rowLength) as never,
        );
        const start = (row - index * blockRows) * rowLength;
        result.data.set(source.data.subarray(start, start + rowLength) as never, at * rowLength);
      }
      return result ?? file.read(path, { start: 0, end: 0 });
    },
  };
}

/** Rows of a block that ends where chunks end, unless a chunk is too large to be kept. */
function wholeChunks(blockRows: number, chunkRows: number, rowBytes: number): number {
  const rounded = Math.ceil(blockRows / chunkRows) * chunkRows;
  return rounded * rowBytes <= cacheBytes / 2 ? rounded : blockRows;
}

/**
 * Rows as float32. Floats of 64 bits are rounded; integers must be exact.
 *
 * @throws InvalidDatasetError for an integer that float32 cannot hold
 */
export function rowsAsFloat32(rows: NdArray, file: string, path: string): NdArray<"float32"> {
  if (rows.dtype === "float32") return rows;
  const { dtype, shape, data } = rows;
  if (dtype === "int64" || dtype === "uint64" || dtype === "int32" || dtype === "uint32") {
    const converted = new Float32Array(data.length);
    for (let i = 0; i < data.length; i++) {
      const value = Number(data[i]);
      converted[i] = value;
      if (converted[i] !== value || !Number.isSafeInteger(value)) {
        throw new InvalidDatasetError(
          file,
          `"${path}" in "${file}" holds ${String(data[i])}, which float32 would round. Scale such numbers before writing them.`,
        );
      }
    }
    return { dtype: "float32", shape, data: converted };
  }
  return { dtype: "float32", shape, data: new Float32Array(data) };
}
