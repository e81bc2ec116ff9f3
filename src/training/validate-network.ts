import type { LoadedNetwork } from "../backends/backend.js";
import { BackendError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { checkedRows, type RowPass } from "./checked-batches.js";
import type { Target } from "./target.js";
import { lossSum, metricSum } from "./task-measures.js";
import type { TrainingData } from "./training-data.js";

/** Loss and figure of a network on labelled rows. */
export interface Validation {
  /** Mean over the rows, with the penalty. */
  readonly loss: number;
  /** The task's figure: an accuracy, or a mean absolute error. */
  readonly metric: number;
}

/**
 * Measures a network on labelled rows; nothing is kept of the rows.
 *
 * @param penalty what the loss has beside that of the rows
 * @throws ShapeMismatchError if a batch or the count of rows does not fit
 * @throws InvalidArgumentError if a label is not one of the target's, or a feature is NaN or infinite
 */
export async function validateOn(
  network: LoadedNetwork,
  name: string,
  data: TrainingData,
  target: Target,
  options: RowPass & { readonly penalty: number; readonly labelSmoothing?: number | undefined },
): Promise<Validation> {
  let rows = 0;
  let losses = 0;
  let metrics = 0;
  for await (const { count, xs, labels } of checkedRows(name, data, target, options)) {
    const outputs = await runRows(network, name, xs, target, options.signal);
    rows += count;
    losses += lossSum(outputs, labels, target, options.labelSmoothing);
    metrics += metricSum(outputs, labels, target);
  }
  return { loss: losses / rows + options.penalty, metric: metrics / rows };
}

/** Output of the network for a batch, `[rows, outputs]`. @throws BackendError if the backend gives another shape */
export async function runRows(
  network: LoadedNetwork,
  name: string,
  xs: NdArray<"float32">,
  { classLabels }: Target,
  signal: AbortSignal | undefined,
): Promise<NdArray<"float32">> {
  const [outputs] = await network.run([xs], { signal });
  const expected = [xs.shape[0] ?? 0, classLabels.length];
  if (outputs?.shape.join() !== expected.join()) {
    throw new BackendError(
      `The backend gave [${outputs?.shape.join(", ")}] for a batch of \`${name}\`: expected [${expected.join(", ")}], an output for every class or label of every row.`,
    );
  }
  return outputs;
}
