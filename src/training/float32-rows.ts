import type { NdArray } from "../ndarray.js";

/** The same values as float32, rounded to nearest; an array that is float32 already is returned as it is. */
export function toFloat32(array: NdArray): NdArray<"float32"> {
  if (array.dtype === "float32") return array;
  const data = new Float32Array(array.data.length);
  for (let i = 0; i < data.length; i++) data[i] = Number(array.data[i]);
  return { dtype: "float32", shape: array.shape, data };
}

/** Rows `start` (included) to `end` (not included) of an array, without copying. */
export function sliceRows(array: NdArray<"float32">, start: number, end: number): NdArray<"float32"> {
  const [rows = 0, ...row] = array.shape;
  const width = rows === 0 ? 0 : array.data.length / rows;
  return { dtype: "float32", shape: [end - start, ...row], data: array.data.subarray(start * width, end * width) };
}
