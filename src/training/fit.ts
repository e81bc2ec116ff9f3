import type { AbortOptions } from "../backends/backend.js";
import type { TrainableNetwork } from "../backends/trainable-backend.js";
import { InvalidArgumentError, TrainingDivergedError } from "../errors.js";
import type { NetworkWeights } from "../network/network.js";
import { evaluateNetwork } from "./evaluate.js";
import type { EpochLog, TrainingProgress } from "./history.js";
import { countHits, kernelPenalty, oneHot } from "./metrics.js";
import { checkData, checkedBatches, type Target, type TrainingData } from "./training-data.js";

/** How to train. */
export interface FitOptions extends AbortOptions {
  /** Passes over the data. @default 10 */
  readonly epochs?: number | undefined;
  /** Rows that are not trained on; loss and accuracy on them are measured after every epoch. */
  readonly validation?: TrainingData | undefined;
  /** Called after every batch, and once more after an epoch's validation. */
  readonly onProgress?: ((progress: TrainingProgress) => void) | undefined;
}

/** What the loop must know beside the user's options. */
export interface FitContext {
  readonly target: Target;
  /** Strength of the penalty that the network was loaded with. */
  readonly l2: number;
  /** Epochs that the network has behind it. */
  readonly epochsDone: number;
  /** Takes each epoch's figures as soon as they are there; what was measured stays known if a later epoch fails. */
  readonly onEpoch: (log: EpochLog) => void;
  /** Begins again from these weights, with an optimizer that has seen nothing. */
  readonly restart: (weights: NetworkWeights) => Promise<void>;
}

/**
 * Trains a network for some epochs. Loss and accuracy are those of Keras's `fit`: means over the rows of the outputs
 * that were computed while training, dropout included.
 *
 * @throws InvalidArgumentError if `epochs` is not a positive integer, or the data is empty or of other classes
 * @throws ShapeMismatchError if rows have another shape
 * @throws TrainingDivergedError if the loss or a weight is not finite; the network then starts again from the weights
 * from before the epoch
 */
export async function fitNetwork(
  network: TrainableNetwork,
  train: TrainingData,
  options: FitOptions,
  context: FitContext,
): Promise<void> {
  const { validation, signal, onProgress } = options;
  const epochs = options.epochs ?? 10;
  if (!Number.isInteger(epochs) || epochs < 1) {
    throw new InvalidArgumentError(`\`epochs\` is ${epochs}: expected an integer of at least 1.`);
  }
  checkData("train", train, context.target);
  if (validation !== undefined) checkData("validation", validation, context.target);

  const lastEpoch = context.epochsDone + epochs;
  const timer = startTimer(epochs * train.length);
  let goodWeights = await network.readWeights();
  for (let epoch = context.epochsDone + 1; epoch <= lastEpoch; epoch++) {
    let rows = 0;
    let lossSum = 0;
    let hits = 0;
    let batch = 0;
    let batches = train.batchesPerPass ?? 0;
    const progress = (): TrainingProgress => ({
      epoch,
      epochs: lastEpoch,
      batch,
      batches: Math.max(batch, batches),
      loss: lossSum / rows,
      accuracy: hits / rows,
      etaSeconds: timer.secondsLeft(),
    });

    for await (const { xs, classes } of checkedBatches("train", train, context.target, signal)) {
      if (batches === 0) batches = Math.ceil(train.length / classes.length);
      batch++;
      const { loss, outputs } = await network.step(xs, oneHot(classes, context.target.classLabels.length));
      if (!Number.isFinite(loss)) throw await diverged(`the loss is ${loss},`, { epoch, batch }, goodWeights);
      rows += classes.length;
      lossSum += loss * classes.length;
      hits += countHits(outputs, classes);
      timer.add(classes.length);
      onProgress?.(progress());
    }

    // The last step's weights have not been used yet, so no loss has shown whether they are sound.
    const weights = await network.readWeights();
    const broken = findNonFinite(weights);
    if (broken !== undefined)
      throw await diverged(`layer "${broken}" has weights that are`, { epoch, batch }, goodWeights);
    goodWeights = weights;

    const log: EpochLog = { epoch, loss: lossSum / rows, accuracy: hits / rows };
    if (validation === undefined) {
      context.onEpoch(log);
      continue;
    }
    const penalty = kernelPenalty(weights, context.l2);
    const measured = await evaluateNetwork(network, "validation", validation, context.target, penalty, signal);
    const validated = { valLoss: measured.loss, valAccuracy: measured.accuracy };
    context.onEpoch({ ...log, ...validated });
    onProgress?.({ ...progress(), ...validated });
  }

  async function diverged(
    what: string,
    place: { readonly epoch: number; readonly batch: number },
    weights: NetworkWeights,
  ): Promise<TrainingDivergedError> {
    // The optimizer's running means are spoilt too, so weights alone are not enough.
    await context.restart(weights);
    return new TrainingDivergedError(
      `Training stopped in batch ${place.batch} of epoch ${place.epoch}: ${what} not a finite number. The weights from before the epoch were put back. Look for NaN or very large values in the features, try a lower \`learningRate\` (a tenth of it), or bring the features to a smaller range.`,
      place,
    );
  }
}

function findNonFinite(weights: NetworkWeights): string | undefined {
  for (const [layer, list] of weights) {
    if (list.some(({ array }) => !array.data.every(Number.isFinite))) return layer;
  }
  return undefined;
}

function startTimer(allRows: number) {
  const start = performance.now();
  let rows = 0;
  return {
    add: (count: number) => {
      rows += count;
    },
    secondsLeft: () => ((performance.now() - start) / 1000 / rows) * (allRows - rows),
  };
}
