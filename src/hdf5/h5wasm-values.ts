import { InvalidDatasetError } from "../errors.js";
import { type NdArray, type Shape, sizeOf } from "../ndarray.js";
import type { HDF5DType } from "./engine.js";
import { float16ToFloat32 } from "./float16.js";
import type { H5wasmMetadata } from "./h5wasm-module.js";
import { ndArray, numericDType, typedArrays } from "./typed-array.js";

/** Classes of datatypes, as libhdf5 numbers them. */
const classInteger = 0;
const classFloat = 1;
const classString = 3;
const classEnum = 8;
/** How libhdf5 numbers fixed strings that are filled up with spaces. */
const spacePadded = 2;

/** Element types of numbers. */
export type NumericDType = Exclude<HDF5DType, "string" | "other">;

/** The element type of what h5wasm describes. */
export function dtypeOf(metadata: H5wasmMetadata): HDF5DType {
  if (metadata.type === classString) return "string";
  if (metadata.type === classFloat) return numericDType("float", metadata.size) ?? "other";
  if (metadata.type === classInteger || (metadata.type === classEnum && metadata.enum_type?.type === classInteger)) {
    return numericDType(metadata.signed ? "signed" : "unsigned", metadata.size) ?? "other";
  }
  return "other";
}

/**
 * Memory for numbers that are to be read; float16 comes as float32.
 *
 * @param what what is read, for errors
 * @throws InvalidDatasetError if there is not so much memory
 */
export function allocateNumbers(dtype: NumericDType, shape: Shape, file: string, what: string): NdArray {
  const held = dtype === "float16" ? "float32" : dtype;
  try {
    return ndArray(held, shape, new typedArrays[held](sizeOf(shape)) as never);
  } catch (cause) {
    throw new InvalidDatasetError(
      file,
      `Reading "${what}" in "${file}": an array of shape [${shape.join(", ")}] is too large for memory. Read it by rows.`,
      { cause },
    );
  }
}

/** Copies numbers out of h5wasm's heap. */
export function copyNumbers(heap: Uint8Array, pointer: number, dtype: NumericDType, target: NdArray): void {
  if (dtype === "float16") {
    float16ToFloat32(new Uint16Array(heap.buffer, pointer, target.data.length), target.data as Float32Array);
    return;
  }
  const bytes = new Uint8Array(target.data.buffer, target.data.byteOffset, target.data.byteLength);
  bytes.set(heap.subarray(pointer, pointer + bytes.length));
}

/**
 * Decodes strings in h5wasm's heap: fixed ones in place, others by their pointers.
 *
 * @param what what is read, for errors
 * @throws InvalidDatasetError for a string that is not UTF-8
 */
export function decodeStrings(
  heap: Uint8Array,
  pointer: number,
  length: number,
  metadata: H5wasmMetadata,
  file: string,
  what: string,
): string[] {
  const words = new DataView(heap.buffer);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return Array.from({ length }, (_, i) => {
    let start = pointer + i * metadata.size;
    let end = start + metadata.size;
    if (metadata.vlen) {
      start = words.getUint32(start, true);
      if (start === 0) return "";
      end = heap.indexOf(0, start);
    } else {
      const nul = heap.subarray(start, end).indexOf(0);
      if (nul >= 0) end = start + nul;
      if (metadata.strpad === spacePadded) while (end > start && heap[end - 1] === 32) end--;
    }
    try {
      return decoder.decode(heap.slice(start, end));
    } catch (cause) {
      throw new InvalidDatasetError(file, `Reading ${what} in "${file}": string ${i} is not UTF-8.`, { cause });
    }
  });
}
