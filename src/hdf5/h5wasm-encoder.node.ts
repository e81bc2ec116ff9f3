import type { ChunkEncoder, ChunkForm } from "./chunk-encoder.js";
import type { CompressionFilter } from "./compression.js";
import { startMemory } from "./h5wasm.node.js";
import { createH5wasmEncoder } from "./h5wasm-encoder.js";

/** Compresses chunks with a plug-in of h5wasm. */
export async function createPluginEncoder(filter: CompressionFilter, form: ChunkForm): Promise<ChunkEncoder> {
  return createH5wasmEncoder(await startMemory(), filter, form);
}
