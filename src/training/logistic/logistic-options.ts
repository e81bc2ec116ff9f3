import type { AbortOptions } from "../../backends/backend.js";
import { InvalidArgumentError } from "../../errors.js";
import type { Shape } from "../../ndarray.js";
import { checkBoolean, describeValue } from "../../options/check-option.js";
import type { HeadMetadata } from "../head-options.js";
import type { ClassWeight } from "./class-weight.js";

/** How a logistic regression is fitted. Names and defaults are scikit-learn's, in camel case. */
export interface LogisticSolverOptions extends AbortOptions {
  /** Stops when no entry of the gradient is further from 0. @default 1e-4 */
  readonly tol?: number | undefined;
  /** Iterations, at most. @default 100 */
  readonly maxIter?: number | undefined;
  /** Whether scores have a constant part, which is not penalised. @default true */
  readonly fitIntercept?: boolean | undefined;
  /**
   * Brings each feature to mean 0 and variance 1 first, as scikit-learn's `StandardScaler`. It is folded into coefficients
   * and intercepts, which are for features as they come. @default false
   */
  readonly standardize?: boolean | undefined;
  /**
   * How much the rows of each class count: `"balanced"` gives all classes the same sum, an object gives weights by class
   * label. @default 1 for every row
   */
  readonly classWeight?: ClassWeight | undefined;
  /** Rows up to this many bytes stay in memory between passes; 0 keeps none. @default 268435456 (256 MiB) */
  readonly cacheBytes?: number | undefined;
  /** Names of the classes. @default those of the data */
  readonly classLabels?: readonly string[] | undefined;
  /** Shape of one row. @default that of the data */
  readonly inputShape?: Shape | undefined;
  /** Kept in the saved file; `extractor.attributes` belongs here. */
  readonly metadata?: HeadMetadata | undefined;
}

/** Options of `LogisticRegression.fit`. */
export interface LogisticRegressionOptions extends LogisticSolverOptions {
  /** Inverse of the strength of the penalty on the coefficients; `Infinity` for none. @default 1 */
  readonly C?: number | undefined;
  /** Called after every iteration. */
  readonly onProgress?: ((progress: LogisticProgress) => void) | undefined;
}

/** Where a fit stands. */
export interface LogisticProgress {
  /** Counted from 1. */
  readonly iteration: number;
  readonly maxIter: number;
  /** What is minimised: the mean of the rows' losses plus the penalty. */
  readonly loss: number;
  /** Greatest entry of its gradient, without the sign; at `tol` the fit is done. */
  readonly gradient: number;
  /** Passes over the rows so far. */
  readonly passes: number;
}

/** How a fit ended. */
export interface LogisticSolution {
  /** False if it was stopped by `maxIter` or found no better point: raise `maxIter`, pass `standardize`, or lower `C`. */
  readonly converged: boolean;
  /**
   * Why it ended: the gradient came to `tol`; the loss no longer fell by more than rounding; there were `maxIter`
   * iterations; no step along the line lowered the loss.
   */
  readonly stop: "gradient" | "loss" | "iterations" | "line search";
  readonly iterations: number;
  /** Passes over the rows, one more for counting them included. */
  readonly passes: number;
  /** What is minimised: the mean of the rows' losses plus the penalty. */
  readonly loss: number;
  /** Greatest entry of its gradient, without the sign. */
  readonly gradient: number;
}

/** Options with their defaults filled in. */
export interface ResolvedSolverOptions {
  readonly tol: number;
  readonly maxIter: number;
  readonly fitIntercept: boolean;
  readonly standardize: boolean;
  readonly cacheBytes: number;
}

/** @throws InvalidArgumentError for options out of range */
export function resolveSolverOptions(options: LogisticSolverOptions): ResolvedSolverOptions {
  const { tol = 1e-4, maxIter = 100, fitIntercept = true, standardize = false, cacheBytes = 2 ** 28 } = options;
  if (!(tol >= 0 && Number.isFinite(tol))) {
    throw new InvalidArgumentError(
      `\`tol\` is ${describeValue(tol)}: expected 0 or a finite number above it, such as 0.0001.`,
    );
  }
  if (!Number.isSafeInteger(maxIter) || maxIter < 1) {
    throw new InvalidArgumentError(`\`maxIter\` is ${describeValue(maxIter)}: expected an integer of at least 1.`);
  }
  if (!(cacheBytes >= 0)) {
    throw new InvalidArgumentError(
      `\`cacheBytes\` is ${describeValue(cacheBytes)}: expected a number of bytes, 0 to keep no rows in memory.`,
    );
  }
  checkBoolean("fitIntercept", fitIntercept);
  checkBoolean("standardize", standardize);
  return { tol, maxIter, fitIntercept, standardize, cacheBytes };
}

/** @throws InvalidArgumentError if it is not above 0 */
export function checkC(C: number): number {
  if (typeof C === "number" && C > 0) return C;
  throw new InvalidArgumentError(
    `\`C\` is ${describeValue(C)}: expected a number above 0, the inverse of the penalty's strength, or Infinity for none.`,
  );
}
