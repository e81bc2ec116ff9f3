import type { DType, NdArray, Shape, TypedArrays } from "../ndarray.js";

type TypedArrayConstructors = {
  readonly [D in DType]: {
    readonly BYTES_PER_ELEMENT: number;
    new (length: number): TypedArrays[D];
    new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArrays[D];
  };
};

/** Constructor of the typed array behind each element type. */
export const typedArrays: TypedArrayConstructors = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** Element type by kind and size in bytes, where there is one. */
export function numericDType(kind: "float" | "signed" | "unsigned", size: number): DType | "float16" | undefined {
  if (kind === "float") return size === 2 ? "float16" : size === 4 ? "float32" : size === 8 ? "float64" : undefined;
  const letters = kind === "signed" ? "int" : "uint";
  return size === 1 || size === 2 || size === 4 || size === 8
    ? (`${letters}${size * 8}` as "int8" | "uint8" | "int16" | "uint16" | "int32" | "uint32" | "int64" | "uint64")
    : undefined;
}

/** Bytes of one element. */
export function itemSize(dtype: DType | "float16"): number {
  return dtype === "float16" ? 2 : typedArrays[dtype].BYTES_PER_ELEMENT;
}

/** Puts dtype, shape and data together; the caller vouches that the data are of this dtype. */
export function ndArray<D extends DType>(dtype: D, shape: Shape, data: TypedArrays[D]): NdArray {
  return { dtype, shape, data } as unknown as NdArray;
}
