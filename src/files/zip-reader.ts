import { crc32 } from "../checksum/crc32.node.js";
import { InvalidModelError, UnsupportedError } from "../errors.js";
import type { ByteSource } from "../hdf5/contiguous/byte-source.js";
import { inflate } from "./inflate.node.js";

/** A file in a zip archive. */
interface ZipMember {
  readonly name: string;
  readonly method: number;
  readonly flags: number;
  readonly checksum: number;
  readonly storedBytes: number;
  readonly bytes: number;
  /** Position of its own header. */
  readonly position: number;
}

/** An open zip archive. */
export interface ZipArchive {
  readonly names: readonly string[];
  /**
   * The bytes of a member, checked against its checksum.
   *
   * @throws InvalidModelError if there is no such member, it is damaged, or it expands beyond all measure
   */
  read(name: string): Promise<Uint8Array>;
}

const endSignature = 0x06054b50;
const end64LocatorSignature = 0x07064b50;
const end64Signature = 0x06064b50;
const directorySignature = 0x02014b50;
const memberSignature = 0x04034b50;
const endBytes = 22;
const greatestComment = 0xffff;
const greatestDirectory = 2 ** 26;

/** A member that expands to so many times its size, and to more than the floor, is made to fill the memory. */
const greatestExpansion = 100;
const expansionFloor = 2 ** 26;

/**
 * Opens a zip archive (APPNOTE 6.3, also zip64) by its central directory. Nothing is ever written to a disk; names that
 * lead out of a folder, names that are there twice, and members that lie over each other are refused all the same, as
 * Keras makes none.
 *
 * @throws InvalidModelError if it is damaged or was made to do harm
 * @throws UnsupportedError if it is encrypted or split
 */
export async function openZip(source: ByteSource): Promise<ZipArchive> {
  const damaged = (what: string, cause?: unknown): InvalidModelError =>
    new InvalidModelError(`"${source.name}" cannot be read as a zip archive: ${what}. It is damaged or cut short.`, {
      cause,
    });
  const members = await readDirectory(source, damaged);
  const byName = new Map(members.map((member) => [member.name, member]));
  if (byName.size !== members.length) {
    const twice = members.find(({ name }, index) => members[index] !== byName.get(name))?.name;
    throw damaged(`it has two members named "${twice}"`);
  }
  for (const { name } of members) {
    if (/^([/\\]|[A-Za-z]:)|(^|[/\\])\.\.([/\\]|$)|\0/.test(name)) {
      throw damaged(`a member is named ${JSON.stringify(name)}, which leads out of its folder`);
    }
  }
  const inOrder = [...members].sort((a, b) => a.position - b.position);
  for (const [index, member] of inOrder.entries()) {
    const next = inOrder[index + 1]?.position ?? source.size;
    // Each has a header of 30 bytes and its name before its data.
    if (member.position + 30 + member.storedBytes > next) throw damaged(`"${member.name}" lies over what follows it`);
  }

  async function read(name: string): Promise<Uint8Array> {
    const member = byName.get(name);
    if (member === undefined) {
      throw damaged(`it has no member "${name}", but ${members.map((each) => `"${each.name}"`).join(", ") || "none"}`);
    }
    if ((member.flags & 1) !== 0) throw new UnsupportedError(`"${name}" in "${source.name}" is encrypted.`);
    if (member.bytes > expansionFloor && member.bytes > greatestExpansion * member.storedBytes) {
      throw new InvalidModelError(
        `"${name}" in "${source.name}" claims to expand from ${member.storedBytes} to ${member.bytes} bytes: it is damaged, or made to fill the memory.`,
      );
    }
    const header = await view(source, member.position, 30);
    if (header.getUint32(0, true) !== memberSignature) throw damaged(`"${name}" does not begin where it should`);
    const start = member.position + 30 + header.getUint16(26, true) + header.getUint16(28, true);
    if (start + member.storedBytes > source.size) throw damaged(`"${name}" reaches beyond the end`);
    const stored = new Uint8Array(member.storedBytes);
    await source.read(start, stored);
    const bytes = await expand(member, stored);
    if (bytes.length !== member.bytes) {
      throw damaged(`"${name}" has ${bytes.length} bytes instead of ${member.bytes}`);
    }
    if (crc32(bytes, 0) !== member.checksum) throw damaged(`the checksum of "${name}" is wrong`);
    return bytes;
  }

  async function expand(member: ZipMember, stored: Uint8Array): Promise<Uint8Array> {
    if (member.method === 0) return stored;
    if (member.method !== 8) {
      throw new UnsupportedError(
        `"${member.name}" in "${source.name}" is compressed by method ${member.method}; stored and deflated members can be read.`,
      );
    }
    try {
      return await inflate(stored, member.bytes);
    } catch (cause) {
      throw damaged(`"${member.name}" cannot be expanded`, cause);
    }
  }

  return { names: members.map(({ name }) => name), read };
}

async function view(source: ByteSource, position: number, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length);
  await source.read(position, bytes);
  return new DataView(bytes.buffer);
}

type Damaged = (what: string) => InvalidModelError;

async function readDirectory(source: ByteSource, damaged: Damaged): Promise<readonly ZipMember[]> {
  const { count, bytes, position } = await findDirectory(source, damaged);
  if (bytes > greatestDirectory || position + bytes > source.size)
    throw damaged("its directory is not where it should be");
  const directory = await view(source, position, bytes);
  const members: ZipMember[] = [];
  for (let at = 0; members.length < count; ) {
    if (at + 46 > bytes || directory.getUint32(at, true) !== directorySignature) {
      throw damaged(`its directory ends after ${members.length} of ${count} members`);
    }
    const nameBytes = directory.getUint16(at + 28, true);
    const extraBytes = directory.getUint16(at + 30, true);
    const next = at + 46 + nameBytes + extraBytes + directory.getUint16(at + 32, true);
    if (next > bytes) throw damaged("a name in its directory reaches beyond the end");
    const name = new TextDecoder().decode(new Uint8Array(directory.buffer, at + 46, nameBytes));
    const sizes = wideSizes(
      new DataView(directory.buffer, at + 46 + nameBytes, extraBytes),
      [directory.getUint32(at + 24, true), directory.getUint32(at + 20, true), directory.getUint32(at + 42, true)],
      damaged,
    );
    members.push({
      name,
      flags: directory.getUint16(at + 8, true),
      method: directory.getUint16(at + 10, true),
      checksum: directory.getUint32(at + 16, true),
      bytes: sizes[0],
      storedBytes: sizes[1],
      position: sizes[2],
    });
    at = next;
  }
  return members;
}

/** Size, stored size and position; those that do not fit into 32 bits are in the zip64 part of the extra data. */
function wideSizes(
  extra: DataView,
  narrow: readonly [number, number, number],
  damaged: Damaged,
): [number, number, number] {
  const wide: number[] = [];
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const length = extra.getUint16(at + 2, true);
    if (at + 4 + length > extra.byteLength) throw damaged("the extra data of a member reaches beyond its end");
    if (extra.getUint16(at, true) === 1) {
      for (let i = 0; i + 8 <= length; i += 8) wide.push(number64(extra, at + 4 + i, damaged));
    }
    at += 4 + length;
  }
  let used = 0;
  const sizes = narrow.map((size) => (size === 0xffffffff ? wide[used++] : size));
  if (sizes.includes(undefined)) throw damaged("a member's zip64 sizes are missing");
  return sizes as [number, number, number];
}

function number64(bytes: DataView, at: number, damaged: Damaged): number {
  const value = Number(bytes.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw damaged("it gives a size beyond all files");
  return value;
}

interface Directory {
  readonly count: number;
  readonly bytes: number;
  readonly position: number;
}

async function findDirectory(source: ByteSource, damaged: Damaged): Promise<Directory> {
  const length = Math.min(source.size, endBytes + greatestComment);
  const tail = await view(source, source.size - length, length);
  for (let at = length - endBytes; at >= 0; at--) {
    if (tail.getUint32(at, true) !== endSignature) continue;
    if (at + endBytes + tail.getUint16(at + 20, true) !== length) continue;
    if (tail.getUint16(at + 4, true) !== 0 && tail.getUint16(at + 4, true) !== 0xffff) {
      throw new UnsupportedError(`"${source.name}" is a part of a split zip archive. Join its parts.`);
    }
    const directory = {
      count: tail.getUint16(at + 10, true),
      bytes: tail.getUint32(at + 12, true),
      position: tail.getUint32(at + 16, true),
    };
    const isWide = directory.count === 0xffff || directory.bytes === 0xffffffff || directory.position === 0xffffffff;
    return isWide ? findWideDirectory(source, source.size - length + at, damaged) : directory;
  }
  throw damaged("it does not end as one");
}

async function findWideDirectory(source: ByteSource, end: number, damaged: Damaged): Promise<Directory> {
  if (end < 20) throw damaged("its zip64 locator is missing");
  const locator = await view(source, end - 20, 20);
  if (locator.getUint32(0, true) !== end64LocatorSignature) throw damaged("its zip64 locator is missing");
  const position = number64(locator, 8, damaged);
  if (position + 56 > source.size) throw damaged("its zip64 end is not where it should be");
  const record = await view(source, position, 56);
  if (record.getUint32(0, true) !== end64Signature) throw damaged("its zip64 end is not where it should be");
  return {
    count: number64(record, 32, damaged),
    bytes: number64(record, 40, damaged),
    position: number64(record, 48, damaged),
  };
}
