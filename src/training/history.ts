/** Figures of one epoch, as Keras's history has them. */
export interface EpochLog {
  /** Counted from 1, and on over calls of `fit`. */
  readonly epoch: number;
  /** Mean over the rows, penalties included, while training. */
  readonly loss: number;
  /**
   * Part of the rows that were right, while training; with several labels for each row, the part of all labels (Keras's
   * `binary_accuracy`). Absent for a regression.
   */
  readonly accuracy?: number;
  /** Of a regression: mean of |output - number|, while training. */
  readonly meanAbsoluteError?: number;
  /** On the validation rows, after the epoch; absent without them. */
  readonly valLoss?: number;
  /** On the validation rows, after the epoch; absent without them. */
  readonly valAccuracy?: number;
  /** On the validation rows, after the epoch; absent without them. */
  readonly valMeanAbsoluteError?: number;
  /** That of the epoch's last step. */
  readonly learningRate: number;
}

/** A figure of an epoch that can be watched. */
export type EpochFigure = Exclude<keyof EpochLog, "epoch" | "learningRate">;

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
