import type { NdArray } from "../ndarray.js";
import type { Network } from "../network/network.js";

/** Smallest normal float32: what a softmax that has run out of range may round to zero. */
const smallest = 2 ** -126;

/** Classes as rows of zeros with a one: `[rows, classCount]`. */
export function oneHot(classes: Int32Array, classCount: number): NdArray<"float32"> {
  const data = new Float32Array(classes.length * classCount);
  classes.forEach((label, row) => {
    data[row * classCount + label] = 1;
  });
  return { dtype: "float32", shape: [classes.length, classCount], data };
}

/** For each row of `[rows, classes]` the class with the highest value; the first of equals, as numpy's `argmax`. */
export function predictedClasses(probabilities: NdArray<"float32" | "float64">): Int32Array {
  const [rows = 0, classCount = 0] = probabilities.shape;
  const predicted = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    let best = 0;
    for (let label = 1; label < classCount; label++) {
      const value = probabilities.data[row * classCount + label] as number;
      if (value > (probabilities.data[row * classCount + best] as number)) best = label;
    }
    predicted[row] = best;
  }
  return predicted;
}

/** Number of rows whose class has the highest probability. */
export function countHits(probabilities: NdArray<"float32">, classes: Int32Array): number {
  return predictedClasses(probabilities).reduce((hits, label, row) => hits + (label === classes[row] ? 1 : 0), 0);
}

/**
 * Sum over the rows of the cross-entropy -log(p[class]) for `[rows, classes]` that come from a softmax. Equal to what
 * Keras computes from the logits on TensorFlow, but at most 87.3 for a row, where float32 probabilities end.
 */
export function crossEntropySum(probabilities: NdArray<"float32" | "float64">, classes: Int32Array): number {
  const [, classCount = 0] = probabilities.shape;
  return classes.reduce(
    (sum, label, row) => sum - Math.log(Math.max(probabilities.data[row * classCount + label] as number, smallest)),
    0,
  );
}

/** L2 penalty l2 * sum(kernel^2) over all kernels, as Keras adds it to the loss. */
export function kernelPenalty(weights: Network["weights"], l2: number): number {
  if (l2 === 0) return 0;
  let sum = 0;
  for (const { name, array } of [...weights.values()].flat()) {
    if (name !== "kernel") continue;
    for (const value of array.data) sum += value * value;
  }
  return l2 * sum;
}
