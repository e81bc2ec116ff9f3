import type { NdArray } from "../ndarray.js";
import type { Network } from "../network/network.js";

/** Keras's `epsilon()`: probabilities are kept this far from 0 and 1 before their logarithm is taken. */
const epsilon = 1e-7;

/** Classes as rows of zeros with a one: `[rows, classCount]`. */
export function oneHot(classes: Int32Array, classCount: number): NdArray<"float32"> {
  const data = new Float32Array(classes.length * classCount);
  classes.forEach((label, row) => {
    data[row * classCount + label] = 1;
  });
  return { dtype: "float32", shape: [classes.length, classCount], data };
}

/** For each row of `[rows, classes]` the class with the highest value; the first of equals, as numpy's `argmax`. */
export function predictedClasses(probabilities: NdArray<"float32">): Int32Array {
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
 * Sum over the rows of the cross-entropy -log(p[class]), with Keras's rule for `categorical_crossentropy`: rows are
 * scaled to sum 1, and kept within [1e-7, 1 - 1e-7].
 */
export function crossEntropySum(probabilities: NdArray<"float32">, classes: Int32Array): number {
  const [, classCount = 0] = probabilities.shape;
  let sum = 0;
  classes.forEach((label, row) => {
    const start = row * classCount;
    let total = 0;
    for (let i = start; i < start + classCount; i++) total += probabilities.data[i] as number;
    const probability = (probabilities.data[start + label] as number) / total;
    sum -= Math.log(Math.min(Math.max(probability, epsilon), 1 - epsilon));
  });
  return sum;
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
