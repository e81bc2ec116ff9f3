import type { NdArray } from "../ndarray.js";

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
