import { InvalidDatasetError } from "../errors.js";
import { type NdArray, type Shape, sizeOf } from "../ndarray.js";
import type { ContiguousFile } from "./contiguous/contiguous-file.js";
import type { FoundDataset } from "./dataset-keys.js";
import type { HDF5DType, HDF5File } from "./engine.js";
import { createEngineReader, createLocatedReader, type RowReader } from "./row-reader.js";
import { itemSize } from "./typed-array.js";

/** Values of a further column for the rows of a batch, `[rows, ...]`: numbers of the column's own type, or texts. */
export type BatchColumn =
  | NdArray
  | { readonly dtype: "string"; readonly shape: Shape; readonly data: readonly string[] };

/** An open file; the library's own reader also says where rows are. */
export type LocatingFile = HDF5File & Partial<Pick<ContiguousFile, "locate" | "isUnwritten">>;

/** Reads a column of a data set row by row. */
export interface ColumnReader {
  /** As it was asked for. */
  readonly key: string;
  readonly dtype: HDF5DType;
  /** Shape of the value of one row. */
  readonly shape: Shape;
  /** Values of these rows, in their order. */
  read(indices: Uint32Array): Promise<BatchColumn>;
}

/** Reads rows of a dataset of numbers: by position where that is known, else through the engine. */
export async function openRowReader(file: LocatingFile, { path, shape, dtype }: FoundDataset): Promise<RowReader> {
  const location = await file.locate?.(path);
  return location
    ? createLocatedReader(location, `"${path}"`)
    : createEngineReader(file, path, shape, itemSize(dtype as Exclude<HDF5DType, "string" | "other">));
}

/**
 * Opens a column. Numbers are read for the rows that are asked for. Texts lie scattered over the file in the order of
 * their writing, so all of a column are read when the first are asked for, and kept.
 *
 * @param name what to call the file in errors
 */
export async function openColumnReader(
  file: LocatingFile,
  name: string,
  key: string,
  found: FoundDataset,
): Promise<ColumnReader> {
  const { dtype, path } = found;
  const shape = found.shape.slice(1);
  if (dtype !== "string") {
    const reader = await openRowReader(file, found);
    return { key, dtype, shape, read: (indices) => reader.read(indices) };
  }
  const length = sizeOf(shape);
  let texts: Promise<readonly string[]> | undefined;
  return {
    key,
    dtype,
    shape,
    async read(indices) {
      texts ??= file.readStrings(path).catch((error: unknown) => {
        texts = undefined;
        throw error;
      });
      const all = await texts;
      if (all.length !== sizeOf(found.shape)) {
        throw new InvalidDatasetError(
          name,
          `"${path}" in "${name}" was to hold ${sizeOf(found.shape)} texts, but ${all.length} were read. The file is damaged.`,
        );
      }
      const data: string[] = [];
      for (const row of indices) for (let i = 0; i < length; i++) data.push(all[row * length + i] as string);
      return { dtype, shape: [indices.length, ...shape], data };
    },
  };
}
