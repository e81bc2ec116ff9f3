import { type LinePoint, searchLine } from "./line-search.js";

/** A function to be minimised: writes its gradient at a point and returns its value there. */
export type Objective = (point: Float64Array, gradient: Float64Array) => Promise<number>;

/** When to stop. */
export interface MinimizeOptions {
  /** Stops when no entry of the gradient is further from 0. */
  readonly gradientTolerance: number;
  /** Stops when an iteration has lowered the value by no more than this part of it, or of 1 if that is more. */
  readonly valueTolerance: number;
  /** Iterations, at most. */
  readonly iterations: number;
  /** Called after each iteration. */
  readonly onIteration?: ((state: MinimizeState) => void) | undefined;
}

/** Where a minimisation stands. */
export interface MinimizeState {
  readonly iteration: number;
  readonly value: number;
  /** Greatest entry of the gradient, without its sign. */
  readonly gradient: number;
  /** Evaluations of the function so far. */
  readonly evaluations: number;
}

/** Where a minimisation ended, and why. */
export interface Minimum extends MinimizeState {
  readonly point: Float64Array;
  readonly stop: "gradient" | "value" | "iterations" | "line search";
}

/** Pairs of steps and changes of the gradient that stand for the curvature. */
const memory = 10;
const searchEvaluations = 50;
const greatestStep = 1e10;

/** Arrays of the length of the point that a minimisation needs at most. */
export const minimizeVectors = 2 * memory + 6;

/**
 * Minimises a smooth function by L-BFGS from `start`. Steps, restarts and stopping rules are those of L-BFGS-B 3.0 without
 * bounds with a memory of 10 and at most 50 evaluations along a line, as scikit-learn calls SciPy's, so that it comes to the
 * same point after the same number of iterations up to rounding.
 *
 * Algorithm: J. Nocedal, "Updating quasi-Newton matrices with limited storage", Math. Comp. 35 (1980); C. Zhu, R. H. Byrd,
 * P. Lu, J. Nocedal, "Algorithm 778: L-BFGS-B", ACM TOMS 23 (1997).
 */
export async function minimize(objective: Objective, start: Float64Array, options: MinimizeOptions): Promise<Minimum> {
  const size = start.length;
  let point = start.slice();
  let gradient = new Float64Array(size);
  let trialPoint = new Float64Array(size);
  let trialGradient = new Float64Array(size);
  const direction = new Float64Array(size);
  const curvature = createCurvature(size);
  let value = await objective(point, gradient);
  let evaluations = 1;
  let iteration = 0;
  const ended = (stop: Minimum["stop"]): Minimum => ({
    point,
    value,
    gradient: greatestEntry(gradient),
    iteration,
    evaluations,
    stop,
  });
  if (greatestEntry(gradient) <= options.gradientTolerance) return ended("gradient");

  for (;;) {
    curvature.descend(gradient, direction);
    const slope = dot(direction, gradient);
    const along = async (step: number): Promise<LinePoint> => {
      for (let i = 0; i < size; i++) trialPoint[i] = (point[i] as number) + step * (direction[i] as number);
      const trial = await objective(trialPoint, trialGradient);
      evaluations++;
      return { step, value: trial, slope: dot(direction, trialGradient) };
    };
    const firstStep = iteration === 0 ? Math.min(1 / Math.sqrt(dot(direction, direction)), greatestStep) : 1;
    const limits = { firstStep, greatestStep, evaluations: searchEvaluations };
    const reached = slope < 0 ? await searchLine(along, { step: 0, value, slope }, limits) : undefined;
    if (reached === undefined) {
      if (curvature.isEmpty()) return ended("line search");
      curvature.clear();
      continue;
    }
    iteration++;
    const before = value;
    value = reached.value;
    [point, trialPoint] = [trialPoint, point];
    [gradient, trialGradient] = [trialGradient, gradient];
    const state = { iteration, value, gradient: greatestEntry(gradient), evaluations };
    options.onIteration?.(state);
    if (state.gradient <= options.gradientTolerance) return ended("gradient");
    if (iteration >= options.iterations) return ended("iterations");
    const scale = Math.max(Math.abs(before), Math.abs(value), 1);
    if (before - value <= options.valueTolerance * scale) return ended("value");
    const product = (reached.slope - slope) * reached.step;
    if (product > Number.EPSILON * -slope * reached.step) {
      curvature.add(direction, reached.step, gradient, trialGradient, product);
    }
  }
}

/** What the last steps tell of the second derivatives. */
interface Curvature {
  isEmpty(): boolean;
  clear(): void;
  /** Takes in the step `length * direction` that led from the gradient `before` to `after`. */
  add(direction: Float64Array, length: number, after: Float64Array, before: Float64Array, product: number): void;
  /** Writes minus the inverse Hessian's estimate times the gradient: the way down. */
  descend(gradient: Float64Array, direction: Float64Array): void;
}

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  /** step . change */
  readonly product: number;
}

function createCurvature(size: number): Curvature {
  const pairs: Pair[] = [];
  let scale = 1;
  return {
    isEmpty: () => pairs.length === 0,
    clear() {
      pairs.length = 0;
      scale = 1;
    },
    add(direction, length, after, before, product) {
      const oldest = pairs.length === memory ? pairs.shift() : undefined;
      const step = oldest?.step ?? new Float64Array(size);
      const change = oldest?.change ?? new Float64Array(size);
      let squares = 0;
      for (let i = 0; i < size; i++) {
        const difference = (after[i] as number) - (before[i] as number);
        step[i] = length * (direction[i] as number);
        change[i] = difference;
        squares += difference * difference;
      }
      pairs.push({ step, change, product });
      scale = product / squares;
    },
    descend(gradient, direction) {
      direction.set(gradient);
      const parts = new Array<number>(pairs.length);
      for (let p = pairs.length - 1; p >= 0; p--) {
        const { step, change, product } = pairs[p] as Pair;
        const part = dot(step, direction) / product;
        parts[p] = part;
        addScaled(direction, change, -part);
      }
      for (let i = 0; i < size; i++) direction[i] = (direction[i] as number) * scale;
      for (const [p, { step, change, product }] of pairs.entries()) {
        addScaled(direction, step, (parts[p] as number) - dot(change, direction) / product);
      }
      for (let i = 0; i < size; i++) direction[i] = -(direction[i] as number);
    },
  };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

function addScaled(to: Float64Array, values: Float64Array, factor: number): void {
  for (let i = 0; i < to.length; i++) to[i] = (to[i] as number) + factor * (values[i] as number);
}

function greatestEntry(values: Float64Array): number {
  let greatest = 0;
  for (let i = 0; i < values.length; i++) greatest = Math.max(greatest, Math.abs(values[i] as number));
  return greatest;
}
