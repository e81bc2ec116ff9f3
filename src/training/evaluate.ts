import type { LoadedNetwork } from "../backends/backend.js";
import { BackendError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { type ClassificationReport, classificationReport } from "./classification-report.js";
import { crossEntropySum, predictedClasses } from "./metrics.js";
import type { Predictions } from "./predictions.js";
import { checkData, checkedBatches, type Target, type TrainingData } from "./training-data.js";

/** How well labelled rows were told apart. */
export interface Measurement extends ClassificationReport {
  /** Mean cross-entropy over the rows, penalties included, as Keras's `evaluate` gives it. */
  readonly loss: number;
}

/** How well a classifier does on labelled rows. */
export interface Evaluation extends Measurement {
  /** What it said of every row, in the order of the pass: for further figures, such as `rankingScores` or `topConfusions`. */
  readonly predictions: Predictions;
}

/** Tells classes of rows of features. */
export type Predictor = (
  xs: NdArray<"float32">,
  signal: AbortSignal | undefined,
) => Promise<{
  /** `[rows, classes]` */
  readonly probabilities: NdArray<"float32" | "float64">;
  readonly classes: Int32Array;
}>;

/** A network with a softmax over the classes of `target` as a predictor. `name` is that of the data, for messages. */
export function networkPredictor(network: LoadedNetwork, name: string, target: Target): Predictor {
  return async (xs, signal) => {
    const [probabilities] = await network.run([xs], { signal });
    const expected = [xs.shape[0] ?? 0, target.classLabels.length];
    if (probabilities?.shape.join() !== expected.join()) {
      throw new BackendError(
        `The backend gave [${probabilities?.shape.join(", ")}] for a batch of \`${name}\`: expected [${expected.join(", ")}], a probability for every class of every row.`,
      );
    }
    return { probabilities, classes: predictedClasses(probabilities) };
  };
}

/**
 * Predicts every row once and compares with the true classes.
 *
 * @param penalty what the loss has beside the cross-entropy
 * @throws ShapeMismatchError if a batch or the count of rows does not fit
 * @throws InvalidArgumentError if a class is not one of the target's, or a feature is NaN or infinite
 */
export async function evaluateNetwork(
  network: LoadedNetwork,
  name: string,
  data: TrainingData,
  target: Target,
  penalty: number,
  signal?: AbortSignal | undefined,
): Promise<Measurement> {
  return measure(networkPredictor(network, name, target), name, data, target, penalty, signal);
}

/**
 * The same with any predictor, and with what it said of each row.
 *
 * @throws as {@link evaluateNetwork}, and as {@link checkData} before the first batch
 */
export async function evaluatePredictor(
  predict: Predictor,
  name: string,
  data: TrainingData,
  target: Target,
  penalty: number,
  signal?: AbortSignal | undefined,
): Promise<Evaluation> {
  checkData(name, data, target);
  const batches: NdArray<"float32" | "float64">[] = [];
  const indices: number[] = [];
  let trueClasses: ArrayLike<number> = [];
  let predicted: ArrayLike<number> = [];
  const measured = await measure(predict, name, data, target, penalty, signal, (batch) => {
    batches.push(batch.probabilities);
    for (const index of batch.indices ?? []) indices.push(index);
    ({ trueClasses, predicted } = batch);
  });
  const rows = trueClasses.length;
  const predictions = {
    trueClasses: Int32Array.from(trueClasses),
    predictedClasses: Int32Array.from(predicted),
    probabilities: joinRows(batches, rows, target.classLabels.length),
    indices: indices.length === rows ? Uint32Array.from(indices) : undefined,
  };
  return { ...measured, predictions };
}

async function measure(
  predict: Predictor,
  name: string,
  data: TrainingData,
  target: Target,
  penalty: number,
  signal: AbortSignal | undefined,
  onBatch?: (batch: {
    readonly probabilities: NdArray<"float32" | "float64">;
    readonly indices: Uint32Array | undefined;
    readonly trueClasses: readonly number[];
    readonly predicted: readonly number[];
  }) => void,
): Promise<Measurement> {
  const trueClasses: number[] = [];
  const predicted: number[] = [];
  let lossSum = 0;
  for await (const { xs, classes, indices } of checkedBatches(name, data, target, signal)) {
    const given = await predict(xs, signal);
    lossSum += crossEntropySum(given.probabilities, classes);
    // One by one: as the arguments of one `push`, a large batch would not fit on the stack.
    for (const label of classes) trueClasses.push(label);
    for (const label of given.classes) predicted.push(label);
    onBatch?.({ probabilities: given.probabilities, indices, trueClasses, predicted });
  }
  return {
    ...classificationReport(trueClasses, predicted, target.classLabels),
    loss: lossSum / trueClasses.length + penalty,
  };
}

function joinRows(
  batches: readonly NdArray<"float32" | "float64">[],
  rows: number,
  classes: number,
): NdArray<"float32" | "float64"> {
  const shape = [rows, classes];
  const dtype = batches[0]?.dtype ?? "float32";
  const data = dtype === "float64" ? new Float64Array(rows * classes) : new Float32Array(rows * classes);
  let at = 0;
  for (const batch of batches) {
    data.set(batch.data, at);
    at += batch.data.length;
  }
  return { dtype, shape, data } as NdArray<"float32" | "float64">;
}
