import { InvalidArgumentError } from "../../errors.js";
import { type Shape, sizeOf } from "../../ndarray.js";
import { describeValue } from "../../options/check-option.js";
import { checkClassLabels } from "../head-network.js";
import type { Target } from "../target.js";
import { checkData, type TrainingData } from "../training-data.js";
import { checkClassWeight, resolveClassWeight } from "./class-weight.js";
import { type Minimum, minimize, minimizeVectors } from "./lbfgs.js";
import { logisticObjective, parameterCount, unfoldPoint, unitsOf } from "./logistic-objective.js";
import {
  checkC,
  type LogisticProgress,
  type LogisticSolution,
  type LogisticSolverOptions,
  resolveSolverOptions,
} from "./logistic-options.js";
import { repeatedPasses } from "./repeated-passes.js";
import { surveyRows } from "./survey-rows.js";

/** A fitted logistic regression, as plain arrays. */
export interface LogisticFit {
  /** `[units, width]`, for features as they come. One unit for two classes, else one for each. */
  readonly weights: Float64Array;
  /** `[units]` */
  readonly intercepts: Float64Array;
  readonly solution: LogisticSolution;
}

/** Fits to the same rows for one C after the other. */
export interface LogisticFitter {
  readonly target: Target;
  /**
   * @param warm begins where the fit before ended, not at 0
   */
  fit(C: number, warm: boolean, onProgress: ((progress: LogisticProgress) => void) | undefined): Promise<LogisticFit>;
}

/** 64-bit scikit-learn stops where an iteration lowers the loss by less than this part. */
const lossTolerance = 64 * Number.EPSILON;

/** Memory that the solver may take for its vectors. */
const solverBytes = 2 ** 32;

/**
 * Prepares fits to `data`: checks it, counts its rows in a pass, and keeps them in memory if they are few.
 *
 * @param name how messages call the data
 * @throws InvalidArgumentError for options out of range, data that is empty or changes, a class without rows, features that
 * are NaN or infinite, or too many of them to be solved for in memory
 * @throws ShapeMismatchError if rows have another shape than expected
 */
export async function prepareFit(
  name: string,
  data: TrainingData,
  options: LogisticSolverOptions,
): Promise<LogisticFitter> {
  const { tol, maxIter, fitIntercept, standardize, cacheBytes } = resolveSolverOptions(options);
  const target = targetOf(name, data, options);
  checkClassWeight(options.classWeight, target.classLabels);
  checkMemory(target);
  const { labels } = data;
  if (labels) checkClassCounts(name, countClasses(labels, target), target);
  const passes = repeatedPasses(name, data, target, cacheBytes, options.signal);
  const { classCounts, scaling } = await surveyRows(passes, target, standardize);
  checkClassCounts(name, classCounts, target);
  const weightOf = resolveClassWeight(options.classWeight, target.classLabels, classCounts);
  let last: Float64Array | undefined;
  return {
    target,
    async fit(C, warm, onProgress) {
      const problem = { name, passes, target, classCounts, weightOf, C: checkC(C), fitIntercept, scaling };
      const start = warm && last ? last : new Float64Array(parameterCount(problem));
      const minimum = await minimize(logisticObjective(problem), start, {
        gradientTolerance: tol,
        valueTolerance: lossTolerance,
        iterations: maxIter,
        onIteration: ({ iteration, value, gradient, evaluations }) =>
          onProgress?.({ iteration, maxIter, loss: value, gradient, passes: 1 + evaluations }),
      });
      last = minimum.point;
      return { ...unfoldPoint(minimum.point, problem), solution: solutionOf(minimum) };
    },
  };
}

function solutionOf({ stop, iteration, evaluations, value, gradient }: Minimum): LogisticSolution {
  return {
    converged: stop === "gradient" || stop === "value",
    stop: stop === "value" ? "loss" : stop,
    iterations: iteration,
    passes: 1 + evaluations,
    loss: value,
    gradient,
  };
}

/** Shape and classes, from the options or the data. @throws InvalidArgumentError if neither says them */
export function targetOf(
  name: string,
  data: TrainingData,
  options: Pick<LogisticSolverOptions, "classLabels" | "inputShape">,
): Target {
  const classLabels = options.classLabels ?? data?.classLabels ?? [];
  const inputShape: Shape | undefined = options.inputShape ?? data?.rowShape;
  if (typeof data?.[Symbol.asyncIterator] === "function") {
    if (options.classLabels === undefined && classLabels.length === 0) {
      throw new InvalidArgumentError(
        `\`${name}\` has no names of its classes: pass \`classLabels\`, the names in the order of its labels.`,
      );
    }
    if (inputShape === undefined) {
      throw new InvalidArgumentError(
        `\`${name}\` does not say the shape of its rows: pass \`inputShape\`, such as [512].`,
      );
    }
    checkClassLabels(classLabels, "classification");
    if (
      !Array.isArray(inputShape) ||
      inputShape.length === 0 ||
      !inputShape.every((n) => Number.isInteger(n) && n > 0)
    ) {
      throw new InvalidArgumentError(
        `\`inputShape\` is ${describeValue(inputShape)}: expected the shape of one row of features, such as [512].`,
      );
    }
  }
  const target = { classLabels: [...classLabels], inputShape: [...(inputShape ?? [])] };
  checkData(name, data, target);
  return target;
}

function countClasses(labels: ArrayLike<number>, { classLabels }: Target): Float64Array {
  const counts = new Float64Array(classLabels.length);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    counts[label] = (counts[label] as number) + 1;
  }
  return counts;
}

/** @throws InvalidArgumentError if a class has no rows */
export function checkClassCounts(name: string, counts: Float64Array, { classLabels }: Target): void {
  const missing = classLabels.filter((_, label) => counts[label] === 0);
  if (missing.length === 0) return;
  if (missing.length === classLabels.length - 1) {
    const [only] = classLabels.filter((_, label) => counts[label] !== 0);
    throw new InvalidArgumentError(
      `All rows of \`${name}\` are of the class "${only}": there is nothing to tell apart. Give rows of at least two classes.`,
    );
  }
  throw new InvalidArgumentError(
    `\`${name}\` has no rows of the class${missing.length === 1 ? "" : "es"} "${missing.join('", "')}": nothing could be learnt about ${missing.length === 1 ? "it" : "them"}. Give at least one row of each, or leave the name out of \`classLabels\`.`,
  );
}

function checkMemory(target: Target): void {
  const width = sizeOf(target.inputShape);
  const units = unitsOf(target);
  const bytes = minimizeVectors * units * (width + 1) * Float64Array.BYTES_PER_ELEMENT;
  if (bytes <= solverBytes) return;
  throw new InvalidArgumentError(
    `Logistic regression on ${width} features and ${target.classLabels.length} classes takes ${minimizeVectors} vectors of ${units} x ${width + 1} 64-bit numbers, ${(bytes / 2 ** 30).toFixed(1)} GiB, and no more than ${solverBytes / 2 ** 30} GiB are allowed. Pool the features (\`pooling: "avg"\`), or train a TransferHead.`,
  );
}
