import { UnsupportedError } from "../errors.js";
import type { ChunkEncoder, ChunkForm, EncodedChunk } from "./chunk-encoder.js";
import type { CompressionFilter } from "./compression.js";
import { memorySource } from "./contiguous/memory-source.js";
import { readStoredChunks } from "./contiguous/stored-chunks.js";
import type { H5wasm } from "./h5wasm-module.js";
import { itemSize } from "./typed-array.js";

const batchBytes = 4 * 1024 * 1024;
/** So many zeros become smaller in any way that works; of a few bytes some make more. */
const provingBytes = 4096;
const target = "/chunks";
let nextFile = 0;

/**
 * Compresses chunks with a plug-in of h5wasm: libhdf5 writes them into a small file in memory, from which they are
 * taken as they are stored. Each is unpacked again and compared, as h5wasm tells of no failure: the plug-ins are built
 * for another version of it.
 *
 * @throws UnsupportedError if the plug-in is not there, or does not give back what it was given
 */
export async function createH5wasmEncoder(
  h5wasm: H5wasm,
  filter: CompressionFilter,
  form: ChunkForm,
): Promise<ChunkEncoder> {
  const { module } = h5wasm;
  const [chunkRows = 1, ...rowShape] = form.shape;
  let values: readonly number[] | undefined;
  await h5wasm.addPlugin(filter.id);

  /** Chunks as the filter makes them; `undefined` if it did not take all of them. */
  async function attempt(bytes: Uint8Array): Promise<readonly EncodedChunk[] | undefined> {
    const count = bytes.length / form.bytes;
    const path = `/encode-chunks-${nextFile++}.h5`;
    try {
      if (!write(path, bytes, count)) return undefined;
      const stored = module.FS.readFile(path);
      const chunks = await readStoredChunks(memorySource(stored, path), target.slice(1));
      const whole = chunks.length === count && chunks.every(({ row, mask }, i) => row === i * chunkRows && mask === 0);
      if (!whole || !readsBack(path, bytes, count)) return undefined;
      return chunks.map(({ position, size }) => ({ bytes: stored.subarray(position, position + size), plain: false }));
    } finally {
      h5wasm.takeDiagnosis();
      module.FS.unlink(path);
    }
  }

  function write(path: string, bytes: Uint8Array, count: number): boolean {
    const truncate = 2;
    const file = module.open(path, truncate, false, module.H5F_LIBVER_EARLIEST, module.H5F_LIBVER_LATEST);
    if (file < 0n) return false;
    h5wasm.takeDiagnosis();
    const pointer = module._malloc(bytes.length);
    let status = -1;
    try {
      if (pointer === 0) return false;
      module.HEAPU8.set(bytes, pointer);
      const shape = [BigInt(count * chunkRows), ...rowShape.map(BigInt)];
      status = module.create_dataset(file, target, BigInt(pointer), {
        shape,
        maxshape: shape,
        chunks: form.shape.map(BigInt),
        compression: filter.id,
        compression_opts: [...filter.parameters],
        littleEndian: true,
        vlen: false,
        // Filters look at the size of elements only; half-precision numbers have no other name in h5wasm.
        type: 0,
        size: itemSize(form.dtype),
        signed: false,
      });
      // The filter has completed its parameters, also where it then leaves chunks as they are.
      if (status >= 0) values ??= module.get_dataset_filters(file, target)[0]?.cd_values;
    } finally {
      if (pointer !== 0) module._free(pointer);
      if (module.flush(file) < 0) status = -1;
      if (module.close_file(file) < 0) status = -1;
    }
    return status >= 0 && h5wasm.takeDiagnosis() === undefined;
  }

  function readsBack(path: string, bytes: Uint8Array, count: number): boolean {
    const file = module.open(path, 0, false, -1, -1);
    if (file < 0n) return false;
    const pointer = module._malloc(bytes.length);
    try {
      if (pointer === 0) return false;
      const shape = [BigInt(count * chunkRows), ...rowShape.map(BigInt)];
      const offset = shape.map(() => 0n);
      const strides = shape.map(() => 1n);
      if (module.get_dataset_data(file, target, shape, offset, strides, BigInt(pointer)) < 0) return false;
      const back = module.HEAPU8.subarray(pointer, pointer + bytes.length);
      return sameBytes(bytes, back);
    } finally {
      if (pointer !== 0) module._free(pointer);
      module.close_file(file);
    }
  }

  const factor = Math.ceil(provingBytes / form.bytes);
  if (factor > 1) {
    const larger = { ...form, shape: [factor * chunkRows, ...rowShape], bytes: factor * form.bytes };
    await createH5wasmEncoder(h5wasm, filter, larger);
  }
  const smaller = await attempt(new Uint8Array(form.bytes));
  if ((factor === 1 && !smaller) || values === undefined) {
    throw new UnsupportedError(
      `\`compression\`: the plug-in for "${filter.name}" does not work with this h5wasm. Use \`{ gzip: 1 }\`, or another version of "h5wasm-plugins".`,
    );
  }

  return {
    batchChunks: Math.max(1, Math.floor(batchBytes / form.bytes)),
    async encode(chunks) {
      const together = await attempt(chunks);
      if (together) return together;
      const encoded: EncodedChunk[] = [];
      for (let start = 0; start < chunks.length; start += form.bytes) {
        const chunk = chunks.subarray(start, start + form.bytes);
        const [alone] = (chunks.length > form.bytes ? await attempt(chunk) : undefined) ?? [];
        // What a filter cannot make smaller is stored as it is: that is how HDF5 itself does it.
        encoded.push(alone ?? { bytes: chunk, plain: true });
      }
      return encoded;
    },
    filter: () => ({ id: filter.id, name: filter.name, values: values ?? [] }),
  };
}

/** A loop: `every` calls a function for each of what may be millions. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}
