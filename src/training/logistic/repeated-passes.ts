import { sizeOf } from "../../ndarray.js";
import { nextTurn } from "../../threads/next-turn.node.js";
import { type CheckedBatch, checkedBatches } from "../checked-batches.js";
import type { Target } from "../target.js";
import type { TrainingData } from "../training-data.js";

/** How long arithmetic may go on while everything else waits. */
const turnMilliseconds = 15;

/** The same rows, over and over. */
export interface RepeatedPasses {
  /** One pass; a batch is valid until the next is asked for. */
  pass(): AsyncGenerator<CheckedBatch, void, undefined>;
}

/**
 * Passes over data in which each row comes once and always at the same place, so that sums over them are the same to the
 * last bit. Rows that fit into `cacheBytes` are kept in memory after the first pass, and not checked again; others are
 * read anew in each.
 *
 * @throws as {@link checkedBatches} does
 */
export function repeatedPasses(
  name: string,
  data: TrainingData,
  target: Target,
  cacheBytes: number,
  signal: AbortSignal | undefined,
): RepeatedPasses {
  const keep = data.length * sizeOf(target.inputShape) * Float32Array.BYTES_PER_ELEMENT <= cacheBytes;
  const sameOrder: TrainingData = {
    length: data.length,
    // Number 0 each time: in a view that shuffles, the order and all that is drawn hang on the number of the pass.
    [Symbol.asyncIterator]: () => (data.batches?.({ pass: 0, reuse: true }) ?? data)[Symbol.asyncIterator](),
  };
  let kept: readonly CheckedBatch[] | undefined;
  // Counts on from pass to pass: many short passes keep everything else waiting as a long one does.
  let turn = performance.now();
  return {
    async *pass() {
      const gathered: CheckedBatch[] = [];
      for await (const batch of kept ?? checkedBatches(name, sameOrder, target, signal)) {
        yield batch;
        if (keep && kept === undefined) gathered.push(ownBatch(batch));
        if (performance.now() - turn > turnMilliseconds) {
          // A pass over rows in memory waits for nothing, and a timer that aborts would never have its turn.
          await nextTurn();
          signal?.throwIfAborted();
          turn = performance.now();
        }
      }
      if (keep) kept ??= gathered;
    },
  };
}

/** A copy, as nothing says whether whoever gave the batch will write to it again. */
function ownBatch({ xs, classes }: CheckedBatch): CheckedBatch {
  return { xs: { ...xs, data: xs.data.slice() }, classes, indices: undefined };
}
