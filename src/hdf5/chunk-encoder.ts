import type { CompressionFilter } from "./compression.js";
import type { FilterMessage } from "./contiguous/messages.js";
import type { RowDType } from "./convert-rows.js";
import { deflate } from "./deflate.node.js";
import { createPluginEncoder } from "./h5wasm-encoder.node.js";

/** Chunks of a dataset. */
export interface ChunkForm {
  /** Shape of one chunk: rows, then the shape of a row. */
  readonly shape: readonly number[];
  readonly dtype: RowDType;
  readonly bytes: number;
}

/** A chunk as it is stored. */
export interface EncodedChunk {
  readonly bytes: Uint8Array;
  /** Set where the filter could not make the chunk smaller and it is stored as it is. */
  readonly plain: boolean;
}

/** Compresses chunks one after the other. */
export interface ChunkEncoder {
  /** Chunks that are best given at once. */
  readonly batchChunks: number;
  encode(chunks: Uint8Array): Promise<readonly EncodedChunk[]>;
  /** How the file tells of the filter; known once a chunk was encoded. */
  filter(): FilterMessage;
}

/**
 * Makes the encoder of a filter.
 *
 * @throws UnsupportedError if it needs a package that is not there, or does not work
 */
export async function createChunkEncoder(filter: CompressionFilter, form: ChunkForm): Promise<ChunkEncoder> {
  if (filter.name !== "gzip") return createPluginEncoder(filter, form);
  const [level] = filter.parameters as readonly [number];
  return {
    batchChunks: 1,
    encode: async (chunk) => [{ bytes: await deflate(chunk, level), plain: false }],
    filter: () => ({ id: filter.id, name: "deflate", values: [level] }),
  };
}
