import { sizeOf } from "../../ndarray.js";
import type { HDF5Attribute, HDF5DType } from "../engine.js";
import { itemSize } from "../typed-array.js";
import { messageTypes } from "./object-header.js";

/** Element types that can be written. */
export type WritableDType = Exclude<HDF5DType, "other">;

const undefinedAddress = 0xffff_ffff_ffff_ffffn;

/** A header message to be written, without its own head. */
export interface OutgoingMessage {
  readonly type: number;
  readonly flags: number;
  /** A multiple of 8 bytes long. */
  readonly data: Uint8Array;
}

function block(bytes: number): { readonly data: Uint8Array; readonly view: DataView } {
  const data = new Uint8Array(Math.ceil(bytes / 8) * 8);
  return { data, view: new DataView(data.buffer) };
}

/** Dataspace, version 1. An empty shape is a scalar. */
export function dataspaceMessage(shape: readonly number[]): OutgoingMessage {
  const { data, view } = block(8 + 8 * shape.length);
  view.setUint8(0, 1);
  view.setUint8(1, shape.length);
  for (const [i, axis] of shape.entries()) view.setBigUint64(8 + 8 * i, BigInt(axis), true);
  return { type: messageTypes.dataspace, flags: 0, data };
}

const floats: Readonly<Record<string, readonly number[]>> = {
  float16: [15, 16, 10, 5, 10, 15],
  float32: [31, 32, 23, 8, 23, 127],
  float64: [63, 64, 52, 11, 52, 1023],
};

/** Datatype: IEEE floats, two's complement integers, variable-length UTF-8 strings; all little-endian. */
export function datatypeMessage(dtype: WritableDType): OutgoingMessage {
  if (dtype === "string") {
    const { data, view } = block(20);
    view.setUint32(0, 0x0001_0119, true);
    view.setUint32(4, 16, true);
    view.setUint32(8, 0x10, true);
    view.setUint32(12, 1, true);
    view.setUint16(18, 8, true);
    return { type: messageTypes.datatype, flags: 1, data };
  }
  const size = itemSize(dtype);
  const float = floats[dtype];
  const { data, view } = block(float ? 20 : 12);
  view.setUint32(4, size, true);
  if (float) {
    const [sign = 0, precision = 0, exponentAt = 0, exponentSize = 0, mantissaSize = 0, bias = 0] = float;
    view.setUint8(0, 0x11);
    view.setUint8(1, 0x20);
    view.setUint8(2, sign);
    view.setUint16(10, precision, true);
    view.setUint8(12, exponentAt);
    view.setUint8(13, exponentSize);
    view.setUint8(15, mantissaSize);
    view.setUint32(16, bias, true);
  } else {
    view.setUint8(0, 0x10);
    view.setUint8(1, dtype.startsWith("int") ? 8 : 0);
    view.setUint16(10, 8 * size, true);
  }
  return { type: messageTypes.datatype, flags: 1, data };
}

/** Fill value, version 2: the default of the type, zeros. */
export function fillMessage(): OutgoingMessage {
  return { type: messageTypes.fillValue, flags: 1, data: Uint8Array.of(2, 2, 2, 1, 0, 0, 0, 0) };
}

/** Layout, version 3, contiguous. `undefined` where nothing is stored: readers refuse an address with zero rows. */
export function layoutMessage(position: number | undefined, bytes: number): OutgoingMessage {
  const { data, view } = block(18);
  view.setUint8(0, 3);
  view.setUint8(1, 1);
  view.setBigUint64(2, position === undefined ? undefinedAddress : BigInt(position), true);
  view.setBigUint64(10, BigInt(bytes), true);
  return { type: messageTypes.layout, flags: 0, data };
}

/** Layout, version 3, in chunks. `undefined` for the position of the index where nothing is stored. */
export function chunkedLayoutMessage(
  tree: number | undefined,
  chunkShape: readonly number[],
  bytesPerItem: number,
): OutgoingMessage {
  const { data, view } = block(11 + 4 * (chunkShape.length + 1));
  view.setUint8(0, 3);
  view.setUint8(1, 2);
  view.setUint8(2, chunkShape.length + 1);
  view.setBigUint64(3, tree === undefined ? undefinedAddress : BigInt(tree), true);
  for (const [i, axis] of [...chunkShape, bytesPerItem].entries()) view.setUint32(11 + 4 * i, axis, true);
  return { type: messageTypes.layout, flags: 0, data };
}

/** A filter that chunks go through, with its parameters. */
export interface FilterMessage {
  readonly id: number;
  readonly name: string;
  readonly values: readonly number[];
}

/** Filter pipeline, version 1, with one filter, which may be left out for single chunks. */
export function filterMessage({ id, name, values }: FilterMessage): OutgoingMessage {
  const text = new TextEncoder().encode(name);
  const nameBytes = Math.ceil((text.length + 1) / 8) * 8;
  const { data, view } = block(16 + nameBytes + 4 * values.length);
  view.setUint8(0, 1);
  view.setUint8(1, 1);
  view.setUint16(8, id, true);
  view.setUint16(10, nameBytes, true);
  view.setUint16(12, 1, true);
  view.setUint16(14, values.length, true);
  data.set(text, 16);
  for (const [i, value] of values.entries()) view.setUint32(16 + nameBytes + 4 * i, value, true);
  return { type: messageTypes.filters, flags: 1, data };
}

/** Symbol table: where a group's members are. */
export function symbolTableMessage(tree: number, heap: number): OutgoingMessage {
  const { data, view } = block(16);
  view.setBigUint64(0, BigInt(tree), true);
  view.setBigUint64(8, BigInt(heap), true);
  return { type: messageTypes.symbolTable, flags: 0, data };
}

/**
 * Attribute, version 1.
 *
 * @param store puts a string into a global heap and returns its reference, 16 bytes
 * @returns the message and where its value begins in it
 */
export function attributeMessage(
  name: string,
  attribute: HDF5Attribute,
  store: (text: string) => Uint8Array,
): { readonly message: OutgoingMessage; readonly valueAt: number } {
  const nameBytes = new TextEncoder().encode(name);
  const type = datatypeMessage(attribute.dtype).data;
  const space = dataspaceMessage(attribute.shape).data;
  const nameSize = nameBytes.length + 1;
  const nameRoom = Math.ceil(nameSize / 8) * 8;
  const valueAt = 8 + nameRoom + type.length + space.length;
  const itemBytes = attribute.dtype === "string" ? 16 : itemSize(attribute.dtype);
  const { data, view } = block(valueAt + sizeOf(attribute.shape) * itemBytes);
  view.setUint8(0, 1);
  view.setUint16(2, nameSize, true);
  view.setUint16(4, type.length, true);
  view.setUint16(6, space.length, true);
  data.set(nameBytes, 8);
  data.set(type, 8 + nameRoom);
  data.set(space, 8 + nameRoom + type.length);
  if (attribute.dtype === "string") {
    for (const [i, text] of attribute.data.entries()) data.set(store(text), valueAt + 16 * i);
  } else {
    const values = attribute.data;
    data.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), valueAt);
  }
  return { message: { type: messageTypes.attribute, flags: 0, data }, valueAt };
}

/** Puts messages into an object header, version 1. */
export function objectHeader(messages: readonly OutgoingMessage[]): Uint8Array {
  const body = messages.reduce((sum, message) => sum + 8 + message.data.length, 0);
  const bytes = new Uint8Array(16 + body);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 1);
  view.setUint16(2, messages.length, true);
  view.setUint32(4, 1, true);
  view.setUint32(8, body, true);
  let offset = 16;
  for (const { type, flags, data } of messages) {
    view.setUint16(offset, type, true);
    view.setUint16(offset + 2, data.length, true);
    view.setUint8(offset + 4, flags);
    bytes.set(data, offset + 8);
    offset += 8 + data.length;
  }
  return bytes;
}
