import { UnsupportedError } from "../../errors.js";
import { sizeOf } from "../../ndarray.js";
import type { HDF5Attribute } from "../engine.js";
import { itemSize } from "../typed-array.js";
import { createHeapCollection } from "./global-heap.js";
import {
  attributeMessage,
  chunkedLayoutMessage,
  dataspaceMessage,
  datatypeMessage,
  type FilterMessage,
  fillMessage,
  filterMessage,
  layoutMessage,
  type OutgoingMessage,
  objectHeader,
  symbolTableMessage,
  type WritableDType,
} from "./messages.js";

/** A dataset in the root group whose values lie at a known place of the file. */
export interface HeadDataset {
  readonly name: string;
  readonly dtype: WritableDType;
  readonly shape: readonly number[];
  /** Where its values begin; not used if it has none. */
  readonly position: number;
  readonly attributes?: ReadonlyMap<string, HDF5Attribute>;
  /** Present if its values are compressed chunks of whole rows; `position` is then that of their index. */
  readonly compressed?: { readonly chunkRows: number; readonly filter: FilterMessage };
}

/** What an HDF5 file of contiguous datasets holds. */
export interface HeadDescription {
  readonly datasets: readonly HeadDataset[];
  /** Of the root group. */
  readonly attributes: ReadonlyMap<string, HDF5Attribute>;
  readonly endOfFile: number;
}

/** All metadata of a file, to be written at position 0, and the places in it that change while rows are added. */
export interface Head {
  readonly bytes: Uint8Array;
  /** Where the end-of-file address stands. */
  readonly endOfFileAt: number;
  /** By dataset: where its number of rows, data address and byte size stand. */
  readonly datasets: ReadonlyMap<
    string,
    { readonly rowsAt: number; readonly addressAt: number; readonly bytesAt: number }
  >;
  /** By root attribute: where its value stands. */
  readonly attributes: ReadonlyMap<string, number>;
}

const superblockBytes = 96;
const groupLeafK = 16;
const groupInternalK = 16;
const treeBytes = 24 + 8 * (2 * groupInternalK + 1) + 8 * 2 * groupInternalK;
const heapHeaderBytes = 32;
const symbolNodeBytes = 8 + 40 * 2 * groupLeafK;

/**
 * Lays out the metadata of a file of contiguous datasets in its root group: superblock 0, symbol table, version 1
 * headers (HDF5 file format 3.0, II.A, III.A to III.E, IV.A). That is what h5py writes by default; every reader takes it.
 *
 * @throws UnsupportedError if an attribute or the number of datasets is beyond what this form holds
 */
export function buildHead(description: HeadDescription): Head {
  const names = description.datasets.map((dataset) => dataset.name);
  if (names.length > 2 * groupLeafK) {
    throw new UnsupportedError(`A file of this kind holds up to ${2 * groupLeafK} datasets, not ${names.length}.`);
  }
  const order = description.datasets
    .map((dataset) => ({ dataset, key: new TextEncoder().encode(dataset.name) }))
    .sort((a, b) => compareBytes(a.key, b.key));

  const tree = superblockBytes;
  const heapHeader = tree + treeBytes;
  const heapData = heapHeader + heapHeaderBytes;
  const nameOffsets: number[] = [];
  let heapSize = 8;
  for (const { key } of order) {
    nameOffsets.push(heapSize);
    heapSize += Math.ceil((key.length + 1) / 8) * 8;
  }
  const symbolNode = heapData + heapSize;
  const rootHeader = symbolNode + symbolNodeBytes;

  // Twice: the place of the strings depends on the headers' length, and the headers hold that place.
  const measured = layOut(0);
  const { root, headers, collection } = layOut(measured.end);
  const strings = collection.encode();
  const bytes = new Uint8Array(measured.end + strings.length);
  const view = new DataView(bytes.buffer);
  const u64 = (offset: number, value: number) => view.setBigUint64(offset, BigInt(value), true);
  const undefinedAt = (offset: number) => view.setBigUint64(offset, 0xffff_ffff_ffff_ffffn, true);

  bytes.set([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]);
  view.setUint8(13, 8);
  view.setUint8(14, 8);
  view.setUint16(16, groupLeafK, true);
  view.setUint16(18, groupInternalK, true);
  undefinedAt(32);
  u64(40, description.endOfFile);
  undefinedAt(48);
  u64(64, rootHeader);
  view.setUint32(72, 1, true);
  u64(80, tree);
  u64(88, heapHeader);

  bytes.set([0x54, 0x52, 0x45, 0x45], tree);
  view.setUint16(tree + 6, 1, true);
  undefinedAt(tree + 8);
  undefinedAt(tree + 16);
  u64(tree + 32, symbolNode);
  u64(tree + 40, nameOffsets.at(-1) ?? 0);

  bytes.set([0x48, 0x45, 0x41, 0x50], heapHeader);
  u64(heapHeader + 8, heapSize);
  u64(heapHeader + 16, 1);
  u64(heapHeader + 24, heapData);
  for (const [i, { key }] of order.entries()) bytes.set(key, heapData + (nameOffsets[i] as number));

  bytes.set([0x53, 0x4e, 0x4f, 0x44, 1], symbolNode);
  view.setUint16(symbolNode + 6, order.length, true);
  for (const [i, header] of headers.entries()) {
    u64(symbolNode + 8 + 40 * i, nameOffsets[i] as number);
    u64(symbolNode + 16 + 40 * i, header.position);
    bytes.set(header.bytes, header.position);
  }
  bytes.set(root.bytes, rootHeader);
  bytes.set(strings, measured.end);

  return {
    bytes,
    endOfFileAt: 40,
    datasets: new Map(
      headers.map((header, i) => {
        const { dtype, shape } = (order[i] as (typeof order)[number]).dataset;
        const layout = header.position + 16 + 8 * 4 + 8 + 8 * shape.length + datatypeMessage(dtype).data.length + 8;
        return [
          (order[i] as (typeof order)[number]).dataset.name,
          { rowsAt: header.position + 32, addressAt: layout + 2, bytesAt: layout + 10 },
        ];
      }),
    ),
    attributes: root.attributesAt,
  };

  function layOut(stringsAt: number) {
    const collection = createHeapCollection(stringsAt);
    const store = (text: string) => collection.add(text);
    const root = withAttributes(rootHeader, [symbolTableMessage(tree, heapHeader)], description.attributes, store);
    let position = rootHeader + root.bytes.length;
    const headers = order.map(({ dataset }) => {
      const messages = [
        dataspaceMessage(dataset.shape),
        datatypeMessage(dataset.dtype),
        fillMessage(),
        ...storageMessages(dataset),
      ];
      const header = { ...withAttributes(position, messages, dataset.attributes ?? new Map(), store), position };
      position += header.bytes.length;
      return header;
    });
    return { root, headers, collection, end: position };
  }
}

function storageMessages({ dtype, shape, position, compressed }: HeadDataset): readonly OutgoingMessage[] {
  const bytesPerItem = dtype === "string" ? 16 : itemSize(dtype);
  const size = sizeOf(shape) * bytesPerItem;
  const place = size === 0 ? undefined : position;
  if (!compressed) return [layoutMessage(place, size)];
  const chunkShape = [compressed.chunkRows, ...shape.slice(1)];
  return [filterMessage(compressed.filter), chunkedLayoutMessage(place, chunkShape, bytesPerItem)];
}

function withAttributes(
  position: number,
  messages: readonly OutgoingMessage[],
  attributes: ReadonlyMap<string, HDF5Attribute>,
  store: (text: string) => Uint8Array,
) {
  const all = [...messages];
  const attributesAt = new Map<string, number>();
  let offset = position + 16 + messages.reduce((sum, message) => sum + 8 + message.data.length, 0);
  for (const [name, attribute] of attributes) {
    const { message, valueAt } = attributeMessage(name, attribute, store);
    if (message.data.length > 65_528) {
      throw new UnsupportedError(`Attribute "${name}" is larger than the 64 kB an HDF5 attribute holds.`);
    }
    attributesAt.set(name, offset + 8 + valueAt);
    offset += 8 + message.data.length;
    all.push(message);
  }
  return { bytes: objectHeader(all), attributesAt };
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  }
  return a.length - b.length;
}
