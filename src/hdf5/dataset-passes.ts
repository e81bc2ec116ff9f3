import { InvalidArgumentError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { checkBoolean, describeValue } from "../options/check-option.js";
import type { PassOptions, ResolvedBatchOptions } from "./batch-options.js";
import type { BatchDType, DatasetBatch } from "./dataset-batch.js";
import type { OpenDataset } from "./open-dataset.js";
import { orderRows } from "./row-order.js";
import { type RowPipeline, rowSeeds } from "./row-pipeline.js";
import { rowsAsFloat32 } from "./row-reader.js";
import { createOrderReader } from "./stretch-reader.js";

/** Passes over some rows of an open data set, each of which reads ahead. Those with `reuse` hand on their memory. */
export class DatasetPasses<D extends BatchDType> {
  readonly #source: OpenDataset;
  readonly #indices: Uint32Array;
  readonly #dtype: D;
  readonly #options: ResolvedBatchOptions;
  readonly #pipeline: RowPipeline | undefined;
  /** Memory that passes with `reuse` are done with, for those to come. */
  readonly #buffers: NdArray[] = [];
  #begun = 0;

  constructor(
    source: OpenDataset,
    indices: Uint32Array,
    dtype: D,
    options: ResolvedBatchOptions,
    pipeline: RowPipeline | undefined,
  ) {
    this.#source = source;
    this.#indices = indices;
    this.#dtype = dtype;
    this.#options = options;
    this.#pipeline = pipeline;
  }

  /**
   * One pass over as many `rows` as a pass has. Leaving it early waits for what is being read.
   *
   * @throws InvalidArgumentError for options out of range
   * @throws InvalidDatasetError if rows cannot be read
   */
  async *batches(rows: number, options: PassOptions): AsyncGenerator<DatasetBatch<D>, void, undefined> {
    const { signal, pass = this.#begun++, reuse = false } = options;
    if (!Number.isSafeInteger(pass) || pass < 0) {
      throw new InvalidArgumentError(`\`pass\` must be a whole number from 0 on, received ${describeValue(pass)}.`);
    }
    checkBoolean("reuse", reuse);
    const { batchSize, prefetch, seed } = this.#options;
    const order = orderRows(this.#indices, this.#options, pass, this.#source.labels);
    const reader = createOrderReader(order, (indices, buffer) => this.#source.read(indices, buffer), prefetch > 0);
    const seeds = this.#pipeline && rowSeeds(order.rows, seed, pass);
    const reads: { readonly batch: Promise<DatasetBatch<D>>; readonly buffer: NdArray | undefined }[] = [];
    const buffers = reuse ? this.#buffers : [];
    let next = 0;
    try {
      for (let start = 0; start < rows; start += batchSize) {
        signal?.throwIfAborted();
        for (; next < rows && reads.length <= prefetch; next += batchSize) {
          const end = Math.min(next + batchSize, rows);
          const buffer = buffers.pop();
          const batch = this.#batch(
            order.rows.slice(next, end),
            reader.read(next, end, buffer),
            seeds?.slice(next, end),
          );
          // A read ahead may fail before anybody waits for it; the error is kept until then.
          batch.catch(() => undefined);
          reads.push({ batch, buffer });
        }
        const { batch: reading, buffer } = reads.shift() as (typeof reads)[number];
        const batch = await reading;
        yield batch;
        const xs = batch.xs as NdArray;
        // A last batch that is shorter takes only a part of its buffer.
        if (reuse) buffers.push(buffer && buffer.data.buffer === xs.data.buffer ? buffer : xs);
      }
    } finally {
      const ends = await Promise.allSettled(reads.map(({ batch }) => batch));
      // Where a read failed, others may still be filling its memory.
      const unused = reads.filter((_, i) => ends[i]?.status === "fulfilled");
      if (reuse) buffers.push(...unused.flatMap(({ buffer }) => buffer ?? []));
      buffers.splice(prefetch + 2);
      await reader.settle();
    }
  }

  async #batch(indices: Uint32Array, read: Promise<NdArray>, seeds?: Uint32Array): Promise<DatasetBatch<D>> {
    const source = this.#source;
    const others = Promise.allSettled([source.readLabels(indices), source.readColumns(indices)]);
    // Also where rows cannot be read: nothing is still being read once a pass has ended.
    const rows = await read.finally(() => others);
    const [labels, columns] = await others;
    if (labels.status === "rejected") throw labels.reason;
    if (columns.status === "rejected") throw columns.reason;
    const bytes = rows.dtype === "uint8" && (this.#pipeline || this.#dtype === "uint8");
    const given = bytes ? rows : rowsAsFloat32(rows, source.name, source.path);
    const xs = this.#pipeline && seeds ? await this.#pipeline.apply(given, seeds) : given;
    return { xs: xs as NdArray<D>, ys: labels.value, indices, columns: columns.value };
  }
}
