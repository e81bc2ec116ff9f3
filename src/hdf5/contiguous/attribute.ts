import { InvalidDatasetError, UnsupportedError } from "../../errors.js";
import { sizeOf } from "../../ndarray.js";
import type { HDF5Attribute } from "../engine.js";
import { type Datatype, parseDataspace, parseDatatype } from "./datatype.js";
import type { MetadataReader } from "./metadata-reader.js";
import { allocateFor, decodeNumbers, decodeStrings } from "./values.js";

/** An attribute message: its description and where its value lies within the message. */
export interface AttributeMessage {
  readonly name: string;
  readonly type: Datatype;
  readonly shape: readonly number[] | null;
  readonly value: DataView;
}

/** Parses an attribute message (HDF5 file format 3.0, IV.A.2.m). */
export function parseAttribute(view: DataView): AttributeMessage {
  const version = view.getUint8(0);
  if (version < 1 || version > 3) throw new RangeError(`attribute version ${version} is not known`);
  const flags = version === 1 ? 0 : view.getUint8(1);
  const nameBytes = view.getUint16(2, true);
  const typeBytes = view.getUint16(4, true);
  const spaceBytes = view.getUint16(6, true);
  const padded = (bytes: number) => (version === 1 ? Math.ceil(bytes / 8) * 8 : bytes);
  const nameStart = version === 3 ? 9 : 8;
  const typeStart = nameStart + padded(nameBytes);
  const spaceStart = typeStart + padded(typeBytes);
  const valueStart = spaceStart + padded(spaceBytes);
  const name = new TextDecoder()
    .decode(new Uint8Array(view.buffer, view.byteOffset + nameStart, nameBytes))
    .replace(/\0.*$/su, "");
  // The type or the shape may be kept elsewhere and shared; that is not followed here.
  const shared = (flags & 3) !== 0;
  return {
    name,
    type: shared ? { dtype: "other", size: 0, bigEndian: false } : parseDatatype(view, typeStart),
    shape: shared ? [] : parseDataspace(view, spaceStart),
    value: new DataView(view.buffer, view.byteOffset + valueStart, view.byteLength - valueStart),
  };
}

/** Reads the value that an attribute message holds. */
export async function decodeAttribute(metadata: MetadataReader, message: AttributeMessage): Promise<HDF5Attribute> {
  const { name, type, value } = message;
  const shape = message.shape ?? [0];
  const what = `attribute "${name}"`;
  if (type.dtype === "other") {
    throw new UnsupportedError(
      `The ${what} in "${metadata.name}" is neither a number nor a string, or its type is shared. Use \`h5wasm()\` for the latter.`,
    );
  }
  const count = message.shape === null ? 0 : sizeOf(shape);
  const bytes = count * type.size;
  if (bytes > value.byteLength) {
    throw new InvalidDatasetError(
      metadata.name,
      `Reading ${what} in "${metadata.name}": its value is longer than its place. The file is damaged.`,
    );
  }
  if (type.dtype === "string") {
    return { dtype: "string", shape, data: await decodeStrings(metadata, value, type, count, what) };
  }
  const array = allocateFor(type, shape, metadata.name, what);
  decodeNumbers(new Uint8Array(value.buffer.slice(value.byteOffset, value.byteOffset + bytes)), type, array);
  return array;
}
