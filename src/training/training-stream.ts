import { type CheckedRows, checkedRows, type RowPass } from "./checked-batches.js";
import type { Target } from "./target.js";
import type { TrainingData } from "./training-data.js";

/** A place in the endless row of passes over data: how many batches of which pass have been taken. */
export interface StreamPlace {
  readonly pass: number;
  readonly batch: number;
}

/** Batches to train on, pass after pass. */
export interface TrainingStream {
  /**
   * The batches of one epoch: the rest of a pass, or `steps` batches from as many passes as it takes. A batch is valid
   * until the next is asked for.
   */
  epoch(steps: number | undefined): AsyncGenerator<CheckedRows, void, undefined>;
  /** Where the next epoch begins. */
  place(): StreamPlace;
  /** Ends the pass that is under way. */
  close(): Promise<void>;
}

/**
 * Opens the stream at a place. Batches before it in its pass are read and passed over.
 *
 * @throws as {@link checkedRows} does
 */
export function openTrainingStream(
  data: TrainingData,
  target: Target,
  start: StreamPlace,
  options: Pick<RowPass, "targetColumn" | "signal">,
): TrainingStream {
  let { pass, batch } = start;
  let skip = batch;
  let rows: AsyncGenerator<CheckedRows, void, undefined> | undefined;

  /** The next batch of this pass; undefined at its end. */
  async function next(): Promise<CheckedRows | undefined> {
    rows ??= checkedRows("train", data, target, { ...options, pass });
    for (; skip > 0; skip--) await rows.next();
    const result = await rows.next();
    if (!result.done) {
      batch++;
      return result.value;
    }
    rows = undefined;
    pass++;
    batch = 0;
    return undefined;
  }

  return {
    async *epoch(steps) {
      for (let taken = 0; steps === undefined || taken < steps; ) {
        const rowsOfBatch = await next();
        if (rowsOfBatch !== undefined) {
          taken++;
          yield rowsOfBatch;
        } else if (steps === undefined) return;
      }
    },
    place: () => ({ pass, batch }),
    async close() {
      await rows?.return();
    },
  };
}
