import { InvalidDatasetError, UnsupportedError } from "../../errors.js";
import { type MetadataReader, readAddress } from "./metadata-reader.js";
import { type HeaderMessage, messageTypes } from "./object-header.js";

/** What a name in a group leads to: an object's header, another path, or another file. */
export type Link =
  | { readonly kind: "hard"; readonly address: number }
  | { readonly kind: "soft"; readonly path: string }
  | { readonly kind: "external" };

const greatestLinkCount = 1_000_000;
const greatestDepth = 16;

/** Reads the members of a group: symbol tables and compact links. `undefined` if the object is not a group. */
export async function readLinks(
  metadata: MetadataReader,
  messages: readonly HeaderMessage[],
): Promise<ReadonlyMap<string, Link> | undefined> {
  const table = messages.find((message) => message.type === messageTypes.symbolTable);
  const info = messages.find((message) => message.type === messageTypes.linkInfo);
  const compact = messages.filter((message) => message.type === messageTypes.link);
  if (!table && !info && compact.length === 0) return undefined;
  const links = new Map<string, Link>();
  if (table) {
    const tree = readAddress(table.data, 0);
    const heap = readAddress(table.data, 8);
    if (tree === undefined || heap === undefined) throw damaged(metadata, "a group without a table");
    await readTree(metadata, tree, await readLocalHeap(metadata, heap), links);
  }
  if (info) {
    const heap = readAddress(info.data, info.data.getUint8(1) & 1 ? 10 : 2);
    if (heap !== undefined) {
      throw new UnsupportedError(
        `"${metadata.name}" has a group with many members, in a form that this reader does not know. Use \`engine: h5wasm()\`.`,
      );
    }
  }
  for (const message of compact) {
    const [name, link] = parseLink(message.data);
    links.set(name, link);
  }
  for (const name of links.keys()) {
    // Such a name would lead back to the group itself, or elsewhere than into it.
    if (name === "" || name.includes("/")) throw damaged(metadata, `a member with the impossible name "${name}"`);
  }
  return links;
}

function damaged(metadata: MetadataReader, what: string): InvalidDatasetError {
  return new InvalidDatasetError(metadata.name, `Reading "${metadata.name}": it has ${what}. The file is damaged.`);
}

/** Parses a link message (IV.A.2.g). */
function parseLink(view: DataView): [string, Link] {
  const flags = view.getUint8(1);
  let offset = 2;
  const type = flags & 8 ? view.getUint8(offset++) : 0;
  if (flags & 4) offset += 8;
  if (flags & 16) offset += 1;
  const width = 1 << (flags & 3);
  const length =
    width === 1
      ? view.getUint8(offset)
      : width === 2
        ? view.getUint16(offset, true)
        : width === 4
          ? view.getUint32(offset, true)
          : Number(view.getBigUint64(offset, true));
  offset += width;
  const name = text(view, offset, length);
  offset += length;
  if (type === 0) return [name, { kind: "hard", address: readAddress(view, offset) ?? -1 }];
  if (type === 1) return [name, { kind: "soft", path: text(view, offset + 2, view.getUint16(offset, true)) }];
  return [name, { kind: "external" }];
}

function text(view: DataView, offset: number, length: number): string {
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + offset, length));
}

async function readLocalHeap(metadata: MetadataReader, address: number): Promise<(offset: number) => string> {
  const head = await metadata.view(address, 32);
  const position = readAddress(head, 24);
  if (head.getUint32(0, false) !== 0x48454150 || position === undefined) throw damaged(metadata, "no table of names");
  const data = await metadata.view(position, readAddress(head, 8) ?? 0);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return (offset) => {
    const end = bytes.indexOf(0, offset);
    if (offset >= bytes.length || end < 0) throw damaged(metadata, "a name outside of its table");
    return new TextDecoder().decode(bytes.subarray(offset, end));
  };
}

async function readTree(
  metadata: MetadataReader,
  address: number,
  nameAt: (offset: number) => string,
  links: Map<string, Link>,
  depth = 0,
): Promise<void> {
  const head = await metadata.view(address, 24);
  const count = head.getUint16(6, true);
  if (head.getUint32(0, false) !== 0x54524545 || head.getUint8(4) !== 0 || depth > greatestDepth) {
    throw damaged(metadata, "a group whose table is broken");
  }
  const leaf = head.getUint8(5) === 0;
  const view = await metadata.view(address + 24, 16 * count + 8);
  for (let i = 0; i < count; i++) {
    const child = readAddress(view, 16 * i + 8) ?? -1;
    if (leaf) await readSymbols(metadata, child, nameAt, links);
    else await readTree(metadata, child, nameAt, links, depth + 1);
    if (links.size > greatestLinkCount) throw damaged(metadata, "a group with a table without end");
  }
}

async function readSymbols(
  metadata: MetadataReader,
  address: number,
  nameAt: (offset: number) => string,
  links: Map<string, Link>,
): Promise<void> {
  const head = await metadata.view(address, 8);
  if (head.getUint32(0, false) !== 0x534e4f44) throw damaged(metadata, "a group whose table is broken");
  const count = head.getUint16(6, true);
  const view = await metadata.view(address + 8, 40 * count);
  for (let i = 0; i < count; i++) {
    const entry = 40 * i;
    const name = nameAt(Number(view.getBigUint64(entry, true)));
    const soft = view.getUint32(entry + 16, true) === 2;
    links.set(
      name,
      soft
        ? { kind: "soft", path: nameAt(view.getUint32(entry + 24, true)) }
        : { kind: "hard", address: readAddress(view, entry + 8) ?? -1 },
    );
  }
}
