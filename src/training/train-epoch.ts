import type { TrainableNetwork } from "../backends/trainable-backend.js";
import type { CheckedRows } from "./checked-batches.js";
import type { WeighRows } from "./row-weights.js";
import { type Target, targetRows } from "./target.js";
import { metricSum } from "./task-measures.js";

/** What an epoch has come to so far. */
export interface EpochSums {
  readonly batches: number;
  readonly rows: number;
  /** Mean over the rows. */
  readonly loss: number;
  /** The task's figure, mean over the rows. */
  readonly metric: number;
  /** Of the last step. */
  readonly learningRate: number;
}

/**
 * Trains on the batches of one epoch. Loss and figure are those of Keras's `fit`: means over the rows of the outputs that
 * were computed while training, dropout included.
 *
 * @param onBatch is waited for after each batch
 * @returns the sums, and whether the last batch's loss was not finite: then the epoch ended there
 */
export async function trainEpoch(
  network: TrainableNetwork,
  batches: AsyncIterable<CheckedRows>,
  target: Target,
  weigh: WeighRows,
  rateOf: (batch: number) => number,
  onBatch: (sums: EpochSums) => Promise<void>,
): Promise<EpochSums & { readonly brokenLoss?: number }> {
  let rows = 0;
  let losses = 0;
  let metrics = 0;
  let sums: EpochSums = { batches: 0, rows: 0, loss: 0, metric: 0, learningRate: rateOf(0) };
  for await (const batch of batches) {
    const { count, xs, labels } = batch;
    const learningRate = rateOf(sums.batches);
    const sampleWeights = weigh(batch);
    const { loss, outputs } = await network.step(xs, targetRows(labels, target), { learningRate, sampleWeights });
    const done = sums.batches + 1;
    if (!Number.isFinite(loss)) return { ...sums, batches: done, brokenLoss: loss };
    rows += count;
    losses += loss * count;
    metrics += metricSum(outputs, labels, target);
    sums = { batches: done, rows, loss: losses / rows, metric: metrics / rows, learningRate };
    await onBatch(sums);
  }
  return sums;
}
