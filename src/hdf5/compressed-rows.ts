import { buildChunkTree, type StoredChunk } from "./contiguous/chunk-tree.js";
import type { PartialFile } from "./contiguous/partial-file.js";
import { deflate } from "./deflate.node.js";

/** A chunk is what has to be unpacked for a single row: large enough to be worth it, small enough to be quick. */
const chunkBytes = 64 * 1024;
const concurrentChunks = 4;

/** Rows to be compressed from where they are to where they go. */
export interface CompressionTask {
  readonly rows: number;
  readonly rowBytes: number;
  readonly rank: number;
  /** Where the rows are in the unfinished file. */
  readonly from: number;
  /** Where the chunks begin in its replacement. */
  readonly to: number;
  readonly level: number;
}

/** What the head has to say of compressed rows. */
export interface CompressedRows {
  readonly chunkRows: number;
  /** Position of the index; `undefined` if there are no rows. */
  readonly tree: number | undefined;
  readonly end: number;
}

/** Writes rows as gzip-compressed chunks of whole rows, with their index behind them. Memory stays constant. */
export async function writeCompressedRows(file: PartialFile, task: CompressionTask): Promise<CompressedRows> {
  const { rows, rowBytes, rank, level } = task;
  const chunkRows = Math.max(1, Math.min(rows, Math.ceil(chunkBytes / rowBytes)));
  if (rows === 0) return { chunkRows, tree: undefined, end: task.to };
  const compress = async (row: number) => {
    // The last chunk is stored whole, its surplus as zeros.
    const bytes = new Uint8Array(chunkRows * rowBytes);
    const present = Math.min(chunkRows, rows - row);
    await file.read(task.from + row * rowBytes, bytes.subarray(0, present * rowBytes));
    return deflate(bytes, level);
  };
  const chunks: StoredChunk[] = [];
  const ahead: { readonly row: number; readonly bytes: Promise<Uint8Array> }[] = [];
  let position = task.to;
  let next = 0;
  while (next < rows || ahead.length > 0) {
    for (; next < rows && ahead.length < concurrentChunks; next += chunkRows) {
      const bytes = compress(next);
      bytes.catch(() => undefined);
      ahead.push({ row: next, bytes });
    }
    const { row, bytes: pending } = ahead.shift() as (typeof ahead)[number];
    const bytes = await pending;
    await file.write(position, bytes);
    chunks.push({ row, position, size: bytes.length });
    position += bytes.length;
  }
  position = Math.ceil(position / 8) * 8;
  const tree = buildChunkTree(chunks, rank, Math.ceil(rows / chunkRows) * chunkRows, position);
  await file.write(position, tree.bytes);
  return { chunkRows, tree: tree.root, end: position + tree.bytes.length };
}
