/** Figures of one epoch, as Keras's history has them. */
export interface EpochLog {
  /** Counted from 1, and on over calls of `fit`. */
  readonly epoch: number;
  /** Mean over the rows, penalties included, while training. */
  readonly loss: number;
  /** Part of the rows that were right, while training. */
  readonly accuracy: number;
  /** On the validation rows, after the epoch; absent without them. */
  readonly valLoss?: number;
  /** On the validation rows, after the epoch; absent without them. */
  readonly valAccuracy?: number;
}

/** How far training is. */
export interface TrainingProgress extends EpochLog {
  /** The last epoch of this call of `fit`. */
  readonly epochs: number;
  /** Batches of this epoch that are done. */
  readonly batch: number;
  /** Batches of an epoch. */
  readonly batches: number;
  /** Time that the rest of this call of `fit` should take. */
  readonly etaSeconds: number;
}
