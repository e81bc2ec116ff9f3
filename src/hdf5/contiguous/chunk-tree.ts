/** Half of the entries of a node: HDF5's default for chunks, the only one that superblock 0 knows. */
const halfCount = 32;

/** One chunk of whole rows in a file. */
export interface StoredChunk {
  /** First row of the chunk. */
  readonly row: number;
  readonly position: number;
  /** Bytes as stored, compressed. */
  readonly size: number;
  /** Filters that were left out for this chunk, a bit for each. */
  readonly mask: number;
}

/** The index of a chunked dataset: nodes to be written one after the other, and where the root will be. */
export interface ChunkTree {
  readonly bytes: Uint8Array;
  readonly root: number;
}

/**
 * Lays out a version 1 B-tree over chunks of whole rows (HDF5 file format 3.0, III.A.1, node type 1), bottom up.
 *
 * @param chunks in the order of their rows, at least one
 * @param rank axes of the dataset
 * @param endRow first row behind the last chunk
 * @param position where the nodes will begin
 */
export function buildChunkTree(
  chunks: readonly StoredChunk[],
  rank: number,
  endRow: number,
  position: number,
): ChunkTree {
  const keyBytes = 8 + 8 * (rank + 1);
  const nodeBytes = 24 + (2 * halfCount + 1) * keyBytes + 2 * halfCount * 8;
  const nodes: Uint8Array[] = [];
  let level = 0;
  let children = chunks;
  for (;;) {
    const parents: StoredChunk[] = [];
    const first = nodes.length;
    const count = Math.ceil(children.length / (2 * halfCount));
    for (let n = 0; n < count; n++) {
      const members = children.slice(n * 2 * halfCount, (n + 1) * 2 * halfCount);
      const bytes = new Uint8Array(nodeBytes);
      const view = new DataView(bytes.buffer);
      const at = (index: number) => position + (first + index) * nodeBytes;
      const sibling = (index: number) => (index >= 0 && index < count ? BigInt(at(index)) : 0xffff_ffff_ffff_ffffn);
      bytes.set([0x54, 0x52, 0x45, 0x45, 1, level]);
      view.setUint16(6, members.length, true);
      view.setBigUint64(8, sibling(n - 1), true);
      view.setBigUint64(16, sibling(n + 1), true);
      for (const [i, member] of members.entries()) {
        const offset = 24 + i * (keyBytes + 8);
        view.setUint32(offset, member.size, true);
        view.setUint32(offset + 4, member.mask, true);
        view.setBigUint64(offset + 8, BigInt(member.row), true);
        view.setBigUint64(offset + keyBytes, BigInt(member.position), true);
      }
      // The key behind the last child bounds it: where the next node begins, or the rows end.
      const next = children[(n + 1) * 2 * halfCount];
      view.setBigUint64(24 + members.length * (keyBytes + 8) + 8, BigInt(next?.row ?? endRow), true);
      nodes.push(bytes);
      const [begin] = members as [StoredChunk];
      parents.push({ row: begin.row, size: begin.size, mask: begin.mask, position: at(n) });
    }
    if (parents.length === 1) break;
    children = parents;
    level++;
  }
  const bytes = new Uint8Array(nodes.length * nodeBytes);
  for (const [i, node] of nodes.entries()) bytes.set(node, i * nodeBytes);
  return { bytes, root: position + (nodes.length - 1) * nodeBytes };
}
