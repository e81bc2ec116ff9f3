import { InvalidDatasetError } from "../../errors.js";
import type { ByteSource } from "./byte-source.js";
import { endedEarly } from "./memory-source.js";

const pageBytes = 16 * 1024;
const pageCount = 64;
/** No structure of a file that this library reads is larger; a greater length is damage, not data. */
const greatestStructure = 64 * 1024 * 1024;

/** Reads small structures anywhere in a file, through a cache of pages. */
export interface MetadataReader {
  readonly name: string;
  readonly size: number;
  /** `length` bytes from `position` on. */
  view(position: number, length: number): Promise<DataView>;
}

/** Puts a cache of 1 MB before a source, for the many small reads of HDF5's tables. */
export function createMetadataReader(source: ByteSource): MetadataReader {
  const pages = new Map<number, Promise<Uint8Array>>();

  function page(index: number): Promise<Uint8Array> {
    const cached = pages.get(index);
    if (cached) return cached;
    if (pages.size >= pageCount) pages.delete(pages.keys().next().value as number);
    const bytes = new Uint8Array(Math.min(pageBytes, source.size - index * pageBytes));
    const read = source.read(index * pageBytes, bytes).then(() => bytes);
    pages.set(index, read);
    read.catch(() => pages.delete(index));
    return read;
  }

  return {
    name: source.name,
    size: source.size,
    async view(position, length) {
      if (!Number.isSafeInteger(position) || position < 0 || position + length > source.size) {
        throw endedEarly(source.name, position, length, source.size);
      }
      if (length > greatestStructure) {
        throw new InvalidDatasetError(
          source.name,
          `Reading "${source.name}": a table of ${length} bytes at position ${position} is not plausible. The file is damaged.`,
        );
      }
      const first = Math.floor(position / pageBytes);
      const last = Math.floor((position + Math.max(length, 1) - 1) / pageBytes);
      if (first === last) {
        const bytes = await page(first);
        return new DataView(bytes.buffer, bytes.byteOffset + position - first * pageBytes, length);
      }
      const bytes = new Uint8Array(length);
      await source.read(position, bytes);
      return new DataView(bytes.buffer);
    },
  };
}

/** An unsigned 64-bit number as a JavaScript number; `undefined` for HDF5's "undefined address", all ones. */
export function readAddress(view: DataView, offset: number): number | undefined {
  const value = view.getBigUint64(offset, true);
  if (value === 0xffff_ffff_ffff_ffffn) return undefined;
  // Beyond 2^53 it is no position in any file; the range check of the next read refuses it.
  return Number(value);
}
