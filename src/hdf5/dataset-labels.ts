import { InvalidDatasetError } from "../errors.js";
import { type NdArray, type Shape, sizeOf } from "../ndarray.js";
import type { FoundDataset } from "./dataset-keys.js";
import type { HDF5File } from "./engine.js";

/** Whether labels of this shape are one for each row: `[rows]`, or `[rows, 1]` as some write it. */
export function isSingle(shape: Shape): boolean {
  return shape.length === 1 || (shape.length === 2 && shape[1] === 1);
}

/**
 * Several labels of each row as int32, whatever their type in the file.
 *
 * @throws InvalidDatasetError for what int32 cannot hold
 */
export function asLabels(name: string, path: string, indices: Uint32Array, values: NdArray): NdArray<"int32"> {
  const { shape, dtype } = values;
  if (dtype === "int32") return values as NdArray<"int32">;
  const perRow = sizeOf(shape.slice(1));
  const data = new Int32Array(values.data.length);
  for (let i = 0; i < data.length; i++) {
    const label = Number(values.data[i]);
    data[i] = label;
    if (data[i] === label) continue;
    throw new InvalidDatasetError(
      name,
      `"${path}" in "${name}" has ${dtype} label ${String(values.data[i])} in row ${indices[Math.floor(i / perRow)]}; labels are whole numbers of 32 bits. For other values open the file with \`labelKey: null, columns: ["${path}"]\`.`,
    );
  }
  return { dtype: "int32", shape, data };
}

/**
 * Class of each row.
 *
 * @throws InvalidDatasetError if one is not a whole number from 0 on
 */
export async function readClasses(file: HDF5File, name: string, labels: FoundDataset): Promise<Int32Array> {
  const { data, dtype } = await file.read(labels.path);
  const result = new Int32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const label = Number(data[i]);
    if (!Number.isInteger(label) || label < 0 || label > 2147483647) {
      throw new InvalidDatasetError(
        name,
        `"${labels.path}" in "${name}" has ${dtype} label ${String(data[i])} in row ${i}; labels are whole numbers from 0 on. Name the right dataset with \`labelKey\`.`,
      );
    }
    result[i] = label;
  }
  return result;
}

/** Checks that every class has a name, where there are names. @throws InvalidDatasetError if one has not */
export function checkLabelRange(name: string, labels: Int32Array | undefined, classLabels: readonly string[]): void {
  if (!labels || classLabels.length === 0) return;
  const row = labels.findIndex((label) => label >= classLabels.length);
  if (row >= 0) {
    throw new InvalidDatasetError(
      name,
      `Row ${row} of "${name}" has label ${labels[row]}, but there are only ${classLabels.length} class names. Pass the right ones as \`classLabels\`, or \`classLabels: []\` for none.`,
    );
  }
}
