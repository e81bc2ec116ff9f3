import type { ResolvedBatchOptions } from "./batch-options.js";

/** Memory that a good buffer for mixing takes, if rows are not so large that it holds too few blocks then. */
const bufferBytes = 64 * 1024 * 1024;
const fewestBlocks = 8;

/** Says where shuffling in this way reads whole blocks of rows again and again, and how it would not. */
export function shuffleWarnings(
  source: { readonly name: string; readonly path: string; readonly rowBytes: number; readonly blockRows: number },
  shuffle: ResolvedBatchOptions["shuffle"],
): readonly string[] {
  const { name, path, rowBytes, blockRows } = source;
  const together = typeof shuffle === "object" ? shuffle.blockRows : shuffle ? 1 : blockRows;
  if (together >= blockRows) return [];
  const blocks = Math.max(fewestBlocks, Math.floor(bufferBytes / (blockRows * rowBytes)));
  return [
    `"${path}" in "${name}" is stored so that rows can only be read in blocks of ${blockRows} (${((blockRows * rowBytes) / 2 ** 20).toFixed(1)} MiB), but they are shuffled in blocks of ${together}: most of what is read is thrown away. Shuffle with \`shuffle: { blockRows: ${blockRows}, bufferRows: ${blocks * blockRows} }\`, or copy the rows into an uncompressed file of HDF5DatasetWriter, where single rows can be read.`,
  ];
}
