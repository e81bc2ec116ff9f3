import { InvalidArgumentError } from "../../errors.js";
import { describeValue } from "../../options/check-option.js";

/** How much the rows of each class count: `"balanced"`, or a number for each class that is not to count 1, by its name. */
export type ClassWeight = "balanced" | Readonly<Record<string, number>>;

/**
 * Checks class weights. @throws InvalidArgumentError for a name that is none of the classes, or a weight that is not above 0
 */
export function checkClassWeight(classWeight: ClassWeight | undefined, classLabels: readonly string[]): void {
  if (classWeight === undefined || classWeight === "balanced") return;
  if (typeof classWeight !== "object" || classWeight === null || Array.isArray(classWeight)) {
    throw new InvalidArgumentError(
      `\`classWeight\` is ${describeValue(classWeight)}: expected "balanced", or weights by the names of classes, such as { cats: 2 }.`,
    );
  }
  for (const [label, weight] of Object.entries(classWeight)) {
    if (!classLabels.includes(label)) {
      throw new InvalidArgumentError(
        `\`classWeight\` has a weight for "${label}", which is none of the classes "${classLabels.join('", "')}".`,
      );
    }
    if (!(weight > 0 && Number.isFinite(weight))) {
      throw new InvalidArgumentError(
        `\`classWeight\` is ${describeValue(weight)} for "${label}": expected a finite number above 0.`,
      );
    }
  }
}

/**
 * The weight of a row of each class. Balanced: rows / (classes * rows of the class), as scikit-learn's
 * `compute_class_weight`.
 */
export function resolveClassWeight(
  classWeight: ClassWeight | undefined,
  classLabels: readonly string[],
  classCounts: Float64Array,
): Float64Array {
  const rows = classCounts.reduce((sum, count) => sum + count, 0);
  return classCounts.map((count, label) => {
    if (classWeight === "balanced") return rows / (classCounts.length * count);
    return classWeight?.[classLabels[label] ?? ""] ?? 1;
  });
}
