/** A function of the step along a line, and its slope there. */
export interface LinePoint {
  readonly step: number;
  readonly value: number;
  readonly slope: number;
}

/** Constants of L-BFGS-B's line search. */
const decrease = 1e-3;
const curvature = 0.9;
const narrowest = 0.1;

/**
 * Looks along a line for a step with sufficient decrease, value(step) <= value(0) + 1e-3 step slope(0), at which the slope
 * has fallen to 0.9 of that at 0.
 *
 * Algorithm: J. J. More, D. J. Thuente, "Line search algorithms with guaranteed sufficient decrease", ACM TOMS 20 (1994),
 * with the safeguards of MINPACK-2, so that the steps are those of L-BFGS-B. As there, a bracket that has become narrow
 * ends the search with its best step.
 *
 * @param start the point at step 0; its slope must be negative
 * @returns undefined if as many evaluations as allowed have not found one
 */
export async function searchLine(
  evaluate: (step: number) => Promise<LinePoint>,
  start: LinePoint,
  limits: { readonly firstStep: number; readonly greatestStep: number; readonly evaluations: number },
): Promise<LinePoint | undefined> {
  const { greatestStep } = limits;
  const wanted = decrease * start.slope;
  let best = start;
  let other = start;
  let bracketed = false;
  let firstStage = true;
  let step = limits.firstStep;
  let [least, greatest] = [0, 5 * step];
  let [width, widthBefore] = [greatestStep, 2 * greatestStep];
  for (let evaluation = 0; evaluation < limits.evaluations; evaluation++) {
    const trial = await evaluate(step);
    const target = start.value + step * wanted;
    if (trial.value <= target && trial.slope >= 0) firstStage = false;
    const narrow = bracketed && (step <= least || step >= greatest || greatest - least <= narrowest * greatest);
    const furthest = step === greatestStep && trial.value <= target && trial.slope <= wanted;
    const found = trial.value <= target && Math.abs(trial.slope) <= -curvature * start.slope;
    if (narrow || furthest || found) return trial;

    // While no step has decreased enough, the function less the wanted decrease leads the way.
    const lean = firstStage && trial.value <= best.value && trial.value > target ? wanted : 0;
    const next = nextStep(tilt(best, -lean), tilt(other, -lean), tilt(trial, -lean), bracketed, least, greatest);
    [best, other] = [tilt(next.best, lean), tilt(next.other, lean)];
    step = next.step;
    bracketed = next.bracketed;
    const between = Math.abs(other.step - best.step);
    if (bracketed) {
      if (between >= 0.66 * widthBefore) step = best.step + 0.5 * (other.step - best.step);
      [widthBefore, width] = [width, between];
      [least, greatest] = [Math.min(best.step, other.step), Math.max(best.step, other.step)];
    } else {
      [least, greatest] = [step + 1.1 * (step - best.step), step + 4 * (step - best.step)];
    }
    step = Math.min(Math.max(step, 0), greatestStep);
    if (bracketed && (step <= least || step >= greatest || greatest - least <= narrowest * greatest)) step = best.step;
  }
  return undefined;
}

function tilt({ step, value, slope }: LinePoint, lean: number): LinePoint {
  return { step, value: value + lean * step, slope: slope + lean };
}

/** The step to try next, and the interval that holds a minimum or will; section 4 of the paper. */
function nextStep(
  best: LinePoint,
  other: LinePoint,
  trial: LinePoint,
  bracketed: boolean,
  least: number,
  greatest: number,
): { readonly best: LinePoint; readonly other: LinePoint; readonly step: number; readonly bracketed: boolean } {
  if (trial.value > best.value) {
    // Higher: a minimum lies between.
    const cubic = cubicMinimum(best, trial);
    const chord = (best.value - trial.value) / (trial.step - best.step);
    const quadratic = best.step + (best.slope / (chord + best.slope) / 2) * (trial.step - best.step);
    const nearer = Math.abs(cubic - best.step) < Math.abs(quadratic - best.step);
    return { best, other: trial, step: nearer ? cubic : cubic + (quadratic - cubic) / 2, bracketed: true };
  }
  const secant = trial.step + (trial.slope / (trial.slope - best.slope)) * (best.step - trial.step);
  const further = (a: number, b: number) => (Math.abs(a - trial.step) > Math.abs(b - trial.step) ? a : b);
  if (trial.slope * Math.sign(best.slope) < 0) {
    // Lower, and rising again: a minimum lies between.
    return { best: trial, other: best, step: further(cubicMinimum(trial, best), secant), bracketed: true };
  }
  if (Math.abs(trial.slope) < Math.abs(best.slope)) {
    // Lower, and less steep: it lies ahead, where the slope would come to 0.
    const ahead = trial.step > best.step ? greatest : least;
    const cubic = cubicMinimumAhead(trial, best) ?? ahead;
    if (!bracketed) {
      const step = Math.max(least, Math.min(greatest, further(cubic, secant)));
      return { best: trial, other, step, bracketed };
    }
    const nearer = Math.abs(cubic - trial.step) < Math.abs(secant - trial.step) ? cubic : secant;
    const bound = trial.step + 0.66 * (other.step - trial.step);
    const step = trial.step > best.step ? Math.min(bound, nearer) : Math.max(bound, nearer);
    return { best: trial, other, step, bracketed };
  }
  // Lower, and steeper still.
  if (bracketed) return { best: trial, other, step: cubicMinimum(trial, other), bracketed };
  return { best: trial, other, step: trial.step > best.step ? greatest : least, bracketed };
}

/** Where the cubic through two points with these slopes has its minimum, counted from the first. */
function cubicMinimum(from: LinePoint, to: LinePoint): number {
  const { theta, scale } = cubic(from, to);
  const root = scale * Math.sqrt((theta / scale) ** 2 - (from.slope / scale) * (to.slope / scale));
  const gamma = to.step < from.step ? -root : root;
  const ratio = (gamma - from.slope + theta) / (gamma - from.slope + gamma + to.slope);
  return from.step + ratio * (to.step - from.step);
}

/** The same, if the minimum lies beyond the first point, away from the second. */
function cubicMinimumAhead(from: LinePoint, behind: LinePoint): number | undefined {
  const { theta, scale } = cubic(from, behind);
  const square = (theta / scale) ** 2 - (from.slope / scale) * (behind.slope / scale);
  const root = scale * Math.sqrt(Math.max(0, square));
  const gamma = from.step > behind.step ? -root : root;
  const ratio = (gamma - from.slope + theta) / (gamma + (behind.slope - from.slope) + gamma);
  return ratio < 0 && gamma !== 0 ? from.step + ratio * (behind.step - from.step) : undefined;
}

function cubic(from: LinePoint, to: LinePoint): { readonly theta: number; readonly scale: number } {
  const theta = (3 * (from.value - to.value)) / (to.step - from.step) + from.slope + to.slope;
  return { theta, scale: Math.max(Math.abs(theta), Math.abs(from.slope), Math.abs(to.slope)) };
}
