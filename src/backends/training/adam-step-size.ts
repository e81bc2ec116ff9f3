/**
 * Step size of Keras's Adam: the corrections for the means' start at 0 are folded into it.
 *
 * @param settings the weight's learning rate, and the step: 1 for the first
 */
export function adamStepSize(
  { beta1, beta2 }: { readonly beta1: number; readonly beta2: number },
  settings: { readonly learningRate: number; readonly step: number },
): number {
  const { learningRate, step } = settings;
  // Keras computes this in float32, which shows: 1 - beta2 has few digits left there.
  const power = (beta: number) => Math.fround(Math.fround(beta) ** step);
  const numerator = Math.fround(Math.sqrt(Math.fround(1 - power(beta2))));
  return Math.fround(Math.fround(Math.fround(learningRate) * numerator) / Math.fround(1 - power(beta1)));
}
