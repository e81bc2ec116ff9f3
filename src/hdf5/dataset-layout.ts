import { buildHead, type Head, type HeadDataset } from "./contiguous/head.js";
import type { HDF5Attribute } from "./engine.js";
import type { WriterSettings } from "./writer-settings.js";

const pageBytes = 4096;
/** Room in the head for attributes that are stored later. */
export const slackBytes = 8192;

/** The head of a file while rows come, and where the rows begin: behind the room that the final head may need. */
export interface DatasetLayout {
  readonly head: Head;
  readonly dataPosition: number;
}

/** Plans where in the file things go. */
export function layOutDataset(settings: WriterSettings): DatasetLayout {
  const { rows = 0, rowShape, rowBytes, dtype, dataKey, columns, attributes } = settings;
  const build = (position: number, beside: readonly HeadDataset[]) =>
    buildHead({
      datasets: [{ name: dataKey, dtype, shape: [rows, ...rowShape], position }, ...beside],
      attributes: rootAttributes(attributes, 0, false),
      endOfFile: position + rows * rowBytes,
    });
  const checksum = checksumAttributes(0);
  const largest = build(pageBytes, [
    ...columns.map(({ name, dtype, shape }) => ({
      name,
      dtype,
      shape: [1, ...shape],
      position: 0,
      attributes: checksum,
    })),
    { name: "label_names", dtype: "string", shape: [1], position: 0, attributes: checksum },
  ]);
  const dataPosition = Math.ceil((largest.bytes.length + slackBytes) / pageBytes) * pageBytes;
  return { head: build(dataPosition, []), dataPosition };
}

/** Attribute of a dataset that tells whether it still holds what was written. */
export function checksumAttributes(checksum: number): ReadonlyMap<string, HDF5Attribute> {
  return new Map([["crc32", { dtype: "uint32", shape: [], data: Uint32Array.of(checksum) }]]);
}

/** Attributes of the file's root: how complete it is, and the given ones. */
export function rootAttributes(
  attributes: ReadonlyMap<string, HDF5Attribute>,
  rows: number,
  complete: boolean,
): ReadonlyMap<string, HDF5Attribute> {
  return new Map<string, HDF5Attribute>([
    ["complete", { dtype: "uint8", shape: [], data: Uint8Array.of(complete ? 1 : 0) }],
    ["rows_written", { dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(rows)) }],
    ...attributes,
  ]);
}
