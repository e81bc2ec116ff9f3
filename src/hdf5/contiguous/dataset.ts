import { InvalidDatasetError, UnsupportedError } from "../../errors.js";
import { sizeOf } from "../../ndarray.js";
import { type Datatype, parseDataspace, parseDatatype } from "./datatype.js";
import { type MetadataReader, readAddress } from "./metadata-reader.js";
import { type HeaderMessage, messageTypes } from "./object-header.js";

/** Where a dataset's values are. */
export type Storage =
  /** One run of bytes in the file. */
  | { readonly kind: "contiguous"; readonly position: number; readonly bytes: number | undefined }
  /** Within the header. */
  | { readonly kind: "compact"; readonly bytes: Uint8Array }
  /** Nowhere: never written, every element has this value. */
  | { readonly kind: "fill"; readonly element: Uint8Array }
  /** In a way that this reader does not know; why, for an error. */
  | { readonly kind: "other"; readonly reason: string };

/** A dataset as its header describes it. */
export interface DatasetDescription {
  readonly type: Datatype;
  /** `null` for a dataset that holds nothing. */
  readonly shape: readonly number[] | null;
  readonly storage: Storage;
}

/**
 * Understands the messages of a dataset's header. `undefined` if they are not those of a dataset.
 *
 * @throws InvalidDatasetError if it is damaged, or its values are in other files
 */
export function describeDataset(
  metadata: MetadataReader,
  messages: readonly HeaderMessage[],
  path: string,
): DatasetDescription | undefined {
  const find = (type: number) => messages.find((message) => message.type === type);
  const space = find(messageTypes.dataspace);
  const datatype = find(messageTypes.datatype);
  if (!space || !datatype) return undefined;
  if (find(messageTypes.externalFiles)) {
    // Not "unsupported": another engine would read them, and they may be any files of this machine.
    throw new InvalidDatasetError(
      metadata.name,
      `"${path}" in "${metadata.name}" is stored outside: its values are in other files, which are not read. Copy it into one file with h5py or h5repack.`,
    );
  }
  if (space.shared || datatype.shared) {
    throw new UnsupportedError(
      `"${path}" in "${metadata.name}" shares its type with other objects, which this reader does not follow. Use \`engine: h5wasm()\`.`,
    );
  }
  try {
    const shape = parseDataspace(space.data, 0);
    const type = parseDatatype(datatype.data, 0);
    const layout = find(messageTypes.layout);
    const storage: Storage = layout
      ? parseLayout(layout.data, () => fillElement(messages, type))
      : { kind: "other", reason: "it has no layout" };
    if (storage.kind === "contiguous" && shape) {
      const needed = sizeOf(shape) * type.size;
      // Room for more is right only where there is something at all: this is what the HDF5 library accepts.
      if (storage.bytes !== undefined && (storage.bytes < needed || (needed === 0 && storage.bytes > 0))) {
        throw new RangeError(`it is stored in ${storage.bytes} bytes, but its elements take ${needed}`);
      }
      const end = storage.position + needed;
      if (end > metadata.size) {
        throw new InvalidDatasetError(
          metadata.name,
          `"${path}" in "${metadata.name}" should reach to position ${end}, but the file ends at ${metadata.size}. It is damaged or cut short.`,
        );
      }
    }
    return { type, shape, storage };
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new InvalidDatasetError(
      metadata.name,
      `The description of "${path}" in "${metadata.name}" is not valid: ${cause.message}. The file is damaged.`,
      { cause },
    );
  }
}

/** Parses a layout message (HDF5 file format 3.0, IV.A.2.i), versions 1 to 4. */
function parseLayout(view: DataView, fill: () => Uint8Array): Storage {
  const version = view.getUint8(0);
  const old = version < 3;
  const layoutClass = view.getUint8(old ? 2 : 1);
  if (version < 1 || version > 4) return { kind: "other", reason: `its layout has version ${version}` };
  if (layoutClass === 1) {
    const position = readAddress(view, old ? 8 : 2);
    if (position === undefined) return { kind: "fill", element: fill() };
    // Only the newer versions say how many bytes are stored; a file that grows may have room for more than it holds.
    const bytes = old ? undefined : Number(view.getBigUint64(10, true));
    return { kind: "contiguous", position, bytes };
  }
  if (layoutClass === 0) {
    const rank = view.getUint8(1);
    const start = old ? 8 + 4 * rank + 4 : 4;
    const size = old ? view.getUint32(start - 4, true) : view.getUint16(2, true);
    return { kind: "compact", bytes: bytesWithin(view, start, size) };
  }
  if (layoutClass === 2) return { kind: "other", reason: "it is stored in chunks" };
  return { kind: "other", reason: "it is virtual" };
}

/** The value of elements that were never written (IV.A.2.e, IV.A.2.f): all zeros if none is defined. */
function fillElement(messages: readonly HeaderMessage[], type: Datatype): Uint8Array {
  const zero = new Uint8Array(type.size);
  const message = messages.find((candidate) => candidate.type === messageTypes.fillValue);
  const old = messages.find((candidate) => candidate.type === messageTypes.oldFillValue);
  let view: DataView | undefined;
  let offset = 0;
  if (message) {
    view = message.data;
    const version = view.getUint8(0);
    const defined = version === 3 ? (view.getUint8(1) & 0x20) !== 0 : version === 1 || view.getUint8(3) !== 0;
    if (!defined) return zero;
    offset = version === 3 ? 2 : 4;
  } else if (old) {
    view = old.data;
  }
  if (!view || view.byteLength < offset + 4) return zero;
  const size = view.getUint32(offset, true);
  if (size === 0) return zero;
  if (size !== type.size) throw new RangeError(`its fill value has ${size} bytes, its elements ${type.size}`);
  return bytesWithin(view, offset + 4, size).slice();
}

/** Bytes of a message, which must not reach into the next. */
function bytesWithin(view: DataView, start: number, size: number): Uint8Array {
  if (start + size > view.byteLength) {
    throw new RangeError(`${size} bytes are announced where only ${Math.max(0, view.byteLength - start)} are left`);
  }
  return new Uint8Array(view.buffer, view.byteOffset + start, size);
}
