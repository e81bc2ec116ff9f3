import { crc32 } from "../checksum/crc32.node.js";
import { InvalidDatasetError } from "../errors.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import { type LocatingFile, openRowReader } from "./column-reader.js";
import { numberAttribute } from "./dataset-attributes.js";
import type { FoundDataset } from "./dataset-keys.js";
import type { HDF5DType } from "./engine.js";
import { float32ToFloat16 } from "./float16.js";
import { textChecksum } from "./text-checksum.js";
import { itemSize } from "./typed-array.js";

/** What a comparison with the stored checksums has covered, by the paths of the datasets. */
export interface Verification {
  /** Hold what was written. */
  readonly verified: readonly string[];
  /** Have no checksum: in files that were made before there was one for each dataset, or added by others. */
  readonly unverified: readonly string[];
}

/** Read at once. */
const stepBytes = 4 * 1024 * 1024;
const stepTexts = 65_536;

/**
 * Compares datasets with their attribute `crc32`, which the writer stores.
 *
 * @param data the rows, which must have one
 * @param others what else the file has
 * @param checkGoOn throws what is to end the work
 * @throws InvalidDatasetError for the first that differs, or if the rows have no checksum
 */
export async function verifyDatasets(
  file: LocatingFile,
  name: string,
  data: FoundDataset,
  others: readonly FoundDataset[],
  checkGoOn: () => void,
): Promise<Verification> {
  const verified: string[] = [];
  const unverified: string[] = [];
  for (const found of [data, ...others]) {
    checkGoOn();
    const { path } = found;
    const expected = found.dtype === "other" ? undefined : await numberAttribute(file, path, "crc32");
    if (expected === undefined) {
      if (found !== data) {
        unverified.push(path);
        continue;
      }
      throw new InvalidDatasetError(
        name,
        `"${path}" in "${name}" has no checksum to compare with: it was not made by HDF5DatasetWriter, or that has not been closed.`,
      );
    }
    if ((await checksumOf(file, found, checkGoOn)) !== expected) {
      throw new InvalidDatasetError(
        name,
        `"${path}" in "${name}" does not hold what was written: its checksum differs. The file is damaged.`,
      );
    }
    verified.push(path);
  }
  return { verified, unverified };
}

async function checksumOf(file: LocatingFile, found: FoundDataset, checkGoOn: () => void): Promise<number> {
  const { path, shape, dtype } = found;
  const [rows = 1] = shape;
  const length = sizeOf(shape.slice(1));
  if (shape.length === 0 || rows * length === 0) return 0;
  let checksum = 0;
  if (dtype === "string") {
    const step = Math.max(1, Math.floor(stepTexts / length));
    for (let start = 0; start < rows; start += step) {
      checkGoOn();
      checksum = textChecksum(await file.readStrings(path, { start, end: Math.min(rows, start + step) }), checksum);
    }
    return checksum;
  }
  const reader = await openRowReader(file, found);
  const rowBytes = length * itemSize(dtype as Exclude<HDF5DType, "string" | "other">);
  const step = Math.max(1, Math.floor(stepBytes / rowBytes));
  let buffer: NdArray | undefined;
  for (let start = 0; start < rows; start += step) {
    checkGoOn();
    const indices = Uint32Array.from({ length: Math.min(step, rows - start) }, (_, i) => start + i);
    const values = await reader.read(indices, buffer);
    buffer = values;
    checksum = crc32(storedBytes(values, dtype), checksum);
  }
  return checksum;
}

/** The bytes of numbers as they are in the file, little-endian. */
export function storedBytes(values: NdArray, dtype: HDF5DType): Uint8Array {
  const data = dtype === "float16" ? float32ToFloat16(values.data as Float32Array) : values.data;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
