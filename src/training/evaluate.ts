import type { LoadedNetwork } from "../backends/backend.js";
import { BackendError } from "../errors.js";
import { type ClassificationReport, classificationReport } from "./classification-report.js";
import { crossEntropySum, predictedClasses } from "./metrics.js";
import { checkedBatches, type Target, type TrainingData } from "./training-data.js";

/** How well a network does on labelled rows. */
export interface Evaluation extends ClassificationReport {
  /** Mean cross-entropy over the rows, penalties included, as Keras's `evaluate` gives it. */
  readonly loss: number;
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
): Promise<Evaluation> {
  const trueClasses: number[] = [];
  const predicted: number[] = [];
  let lossSum = 0;
  for await (const { xs, classes } of checkedBatches(name, data, target, signal)) {
    const [probabilities] = await network.run([xs], { signal });
    if (probabilities?.shape.join() !== [classes.length, target.classLabels.length].join()) {
      throw new BackendError(
        `The backend gave [${probabilities?.shape.join(", ")}] for a batch of \`${name}\`: expected [${classes.length}, ${target.classLabels.length}], a probability for every class of every row.`,
      );
    }
    lossSum += crossEntropySum(probabilities, classes);
    // One by one: as the arguments of one `push`, a large batch would not fit on the stack.
    for (const label of classes) trueClasses.push(label);
    for (const label of predictedClasses(probabilities)) predicted.push(label);
  }
  return {
    ...classificationReport(trueClasses, predicted, target.classLabels),
    loss: lossSum / trueClasses.length + penalty,
  };
}
