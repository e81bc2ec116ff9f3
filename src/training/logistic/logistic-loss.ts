/**
 * Logistic loss of scores against classes. With one unit the classes are 0 and 1 and the score is the logarithm of their
 * odds; with more there is one unit for each class, and a softmax over them.
 *
 * Formulas: C. M. Bishop, "Pattern Recognition and Machine Learning" (2006), sections 4.3.2 and 4.3.4.
 *
 * @param scores `[rows, units]`; replaced by the loss's derivatives with respect to them
 * @param classes `[rows]`
 * @param weightOf how much a row of each class counts
 * @returns the weighted sum of -log(probability of the row's class)
 */
export function logisticLoss(scores: Float64Array, units: number, classes: Int32Array, weightOf: Float64Array): number {
  let loss = 0;
  for (let row = 0; row < classes.length; row++) {
    const label = classes[row] as number;
    const weight = weightOf[label] as number;
    if (units === 1) {
      const score = scores[row] as number;
      // log(1 + e^score) - label * score, without ever raising e to a high power.
      loss += weight * (Math.log1p(Math.exp(-Math.abs(score))) + Math.max(score, 0) - label * score);
      scores[row] = weight * (sigmoid(score) - label);
      continue;
    }
    const first = row * units;
    const own = scores[first + label] as number;
    const { greatest, sum } = exponentiate(scores, first, units);
    loss += weight * (Math.log(sum) + greatest - own);
    for (let unit = 0; unit < units; unit++) {
      const probability = (scores[first + unit] as number) / sum;
      scores[first + unit] = weight * (unit === label ? probability - 1 : probability);
    }
  }
  return loss;
}

/** Probabilities `[rows, classes]` for scores `[rows, units]`. */
export function logisticProbabilities(scores: Float64Array, units: number): Float64Array {
  if (units === 1) {
    const probabilities = new Float64Array(2 * scores.length);
    for (const [row, score] of scores.entries()) {
      probabilities[2 * row] = sigmoid(-score);
      probabilities[2 * row + 1] = sigmoid(score);
    }
    return probabilities;
  }
  const probabilities = scores.slice();
  for (let first = 0; first < probabilities.length; first += units) {
    const { sum } = exponentiate(probabilities, first, units);
    for (let unit = 0; unit < units; unit++) {
      probabilities[first + unit] = (probabilities[first + unit] as number) / sum;
    }
  }
  return probabilities;
}

/** For each row of scores the class: with one unit 1 above 0, else the first of the highest. */
export function logisticClasses(scores: Float64Array, units: number): Int32Array {
  if (units === 1) return Int32Array.from(scores, (score) => (score > 0 ? 1 : 0));
  return Int32Array.from({ length: scores.length / units }, (_, row) => {
    let best = 0;
    for (let unit = 1; unit < units; unit++) {
      if ((scores[row * units + unit] as number) > (scores[row * units + best] as number)) best = unit;
    }
    return best;
  });
}

/** Replaces a row of scores by e^(score - greatest). */
function exponentiate(
  scores: Float64Array,
  first: number,
  units: number,
): { readonly greatest: number; readonly sum: number } {
  let greatest = scores[first] as number;
  for (let unit = 1; unit < units; unit++) greatest = Math.max(greatest, scores[first + unit] as number);
  let sum = 0;
  for (let unit = 0; unit < units; unit++) {
    const power = Math.exp((scores[first + unit] as number) - greatest);
    scores[first + unit] = power;
    sum += power;
  }
  return { greatest, sum };
}

function sigmoid(score: number): number {
  if (score >= 0) return 1 / (1 + Math.exp(-score));
  const power = Math.exp(score);
  return power / (1 + power);
}
