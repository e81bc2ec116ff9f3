import { InvalidArgumentError } from "../errors.js";
import type { DType, NdArray } from "../ndarray.js";
import { describeValue } from "../options/check-option.js";
import { float16ToFloat32, float32ToFloat16 } from "./float16.js";
import { typedArrays } from "./typed-array.js";

/** Element types in which rows can be stored. */
export type RowDType = "uint8" | "int32" | "int64" | "float16" | "float32" | "float64";

const integerRanges = {
  uint8: [0, 255],
  int32: [-2147483648, 2147483647],
  int64: [-(2 ** 63), 2 ** 63 - 1024],
} as const;

/** Conversions in which every value stays what it is, so that nothing needs to be looked at. */
const exact: Readonly<Record<RowDType, readonly DType[]>> = {
  uint8: ["uint8"],
  int32: ["int32", "int8", "uint8", "int16", "uint16"],
  int64: ["int64"],
  float16: [],
  float32: ["float32", "int8", "uint8", "int16", "uint16"],
  float64: ["float64", "float32", "int8", "uint8", "int16", "uint16", "int32", "uint32"],
};

/**
 * The bytes of `array` as `dtype`, little-endian. Not copied if the type is the same already.
 * Floating-point numbers may be rounded to a shorter type; everything else that would change a value is an error.
 *
 * @throws InvalidArgumentError naming the first value that does not fit, or if the data are not of the type they are said
 *   to be of
 */
export function convertRows(array: NdArray, dtype: RowDType, what: string): Uint8Array {
  checkData(array, what);
  if (array.dtype === dtype) return bytesOf(array.data);
  const data = array.data as ArrayLike<number | bigint>;
  if (dtype === "float16") return toFloat16(array, data, what);
  if (exact[dtype].includes(array.dtype)) return bytesOf(new typedArrays[dtype](data as never) as NdArray["data"]);
  if (dtype === "float32" || dtype === "float64") {
    const converted = new typedArrays[dtype](data.length);
    const floats = array.dtype === "float64";
    for (let i = 0; i < data.length; i++) {
      const value = Number(data[i]);
      converted[i] = value;
      // Rounding is what a shorter float does; a finite number that becomes infinite, or an altered integer, is a loss.
      if (
        floats
          ? Number.isFinite(value) && !Number.isFinite(converted[i])
          : BigInt(converted[i] as number) !== BigInt(data[i] as number | bigint)
      ) {
        throw lost(what, i, data[i], dtype);
      }
    }
    return bytesOf(converted);
  }
  const [least, greatest] = integerRanges[dtype];
  const converted = new typedArrays[dtype](data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number | bigint;
    if ((typeof value === "number" && !Number.isInteger(value)) || value < least || value > greatest) {
      throw lost(what, i, value, dtype);
    }
    (converted as Record<number, number | bigint>)[i] = dtype === "int64" ? BigInt(value) : Number(value);
  }
  return bytesOf(converted);
}

/** Bytes taken for those of another type would be other numbers, and not as many. */
function checkData({ dtype, data }: NdArray, what: string): void {
  const expected = Object.hasOwn(typedArrays, dtype) ? typedArrays[dtype].name : undefined;
  if (expected === undefined) {
    throw new InvalidArgumentError(
      `${what}: \`dtype\` is ${describeValue(dtype)}; expected one of ${Object.keys(typedArrays).join(", ")}.`,
    );
  }
  // By name, as arrays may come from another realm. What a canvas gives are bytes like any.
  const kind = ArrayBuffer.isView(data) ? (data as { readonly [Symbol.toStringTag]?: string })[Symbol.toStringTag] : "";
  if (kind === expected || (dtype === "uint8" && (kind as string) === "Uint8ClampedArray")) return;
  throw new InvalidArgumentError(
    `${what}: with \`dtype\` "${dtype}" the \`data\` must be a ${expected}; received ${kind || describeValue(data)}.`,
  );
}

function toFloat16(array: NdArray, data: ArrayLike<number | bigint>, what: string): Uint8Array {
  const floats = array.dtype === "float32" ? array.data : Float32Array.from(data as ArrayLike<number>, Number);
  const halves = float32ToFloat16(floats);
  for (let i = 0; i < halves.length; i++) {
    if (((halves[i] as number) & 0x7fff) === 0x7c00 && Number.isFinite(Number(data[i]))) {
      throw lost(what, i, data[i], "float16");
    }
  }
  if (array.dtype !== "float32" && array.dtype !== "float64") {
    const back = float16ToFloat32(halves);
    for (let i = 0; i < back.length; i++) {
      if (BigInt(back[i] as number) !== BigInt(data[i] as number | bigint)) throw lost(what, i, data[i], "float16");
    }
  }
  return bytesOf(halves);
}

function bytesOf(data: NdArray["data"]): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function lost(what: string, index: number, value: unknown, dtype: RowDType): InvalidArgumentError {
  return new InvalidArgumentError(
    `${what}: value ${String(value)} at position ${index} does not fit into ${dtype}. Choose another \`dtype\`, or scale and round the values first.`,
  );
}
