import { InvalidDatasetError } from "../../errors.js";
import type { ByteSource } from "./byte-source.js";
import type { StoredChunk } from "./chunk-tree.js";
import { readLinks } from "./links.js";
import { createMetadataReader, readAddress } from "./metadata-reader.js";
import { messageTypes, readObjectHeader } from "./object-header.js";
import { readSuperblock } from "./superblock.js";

const greatestDepth = 16;

/**
 * Where the chunks of a dataset in the root group are, in the order of their rows. Reads version 1 B-trees (HDF5 file
 * format 3.0, III.A.1, node type 1) of layouts of version 3, which is what libhdf5 makes in files of its oldest format.
 *
 * @throws InvalidDatasetError if there is no such dataset or it is stored in another way
 */
export async function readStoredChunks(source: ByteSource, dataset: string): Promise<readonly StoredChunk[]> {
  const metadata = createMetadataReader(source);
  const unknown = () =>
    new InvalidDatasetError(
      source.name,
      `"${dataset}" in "${source.name}" is not stored in chunks that are known here.`,
    );
  const { rootHeader } = await readSuperblock(metadata);
  const link = (await readLinks(metadata, await readObjectHeader(metadata, rootHeader)))?.get(dataset);
  if (link?.kind !== "hard") throw unknown();
  const messages = await readObjectHeader(metadata, link.address);
  const layout = messages.find(({ type }) => type === messageTypes.layout)?.data;
  if (!layout || layout.byteLength < 11 || layout.getUint8(0) !== 3 || layout.getUint8(1) !== 2) throw unknown();
  const keyBytes = 8 + 8 * layout.getUint8(2);
  const chunks: StoredChunk[] = [];

  async function visit(position: number, depth: number): Promise<void> {
    const head = await metadata.view(position, 24);
    if (head.getUint32(0, false) !== 0x54524545 || head.getUint8(4) !== 1 || depth > greatestDepth) throw unknown();
    const level = head.getUint8(5);
    const count = head.getUint16(6, true);
    const view = await metadata.view(position + 24, count * (keyBytes + 8));
    for (let i = 0; i < count; i++) {
      const at = i * (keyBytes + 8);
      const child = readAddress(view, at + keyBytes);
      if (child === undefined) throw unknown();
      if (level > 0) {
        await visit(child, depth + 1);
        continue;
      }
      const row = Number(view.getBigUint64(at + 8, true));
      chunks.push({ row, position: child, size: view.getUint32(at, true), mask: view.getUint32(at + 4, true) });
    }
  }

  const tree = readAddress(layout, 3);
  if (tree !== undefined) await visit(tree, 0);
  return chunks;
}
