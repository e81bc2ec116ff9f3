import { ClosedError, InvalidDatasetError, UnsupportedError } from "../../errors.js";
import { type Shape, sizeOf } from "../../ndarray.js";
import { checkText } from "../../options/check-option.js";
import { checkDatasetKind } from "../check-dataset-kind.js";
import { sortByCodePoint } from "../code-point-order.js";
import type { HDF5File } from "../engine.js";
import { normalizePath, type RowRange, resolveRows } from "../row-range.js";
import { type AttributeMessage, decodeAttribute, parseAttribute } from "./attribute.js";
import type { ByteSource } from "./byte-source.js";
import { type DatasetDescription, describeDataset } from "./dataset.js";
import type { Datatype } from "./datatype.js";
import { type Link, readLinks } from "./links.js";
import { createMetadataReader, readAddress } from "./metadata-reader.js";
import { type HeaderMessage, messageTypes, readObjectHeader } from "./object-header.js";
import { readSuperblock } from "./superblock.js";
import { allocateFor, decodeNumbers, decodeStrings } from "./values.js";

/** A dataset whose rows are one run of bytes: row `i` lies at `position + i * rowBytes`. */
export interface RowLocation {
  readonly source: ByteSource;
  readonly position: number;
  readonly rowBytes: number;
  readonly type: Datatype;
  readonly shape: Shape;
}

/** An open file of the contiguous reader. */
export interface ContiguousFile extends HDF5File {
  /** Where a dataset's rows are; `undefined` if they are not one run of bytes in the file. */
  locate(path: string): Promise<RowLocation | undefined>;
  /** Whether a dataset was announced but nothing was ever written to it, so that it reads as fill values. */
  isUnwritten(path: string): Promise<boolean>;
}

const greatestLinkDepth = 16;
/** Bytes of strings that were announced and never written: 16 million, as references. They take no room in the file. */
const greatestFilled = 256 * 1024 * 1024;

/** Opens an HDF5 file over a source, which it closes in the end. */
export async function openContiguousFile(source: ByteSource): Promise<ContiguousFile> {
  const metadata = createMetadataReader(source);
  const { name } = source;
  const { rootHeader } = await readSuperblock(metadata);
  const headers = new Map<number, Promise<readonly HeaderMessage[]>>();
  let closed = false;

  function checkOpen(doing: string): void {
    if (closed) throw new ClosedError(`"${name}" is closed: ${doing} came after \`close\`.`);
  }

  /** Positions that lie outside of a structure are damage, whatever the engine of JavaScript calls them. */
  async function guard<T>(doing: string, action: () => Promise<T>): Promise<T> {
    checkOpen(doing);
    try {
      return await action();
    } catch (cause) {
      if (!(cause instanceof RangeError || cause instanceof TypeError)) throw cause;
      throw new InvalidDatasetError(name, `Cannot ${doing} in "${name}": ${cause.message}. The file is damaged.`, {
        cause,
      });
    }
  }

  function header(address: number): Promise<readonly HeaderMessage[]> {
    let messages = headers.get(address);
    if (!messages) {
      if (headers.size > 256) headers.clear();
      messages = readObjectHeader(metadata, address);
      headers.set(address, messages);
      messages.catch(() => headers.delete(address));
    }
    return messages;
  }

  async function find(path: string, depth = 0): Promise<readonly HeaderMessage[] | undefined> {
    let messages = await header(rootHeader);
    const parts = normalizePath(path).split("/").filter(Boolean);
    for (const [i, part] of parts.entries()) {
      const link: Link | undefined = (await readLinks(metadata, messages))?.get(part);
      if (!link) return undefined;
      if (link.kind === "external") {
        // Not "unsupported": another engine would follow it to any file of this machine.
        throw new InvalidDatasetError(name, `"${path}" in "${name}" leads into another file, which is not followed.`);
      }
      if (link.kind === "hard") {
        messages = await header(link.address);
        continue;
      }
      if (depth >= greatestLinkDepth) {
        throw new InvalidDatasetError(name, `"${path}" in "${name}" is a link that leads to itself.`);
      }
      const start = link.path.startsWith("/") ? "" : `/${parts.slice(0, i).join("/")}`;
      const target = await find(`${start}/${link.path}`, depth + 1);
      if (!target) return undefined;
      messages = target;
    }
    return messages;
  }

  async function dataset(path: string, wanted: "numbers" | "strings"): Promise<DatasetDescription> {
    const messages = await find(path);
    const description = messages && describeDataset(metadata, messages, path);
    if (!description) {
      throw new InvalidDatasetError(name, `Reading "${path}" in "${name}": there is no such dataset.`);
    }
    checkDatasetKind(name, path, description.type.dtype, wanted);
    return description;
  }

  /** The stored bytes of some rows, into a buffer of the right length. */
  async function readBytes(path: string, description: DatasetDescription, rows: RowRange, target: Uint8Array) {
    const { storage, type, shape } = description;
    const start = rows.start * sizeOf((shape ?? []).slice(1)) * type.size;
    switch (storage.kind) {
      case "contiguous":
        await source.read(storage.position + start, target);
        return;
      case "compact":
        if (start + target.length > storage.bytes.length)
          throw new RangeError("fewer values are stored than described");
        target.set(storage.bytes.subarray(start, start + target.length));
        return;
      case "fill":
        if (storage.element.some((byte) => byte !== 0)) {
          for (let i = 0; i < target.length; i += type.size) target.set(storage.element, i);
        } else {
          target.fill(0);
        }
        return;
      case "other":
        throw new UnsupportedError(
          `Cannot read "${path}" in "${name}": ${storage.reason}, which this reader does not know. Use \`engine: h5wasm()\`.`,
        );
    }
  }

  async function attributeMessages(path: string): Promise<AttributeMessage[]> {
    const messages = await find(path);
    if (!messages) {
      throw new InvalidDatasetError(name, `Reading attributes of "${path}" in "${name}": there is no such object.`);
    }
    const info = messages.find((message) => message.type === messageTypes.attributeInfo);
    if (info && readAddress(info.data, info.data.getUint8(1) & 1 ? 4 : 2) !== undefined) {
      throw new UnsupportedError(
        `"${path}" in "${name}" has many attributes, in a form that this reader does not know. Use \`engine: h5wasm()\`.`,
      );
    }
    return messages
      .filter((message) => message.type === messageTypes.attribute)
      .map((message) => {
        if (message.shared) {
          throw new UnsupportedError(`"${path}" in "${name}" has a shared attribute. Use \`engine: h5wasm()\`.`);
        }
        return parseAttribute(message.data);
      });
  }

  return {
    list: (path) =>
      guard(`list "${path}"`, async () => {
        const messages = await find(path);
        const links = messages && (await readLinks(metadata, messages));
        if (!links) {
          if (messages && describeDataset(metadata, messages, path)) return [];
          throw new InvalidDatasetError(name, `Listing "${path}" in "${name}": there is no such group.`);
        }
        return sortByCodePoint([...links.keys()]);
      }),

    stat: (path) =>
      guard(`look up "${path}"`, async () => {
        const messages = await find(path);
        if (!messages) return undefined;
        const description = describeDataset(metadata, messages, path);
        if (!description) return { kind: "group" };
        return { kind: "dataset", shape: description.shape ?? [0], dtype: description.type.dtype };
      }),

    read: (path, range) =>
      guard(`read "${path}"`, async () => {
        const description = await dataset(path, "numbers");
        const { type, shape } = description;
        const rows = resolveRows(name, path, shape ?? [0], range);
        const resultShape = (shape ?? [0]).map((axis, i) => (i === 0 ? rows.end - rows.start : axis));
        const result = allocateFor(type, resultShape, name, `"${path}"`);
        if (result.data.length === 0) return result;
        if (type.dtype === "float16") {
          const bytes = new Uint8Array(result.data.length * 2);
          await readBytes(path, description, rows, bytes);
          decodeNumbers(bytes, type, result);
        } else {
          const bytes = new Uint8Array(result.data.buffer);
          await readBytes(path, description, rows, bytes);
          decodeNumbers(bytes, type, result);
        }
        return result;
      }),

    readStrings: (path, range) =>
      guard(`read "${path}"`, async () => {
        const description = await dataset(path, "strings");
        const { type, shape } = description;
        if (shape === null) return [];
        const rows = resolveRows(name, path, shape, range);
        const count = (rows.end - rows.start) * sizeOf(shape.slice(1));
        const most = description.storage.kind === "fill" ? greatestFilled : metadata.size;
        if (count * type.size > most) {
          throw new RangeError("more strings are described than the file can hold");
        }
        const bytes = new Uint8Array(count * type.size);
        await readBytes(path, description, rows, bytes);
        return decodeStrings(metadata, new DataView(bytes.buffer), type, count, `"${path}"`);
      }),

    attributes: (path) =>
      guard(`read the attributes of "${path}"`, async () =>
        sortByCodePoint((await attributeMessages(path)).map((message) => message.name)),
      ),

    attribute: (path, attribute) =>
      guard(`read the attribute "${attribute}" of "${path}"`, async () => {
        checkText("name", attribute, "the name of an attribute");
        const message = (await attributeMessages(path)).find((candidate) => candidate.name === attribute);
        return message && decodeAttribute(metadata, message);
      }),

    locate: (path) =>
      guard(`find the rows of "${path}"`, async () => {
        const { type, shape, storage } = await dataset(path, "numbers");
        if (storage.kind !== "contiguous" || !shape || shape.length === 0) return undefined;
        return { source, position: storage.position, rowBytes: sizeOf(shape.slice(1)) * type.size, type, shape };
      }),

    isUnwritten: (path) =>
      guard(`look up "${path}"`, async () => {
        const { storage, shape } = await dataset(path, "numbers");
        return storage.kind === "fill" && shape !== null && sizeOf(shape) > 0;
      }),

    async close() {
      closed = true;
      await source.close();
    },
  };
}
