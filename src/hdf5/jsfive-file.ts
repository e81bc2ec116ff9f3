import { ClosedError, CnnTransferError, InvalidDatasetError, UnsupportedError } from "../errors.js";
import { type NdArray, type Shape, sizeOf } from "../ndarray.js";
import { checkText } from "../options/check-option.js";
import { checkDatasetKind } from "./check-dataset-kind.js";
import { sortByCodePoint } from "./code-point-order.js";
import { type AttributeMessage, decodeAttribute, parseAttribute } from "./contiguous/attribute.js";
import { type Datatype, parseDataspace, parseDatatype } from "./contiguous/datatype.js";
import { type MetadataReader, readAddress } from "./contiguous/metadata-reader.js";
import { allocateFor, decodeNumbers, decodeStrings } from "./contiguous/values.js";
import type { HDF5File } from "./engine.js";
import type { JsfiveDataset, JsfiveGroup, JsfiveMessage } from "./jsfive-library.js";
import { normalizePath, type RowRange, resolveRows } from "./row-range.js";

const messageDataspace = 1;
const messageDatatype = 3;
const messageExternalFiles = 7;
const messageLayout = 8;
const messageAttribute = 12;
const messageAttributeInfo = 21;

/** jsfive throws strings, and functions that are not there; both become a reason. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * jsfive finds groups, datasets and messages and decodes chunks. Types, shapes, attributes, strings and contiguous
 * numbers are decoded here from the bytes: jsfive drops attributes' shapes, rounds 64-bit integers and fails on empty
 * strings.
 */
export function createJsfiveFile(
  root: JsfiveGroup,
  metadata: MetadataReader,
  buffer: ArrayBuffer,
  name: string,
): HDF5File {
  let closed = false;
  let decoded: { readonly path: string; readonly array: NdArray } | undefined;

  function guard<T>(doing: string, action: () => T): T {
    if (closed) throw new ClosedError(`"${name}" is closed: ${doing} came after \`close\`.`);
    try {
      return action();
    } catch (cause) {
      if (cause instanceof CnnTransferError) throw cause;
      throw new UnsupportedError(
        `jsfive cannot ${doing} in "${name}": ${reasonOf(cause)}. Use \`h5wasm()\`, unless the file is damaged.`,
        { cause },
      );
    }
  }

  function find(path: string): JsfiveGroup | JsfiveDataset | undefined {
    return guard(`find "${path}"`, () => {
      let current: JsfiveGroup | JsfiveDataset = root;
      for (const part of normalizePath(path).split("/").filter(Boolean)) {
        if (isDataset(current) || !current.keys.includes(part)) return undefined;
        const next: JsfiveGroup | JsfiveDataset | null = current.get(part);
        if (next === null) return undefined;
        current = next;
      }
      return current;
    });
  }

  function message(object: JsfiveGroup | JsfiveDataset, type: number): JsfiveMessage | undefined {
    return object._dataobjects.msgs.find((candidate) => candidate.get("type") === type);
  }

  function viewOf(found: JsfiveMessage): DataView {
    if (found.get("flags") & 2) throw new Error("a part of its description is shared with another object");
    return new DataView(buffer, found.get("offset_to_message"), found.get("size"));
  }

  function describe(dataset: JsfiveDataset): {
    readonly type: Datatype;
    readonly shape: Shape;
    readonly empty: boolean;
  } {
    const space = message(dataset, messageDataspace);
    const type = message(dataset, messageDatatype);
    if (!space || !type) throw new Error("its shape or type is missing");
    const shape = parseDataspace(viewOf(space), 0);
    return { type: parseDatatype(viewOf(type), 0), shape: shape ?? [0], empty: shape === null };
  }

  function dataset(path: string, wanted: "numbers" | "strings") {
    const object = find(path);
    if (!object || !isDataset(object)) {
      throw new InvalidDatasetError(name, `Reading "${path}" in "${name}": there is no such dataset.`);
    }
    const description = guard(`read the description of "${path}"`, () => describe(object));
    checkDatasetKind(name, path, description.type.dtype, wanted);
    return { object, ...description };
  }

  /** Position of a contiguous dataset's bytes; `undefined` for any other layout. */
  function contiguousAt(object: JsfiveDataset): number | undefined {
    const layout = message(object, messageLayout);
    if (!layout || message(object, messageExternalFiles)) throw new Error("its values are not in this file");
    const view = viewOf(layout);
    const version = view.getUint8(0);
    if (version < 3) return view.getUint8(2) === 1 ? readAddress(view, 8) : undefined;
    return view.getUint8(1) === 1 ? readAddress(view, 2) : undefined;
  }

  function bytesOf(path: string, object: JsfiveDataset, type: Datatype, shape: Shape, rows: RowRange) {
    return guard(`read "${path}"`, () => {
      const position = contiguousAt(object);
      if (position === undefined) return undefined;
      const rowBytes = sizeOf(shape.slice(1)) * type.size;
      const start = position + rows.start * rowBytes;
      const length = (rows.end - rows.start) * rowBytes;
      if (start + length > buffer.byteLength) {
        throw new InvalidDatasetError(
          name,
          `Reading "${path}" in "${name}": its values reach beyond the end of the file.`,
        );
      }
      return new Uint8Array(buffer, start, length);
    });
  }

  /** Everything through jsfive, checked value by value. */
  function decodeWhole(path: string, object: JsfiveDataset, type: Datatype, shape: Shape): NdArray {
    if (decoded?.path === path) return decoded.array;
    return guard(`read "${path}"`, () => {
      const values = object.value;
      const array = allocateFor(type, shape, name, `"${path}"`);
      if (values?.length !== array.data.length) throw new Error("not all of its values were found");
      const wide = type.dtype === "int64" || type.dtype === "uint64";
      for (let i = 0; i < values.length; i++) {
        const value = values[i];
        if (typeof value !== "number") throw new Error(`value ${i} was never written or is no number`);
        if (wide && !Number.isSafeInteger(value))
          throw new Error(`value ${i} is beyond 2^53, where it would be rounded`);
        (array.data as Record<number, number | bigint>)[i] = wide ? BigInt(value) : value;
      }
      decoded = { path, array };
      return array;
    });
  }

  function attributeMessages(path: string): AttributeMessage[] {
    const object = find(path);
    if (!object) throw new InvalidDatasetError(name, `Reading attributes of "${path}" in "${name}": there is nothing.`);
    return guard(`read the attributes of "${path}"`, () => {
      const info = message(object, messageAttributeInfo);
      if (info) {
        const view = viewOf(info);
        const heap = readAddress(view, view.getUint8(1) & 1 ? 4 : 2);
        if (heap !== undefined) throw new Error("it has many attributes, kept in a form that jsfive does not read");
      }
      return object._dataobjects.msgs
        .filter((candidate) => candidate.get("type") === messageAttribute)
        .map((candidate) => parseAttribute(viewOf(candidate)));
    });
  }

  return {
    async list(path) {
      const object = find(path);
      if (!object) throw new InvalidDatasetError(name, `Listing "${path}" in "${name}": there is no such group.`);
      return isDataset(object) ? [] : sortByCodePoint(guard(`list "${path}"`, () => object.keys));
    },
    async stat(path) {
      const object = find(path);
      if (!object) return undefined;
      if (!isDataset(object)) return { kind: "group" };
      const { type, shape } = guard(`read the description of "${path}"`, () => describe(object));
      return { kind: "dataset", shape, dtype: type.dtype };
    },
    async read(path, range) {
      const { object, type, shape } = dataset(path, "numbers");
      const rows = resolveRows(name, path, shape, range);
      const resultShape = shape.map((axis, i) => (i === 0 ? rows.end - rows.start : axis));
      const result = allocateFor(type, resultShape, name, `"${path}"`);
      if (result.data.length === 0) return result;
      const bytes = bytesOf(path, object, type, shape.length === 0 ? [1] : shape, rows);
      if (bytes) {
        decodeNumbers(type.bigEndian ? bytes.slice() : bytes, type, result);
      } else {
        const whole = decodeWhole(path, object, type, shape);
        const rowLength = sizeOf(shape.slice(1));
        result.data.set(whole.data.subarray(rows.start * rowLength, rows.end * rowLength) as never);
      }
      return result;
    },
    async readStrings(path, range) {
      const { object, type, shape, empty } = dataset(path, "strings");
      const rows = resolveRows(name, path, shape, range);
      const rowLength = sizeOf(shape.slice(1));
      const count = (rows.end - rows.start) * rowLength;
      if (empty || count === 0) return [];
      const bytes = bytesOf(path, object, type, shape.length === 0 ? [1] : shape, rows);
      if (bytes) {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        return decodeStrings(metadata, view, type, count, `"${path}"`);
      }
      return guard(`read "${path}"`, () => {
        const values = object.value.slice(rows.start * rowLength, rows.end * rowLength);
        return values.map((value, i) => {
          if (typeof value !== "string") throw new Error(`value ${i} was never written or is no string`);
          return value.replace(/\0.*$/su, "");
        });
      });
    },
    async attributes(path) {
      return sortByCodePoint(attributeMessages(path).map((found) => found.name));
    },
    async attribute(path, attribute) {
      checkText("name", attribute, "the name of an attribute");
      const found = attributeMessages(path).find((candidate) => candidate.name === attribute);
      return found && decodeAttribute(metadata, found);
    },
    async close() {
      closed = true;
      decoded = undefined;
    },
  };
}

/** jsfive's Dataset is an Array; its Group is not. */
function isDataset(object: JsfiveGroup | JsfiveDataset): object is JsfiveDataset {
  return Array.isArray(object);
}
