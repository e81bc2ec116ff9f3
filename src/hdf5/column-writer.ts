import { crc32 } from "../checksum/crc32.node.js";
import { type Shape, sizeOf } from "../ndarray.js";
import { createHeapCollection, type HeapCollection } from "./contiguous/global-heap.js";
import type { HeadDataset } from "./contiguous/head.js";
import type { PartialFile } from "./contiguous/partial-file.js";
import type { RowDType } from "./convert-rows.js";
import { checksumAttributes } from "./dataset-layout.js";
import { textChecksum } from "./text-checksum.js";
import { itemSize } from "./typed-array.js";

/** Writes the small columns of a data set behind its rows: labels, names. */
export interface ColumnWriter {
  /** Where the next byte will go: the end of the file so far. */
  readonly end: number;
  /** Begins a column of numbers and returns what appends to it. */
  numbers(name: string, dtype: RowDType, shape: Shape): (values: Uint8Array) => Promise<void>;
  /** Begins a column of strings and returns what appends to it. */
  strings(name: string, rows: number): (values: readonly string[]) => Promise<void>;
  /** Writes what is left and returns the columns for the head, each with its checksum. */
  finish(): Promise<readonly HeadDataset[]>;
}

const align = (position: number) => Math.ceil(position / 8) * 8;

/** Starts writing columns at `start`. All columns must be begun before the first value is appended. */
export function createColumnWriter(file: PartialFile, start: number): ColumnWriter {
  const datasets: { readonly dataset: HeadDataset; checksum: number }[] = [];
  const gaps: { readonly position: number; readonly size: number }[] = [];
  let end = start;
  skipGap();
  let collection: HeapCollection | undefined;

  /** What an earlier attempt may have left between two columns is cleared in the end. */
  function skipGap(): void {
    const size = align(end) - end;
    if (size > 0) gaps.push({ position: end, size });
    end += size;
  }

  function begin(name: string, dtype: RowDType | "string", shape: Shape) {
    const begun = { dataset: { name, dtype, shape, position: end }, checksum: 0 };
    datasets.push(begun);
    end += sizeOf(shape) * (dtype === "string" ? 16 : itemSize(dtype));
    skipGap();
    return begun;
  }

  /** Only one collection is filled at a time, so its place is known before its size. */
  async function closeCollection(): Promise<void> {
    const bytes = collection?.encode();
    collection = undefined;
    if (!bytes || bytes.length === 0) return;
    await file.write(end, bytes);
    end += bytes.length;
  }

  return {
    get end() {
      return end;
    },
    numbers(name, dtype, shape) {
      const begun = begin(name, dtype, shape);
      let { position } = begun.dataset;
      return async (values) => {
        await file.write(position, values);
        position += values.length;
        begun.checksum = crc32(values, begun.checksum);
      };
    },
    strings(name, rows) {
      const begun = begin(name, "string", [rows]);
      let { position } = begun.dataset;
      return async (values) => {
        const references = new Uint8Array(16 * values.length);
        for (const [i, value] of values.entries()) {
          if (collection?.full) await closeCollection();
          collection ??= createHeapCollection(end);
          references.set(collection.add(value), 16 * i);
        }
        await file.write(position, references);
        position += references.length;
        begun.checksum = textChecksum(values, begun.checksum);
      };
    },
    async finish() {
      await closeCollection();
      for (const { position, size } of gaps) await file.write(position, new Uint8Array(size));
      return datasets.map(({ dataset, checksum }) => ({ ...dataset, attributes: checksumAttributes(checksum) }));
    },
  };
}
