import { InvalidDatasetError, UnsupportedError } from "../../errors.js";
import { lookup3 } from "./lookup3.js";
import { type MetadataReader, readAddress } from "./metadata-reader.js";

/** Types of the header messages that are read here (HDF5 file format 3.0, IV.A.2). */
export const messageTypes = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  oldFillValue: 0x04,
  fillValue: 0x05,
  link: 0x06,
  externalFiles: 0x07,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
  attributeInfo: 0x15,
} as const;

/** One message of an object's header: a piece of its description. */
export interface HeaderMessage {
  readonly type: number;
  /** Kept in another object; `data` is then only a reference. */
  readonly shared: boolean;
  readonly data: DataView;
  /** Where `data` lies in the file. */
  readonly position: number;
}

const greatestBlockCount = 4096;

/**
 * Reads all messages of an object header, versions 1 and 2, through its continuation blocks.
 *
 * @throws InvalidDatasetError if it is damaged
 */
export async function readObjectHeader(metadata: MetadataReader, address: number): Promise<readonly HeaderMessage[]> {
  const damaged = (what: string) =>
    new InvalidDatasetError(
      metadata.name,
      `Reading "${metadata.name}": the object at position ${address} has ${what}. The file is damaged.`,
    );
  const start = await metadata.view(address, 16);
  const version2 = start.getUint32(0, false) === 0x4f484452;
  if (!version2 && start.getUint8(0) !== 1) throw damaged("no header");
  const blocks = version2 ? [await firstBlock2(metadata, address, start)] : [firstBlock1(address, start)];
  const trackOrder = version2 && (start.getUint8(5) & 4) !== 0;
  const headBytes = version2 ? (trackOrder ? 6 : 4) : 8;
  const seen = new Set<number>();
  const messages: HeaderMessage[] = [];
  for (let block = blocks.shift(); block; block = blocks.shift()) {
    if (seen.has(block.position) || seen.size > greatestBlockCount) throw damaged("a header that continues in itself");
    seen.add(block.position);
    const view = await metadata.view(block.position, block.length);
    if (block.checksumFrom !== undefined) {
      const end = block.position + block.length;
      const checked = await metadata.view(block.checksumFrom, end + 4 - block.checksumFrom);
      const length = checked.byteLength - 4;
      const expected = checked.getUint32(length, true);
      if (lookup3(new Uint8Array(checked.buffer, checked.byteOffset, length)) !== expected) {
        throw damaged("a header whose checksum differs");
      }
    }
    for (let offset = 0; offset + headBytes <= block.length; ) {
      const type = version2 ? view.getUint8(offset) : view.getUint16(offset, true);
      const size = view.getUint16(offset + (version2 ? 1 : 2), true);
      const flags = view.getUint8(offset + (version2 ? 3 : 4));
      const begin = offset + headBytes;
      if (begin + size > block.length) throw damaged("a message that is longer than its header");
      const data = new DataView(view.buffer, view.byteOffset + begin, size);
      if (type === messageTypes.continuation) {
        if (size < 16) throw damaged("a continuation that leads nowhere");
        const position = readAddress(data, 0) ?? -1;
        const length = readAddress(data, 8) ?? 0;
        blocks.push(version2 ? await continuation2(metadata, position, length, damaged) : { position, length });
      } else if (type !== 0) {
        messages.push({ type, shared: (flags & 2) !== 0, data, position: block.position + begin });
      }
      offset = begin + size;
    }
  }
  return messages;
}

interface Block {
  readonly position: number;
  readonly length: number;
  /** Where the bytes begin that the checksum behind the block is of; absent in version 1, which has none. */
  readonly checksumFrom?: number;
}

function firstBlock1(address: number, start: DataView): Block {
  return { position: address + 16, length: start.getUint32(8, true) };
}

async function firstBlock2(metadata: MetadataReader, address: number, start: DataView): Promise<Block> {
  if (start.getUint8(4) !== 2) {
    throw new UnsupportedError(
      `"${metadata.name}" has object headers of version ${start.getUint8(4)}, which are not known here. Use \`engine: h5wasm()\`.`,
    );
  }
  const flags = start.getUint8(5);
  const sizeAt = 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
  const width = 1 << (flags & 3);
  const view = await metadata.view(address + sizeAt, width);
  const length =
    width === 8
      ? (readAddress(view, 0) ?? 0)
      : width === 4
        ? view.getUint32(0, true)
        : width === 2
          ? view.getUint16(0, true)
          : view.getUint8(0);
  return { position: address + sizeAt + width, length, checksumFrom: address };
}

async function continuation2(
  metadata: MetadataReader,
  position: number,
  length: number,
  damaged: (what: string) => InvalidDatasetError,
): Promise<Block> {
  const signature = await metadata.view(position, 4);
  if (signature.getUint32(0, false) !== 0x4f43484b || length < 8) throw damaged("a continuation that leads nowhere");
  // Between the signature and the checksum.
  return { position: position + 4, length: length - 8, checksumFrom: position };
}
