import { InvalidDatasetError, UnsupportedError } from "../../errors.js";
import { lookup3 } from "./lookup3.js";
import { type MetadataReader, readAddress } from "./metadata-reader.js";

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** The head of an HDF5 file: where the root group is described. */
export interface Superblock {
  readonly version: number;
  readonly rootHeader: number;
}

/**
 * Reads the superblock, versions 0 to 3 (HDF5 file format 3.0, II.A), and checks that the file is as long as it says.
 *
 * @throws InvalidDatasetError if the bytes are not HDF5 or end early
 */
export async function readSuperblock(metadata: MetadataReader): Promise<Superblock> {
  const { name, size } = metadata;
  const head = size >= 48 ? await metadata.view(0, Math.min(96, size)) : undefined;
  if (!head || !hasSignature(head)) {
    if (await hasUserBlock(metadata)) throw userBlockError(name);
    throw new InvalidDatasetError(name, `"${name}" is not an HDF5 file: it does not begin with HDF5's signature.`);
  }
  const version = head.getUint8(8);
  if (version > 3) {
    throw new UnsupportedError(`"${name}" has an HDF5 superblock of version ${version}; 0 to 3 are known here.`);
  }
  const old = version < 2;
  if (head.getUint8(old ? 13 : 9) !== 8 || head.getUint8(old ? 14 : 10) !== 8) {
    throw new UnsupportedError(`"${name}" does not use 8-byte addresses. Use \`engine: h5wasm()\` for it.`);
  }
  // Version 1 has four more bytes before the addresses.
  const addresses = old ? (version === 1 ? 28 : 24) : 12;
  if (head.byteLength < (old ? addresses + 48 : 48)) {
    throw new InvalidDatasetError(name, `"${name}" ends within its head. It is cut short.`);
  }
  if (!old && lookup3(new Uint8Array(head.buffer, head.byteOffset, 44)) !== head.getUint32(44, true)) {
    throw new InvalidDatasetError(name, `"${name}" is damaged: the checksum of its head differs.`);
  }
  if (readAddress(head, addresses) !== 0) {
    throw userBlockError(name);
  }
  const endOfFile = readAddress(head, addresses + 16);
  const rootHeader = readAddress(head, old ? addresses + 40 : addresses + 24);
  if (endOfFile === undefined || endOfFile > size) {
    throw new InvalidDatasetError(
      name,
      `"${name}" is cut short: its head says ${endOfFile ?? "nothing about its"} bytes, it has ${size}.`,
    );
  }
  if (rootHeader === undefined || rootHeader >= size) {
    throw new InvalidDatasetError(name, `"${name}" is damaged: its root group lies outside of the file.`);
  }
  return { version, rootHeader };
}

function hasSignature(view: DataView): boolean {
  return signature.every((byte, i) => view.getUint8(i) === byte);
}

/** Whether the file begins later: at 512 bytes, or any doubling of that (II.A), behind something of its writer's own. */
async function hasUserBlock(metadata: MetadataReader): Promise<boolean> {
  for (let position = 512; position + 48 <= metadata.size; position *= 2) {
    if (hasSignature(await metadata.view(position, signature.length))) return true;
  }
  return false;
}

function userBlockError(name: string): UnsupportedError {
  return new UnsupportedError(`"${name}" has a user block before its data. Use \`engine: h5wasm()\` for it.`);
}
