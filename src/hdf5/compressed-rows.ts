import { createChunkEncoder, type EncodedChunk } from "./chunk-encoder.js";
import type { CompressionFilter } from "./compression.js";
import { buildChunkTree, type StoredChunk } from "./contiguous/chunk-tree.js";
import type { FilterMessage } from "./contiguous/messages.js";
import type { PartialFile } from "./contiguous/partial-file.js";
import type { RowDType } from "./convert-rows.js";

/** A chunk is what has to be unpacked for a single row: large enough to be worth it, small enough to be quick. */
const chunkBytes = 64 * 1024;
const concurrentBatches = 4;

/** Rows to be compressed from where they are to where they go. */
export interface CompressionTask {
  readonly rows: number;
  readonly rowBytes: number;
  readonly rowShape: readonly number[];
  readonly dtype: RowDType;
  /** Where the rows are in the unfinished file. */
  readonly from: number;
  /** Where the chunks begin in its replacement. */
  readonly to: number;
  readonly filter: CompressionFilter;
}

/** What the head has to say of compressed rows. */
export interface CompressedRows {
  readonly chunkRows: number;
  readonly filter: FilterMessage;
  /** Position of the index; `undefined` if there are no rows. */
  readonly tree: number | undefined;
  readonly end: number;
}

/**
 * Sees whether rows can be compressed so, before any are written.
 *
 * @throws UnsupportedError if the filter needs a package that is not there, or does not work
 */
export async function checkCompression(
  filter: CompressionFilter,
  rows: Pick<CompressionTask, "rowBytes" | "rowShape" | "dtype">,
): Promise<void> {
  await createChunkEncoder(filter, chunkForm(rows, chunkRowsOf(rows.rowBytes)));
}

/** Writes rows as compressed chunks of whole rows, with their index behind them. Memory stays constant. */
export async function writeCompressedRows(file: PartialFile, task: CompressionTask): Promise<CompressedRows> {
  const { rows, rowBytes, filter } = task;
  const chunkRows = Math.max(1, Math.min(rows, chunkRowsOf(rowBytes)));
  const encoder = await createChunkEncoder(filter, chunkForm(task, chunkRows));
  if (rows === 0) return { chunkRows, filter: encoder.filter(), tree: undefined, end: task.to };
  const batchRows = chunkRows * encoder.batchChunks;
  const encode = async (row: number) => {
    const present = Math.min(batchRows, rows - row);
    // The last chunk is stored whole, its surplus as zeros.
    const bytes = new Uint8Array(Math.ceil(present / chunkRows) * chunkRows * rowBytes);
    await file.read(task.from + row * rowBytes, bytes.subarray(0, present * rowBytes));
    return encoder.encode(bytes);
  };
  const chunks: StoredChunk[] = [];
  const ahead: { readonly row: number; readonly encoded: Promise<readonly EncodedChunk[]> }[] = [];
  let position = task.to;
  let next = 0;
  while (next < rows || ahead.length > 0) {
    for (; next < rows && ahead.length < concurrentBatches; next += batchRows) {
      const encoded = encode(next);
      encoded.catch(() => undefined);
      ahead.push({ row: next, encoded });
    }
    const batch = ahead.shift() as (typeof ahead)[number];
    for (const [i, { bytes, plain }] of (await batch.encoded).entries()) {
      await file.write(position, bytes);
      chunks.push({ row: batch.row + i * chunkRows, position, size: bytes.length, mask: plain ? 1 : 0 });
      position += bytes.length;
    }
  }
  position = Math.ceil(position / 8) * 8;
  const rank = 1 + task.rowShape.length;
  const tree = buildChunkTree(chunks, rank, Math.ceil(rows / chunkRows) * chunkRows, position);
  await file.write(position, tree.bytes);
  return { chunkRows, filter: encoder.filter(), tree: tree.root, end: position + tree.bytes.length };
}

function chunkRowsOf(rowBytes: number): number {
  return Math.max(1, Math.ceil(chunkBytes / rowBytes));
}

function chunkForm(
  { rowBytes, rowShape, dtype }: Pick<CompressionTask, "rowBytes" | "rowShape" | "dtype">,
  rows: number,
) {
  return { shape: [rows, ...rowShape], dtype, bytes: rows * rowBytes };
}
