import { crc32 } from "../checksum/crc32.node.js";
import { InvalidArgumentError } from "../errors.js";

/** A file to be put into a zip archive. */
export interface ZipItem {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Sizes and positions have 32 bits; the highest value says that they stand elsewhere. */
const greatestSize = 0xfffffffe;
/** 1 January 1980, the first day that the format knows: the same archive each time. */
const firstDay = 0x21;
const version = 20;
/** Names are UTF-8. */
const utf8Flag = 0x800;

/**
 * Makes a zip archive (APPNOTE 6.3) of stored members, uncompressed, in the given order.
 *
 * @throws InvalidArgumentError if it comes to 4 GiB
 */
export function encodeZip(items: readonly ZipItem[]): Uint8Array {
  const encoder = new TextEncoder();
  const members = items.map(({ name, bytes }) => ({ name: encoder.encode(name), bytes, checksum: crc32(bytes) }));
  const dataBytes = members.reduce((sum, { name, bytes }) => sum + 30 + name.length + bytes.length, 0);
  const directoryBytes = members.reduce((sum, { name }) => sum + 46 + name.length, 0);
  if (dataBytes + directoryBytes > greatestSize) {
    throw new InvalidArgumentError(
      `A zip archive of ${dataBytes} bytes cannot be written: expected less than 4 GiB. Save the model as .h5.`,
    );
  }
  const archive = new Uint8Array(dataBytes + directoryBytes + 22);
  const view = new DataView(archive.buffer);
  let at = 0;
  let entry = dataBytes;
  for (const { name, bytes, checksum } of members) {
    view.setUint32(entry, 0x02014b50, true);
    view.setUint16(entry + 4, version, true);
    view.setUint32(entry + 42, at, true);
    view.setUint32(at, 0x04034b50, true);
    // Both headers have the same fields in the same order; the one in the directory has the maker's version before.
    for (const start of [at + 4, entry + 6]) {
      view.setUint16(start, version, true);
      view.setUint16(start + 2, utf8Flag, true);
      view.setUint16(start + 8, firstDay, true);
      view.setUint32(start + 10, checksum, true);
      view.setUint32(start + 14, bytes.length, true);
      view.setUint32(start + 18, bytes.length, true);
      view.setUint16(start + 22, name.length, true);
    }
    archive.set(name, at + 30);
    archive.set(name, entry + 46);
    archive.set(bytes, at + 30 + name.length);
    at += 30 + name.length + bytes.length;
    entry += 46 + name.length;
  }
  view.setUint32(entry, 0x06054b50, true);
  view.setUint16(entry + 8, members.length, true);
  view.setUint16(entry + 10, members.length, true);
  view.setUint32(entry + 12, directoryBytes, true);
  view.setUint32(entry + 16, dataBytes, true);
  return archive;
}
