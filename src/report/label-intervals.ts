import { bootstrap, type ConfidenceInterval } from "../training/confidence-interval.js";
import type { Predictions } from "../training/predictions.js";

/** The 95 % bootstrap of the accuracy. Of rows that were drawn only their classes are looked at, which takes no copies. */
export function accuracyInterval({ trueClasses, predictedClasses }: Predictions): ConfidenceInterval {
  const rows = trueClasses.length;
  return bootstrap(rows, (drawn) => {
    let hits = 0;
    for (let at = 0; at < rows; at++) {
      const row = drawn === undefined ? at : (drawn[at] as number);
      if (trueClasses[row] === predictedClasses[row]) hits++;
    }
    return hits / rows;
  });
}

/** The same of the mean of the classes' F1, which is 0 for a class that a drawing lacks: `f1_score(average="macro", labels=all)`. */
export function f1Interval({ trueClasses, predictedClasses }: Predictions, classes: number): ConfidenceInterval {
  const rows = trueClasses.length;
  const [hits, either] = [new Uint32Array(classes), new Uint32Array(classes)];
  return bootstrap(rows, (drawn) => {
    hits.fill(0);
    either.fill(0);
    for (let at = 0; at < rows; at++) {
      const row = drawn === undefined ? at : (drawn[at] as number);
      const [label, predicted] = [trueClasses[row] as number, predictedClasses[row] as number];
      either[label] = (either[label] as number) + 1;
      either[predicted] = (either[predicted] as number) + 1;
      if (label === predicted) hits[label] = (hits[label] as number) + 1;
    }
    // 2 * hits / (rows of the class + rows that were given it).
    return hits.reduce((sum, count, label) => sum + (2 * count) / Math.max(1, either[label] as number), 0) / classes;
  });
}
