import { InvalidArgumentError } from "../../errors.js";
import { sizeOf } from "../../ndarray.js";
import type { Target } from "../target.js";
import { FitKernel } from "./fit-kernel.js";
import type { Objective } from "./lbfgs.js";
import { logisticLoss } from "./logistic-loss.js";
import type { RepeatedPasses } from "./repeated-passes.js";
import type { Scaling } from "./survey-rows.js";

/** What is minimised. */
export interface LogisticProblem {
  /** How messages call the data. */
  readonly name: string;
  readonly passes: RepeatedPasses;
  readonly target: Target;
  /** Rows of each class. */
  readonly classCounts: Float64Array;
  /** How much a row of each class counts. */
  readonly weightOf: Float64Array;
  /** Inverse of the penalty's strength; Infinity for none. */
  readonly C: number;
  readonly fitIntercept: boolean;
  /** Features are standardised so; undefined if they are taken as they are. */
  readonly scaling: Scaling | undefined;
}

/** Weight vectors of a logistic regression: one for two classes, else one for each. */
export function unitsOf({ classLabels }: Pick<Target, "classLabels">): number {
  return classLabels.length === 2 ? 1 : classLabels.length;
}

/** Numbers that are looked for: weights `[units, width]`, then intercepts `[units]`, if there are any. */
export function parameterCount({ target, fitIntercept }: Pick<LogisticProblem, "target" | "fitIntercept">): number {
  return unitsOf(target) * (sizeOf(target.inputShape) + (fitIntercept ? 1 : 0));
}

/**
 * The function that scikit-learn 1.9's `LogisticRegression` minimises, and its gradient, in one pass over the rows:
 * the weighted mean of -log(probability of the row's class), plus sum(weights^2) / (2 C sum of the rows' weights).
 * Intercepts are not penalised. For two classes there is one weight vector, whose score is the log-odds of the second.
 *
 * Standardised features are not computed: (x - mean) / scale is folded into the weights before the pass, and out of the
 * gradient after it.
 */
export function logisticObjective(problem: LogisticProblem): Objective {
  const { name, passes, target, classCounts, weightOf, C, fitIntercept, scaling } = problem;
  const width = sizeOf(target.inputShape);
  const units = unitsOf(target);
  const weights = scaling ? new Float64Array(units * width) : undefined;
  const offsets = new Float64Array(units);
  const totalWeight = classCounts.reduce((sum, count, label) => sum + count * (weightOf[label] as number), 0);
  const penalty = 1 / (C * totalWeight);
  const kernel = new FitKernel(width, units);

  return async (point, gradient) => {
    const given = point.subarray(0, units * width);
    const slopes = gradient.subarray(0, units * width);
    const folded = foldScaling(given, point, weights, offsets, problem);
    kernel.start(folded, offsets);
    const residualSums = new Float64Array(units);
    const seen = new Float64Array(classCounts.length);
    let loss = 0;
    for await (const { xs, classes } of passes.pass()) {
      const rows = classes.length;
      for (let start = 0; start < rows; start += kernel.blockRows) {
        const end = Math.min(start + kernel.blockRows, rows);
        const own = kernel.score(xs.data.subarray(start * width, end * width));
        loss += logisticLoss(own, units, classes.subarray(start, end), weightOf);
        kernel.addGradient();
        for (let at = 0; at < own.length; at += units) {
          for (let unit = 0; unit < units; unit++) {
            residualSums[unit] = (residualSums[unit] as number) + (own[at + unit] as number);
          }
        }
      }
      for (const label of classes) seen[label] = (seen[label] as number) + 1;
    }
    if (seen.join() !== classCounts.join()) {
      throw new InvalidArgumentError(
        `A pass over \`${name}\` gave [${seen.join(", ")}] rows of its classes, an earlier one [${classCounts.join(", ")}]: logistic regression needs the same rows in every pass.`,
      );
    }
    kernel.end(slopes);
    let squares = 0;
    for (let unit = 0, at = 0; unit < units; unit++) {
      const residualSum = residualSums[unit] as number;
      for (let j = 0; j < width; j++, at++) {
        const weight = given[at] as number;
        let slope = slopes[at] as number;
        if (scaling) slope = (slope - (scaling.means[j] as number) * residualSum) / (scaling.scales[j] as number);
        slopes[at] = slope / totalWeight + penalty * weight;
        squares += weight * weight;
      }
      if (fitIntercept) gradient[units * width + unit] = residualSum / totalWeight;
    }
    const value = loss / totalWeight + 0.5 * penalty * squares;
    if (Number.isFinite(value)) return value;
    throw new InvalidArgumentError(
      `The loss over \`${name}\` is ${value}: \`C\` is ${C}, rows weigh ${Math.max(...weightOf)} at most, and features are as they come. One of them is too large or too small to be computed with.`,
    );
  };
}

/** Writes the offsets, and gives the weights, for features as they come. */
function foldScaling(
  given: Float64Array,
  point: Float64Array,
  weights: Float64Array | undefined,
  offsets: Float64Array,
  { fitIntercept, scaling }: LogisticProblem,
): Float64Array {
  const units = offsets.length;
  const width = given.length / units;
  for (let unit = 0; unit < units; unit++) offsets[unit] = fitIntercept ? (point[units * width + unit] as number) : 0;
  if (!scaling || !weights) return given;
  for (let unit = 0, at = 0; unit < units; unit++) {
    let shift = 0;
    for (let j = 0; j < width; j++, at++) {
      const weight = (given[at] as number) / (scaling.scales[j] as number);
      weights[at] = weight;
      shift += weight * (scaling.means[j] as number);
    }
    offsets[unit] = (offsets[unit] as number) - shift;
  }
  return weights;
}

/** Weights and intercepts for features as they come, from a point that belongs to standardised ones. */
export function unfoldPoint(
  point: Float64Array,
  problem: LogisticProblem,
): { readonly weights: Float64Array; readonly intercepts: Float64Array } {
  const units = unitsOf(problem.target);
  const width = sizeOf(problem.target.inputShape);
  const intercepts = new Float64Array(units);
  const given = point.subarray(0, units * width);
  const weights = foldScaling(given, point, new Float64Array(units * width), intercepts, problem);
  return { weights: weights.slice(), intercepts };
}
