import { createRandom } from "../random.js";

/**
 * Normally distributed numbers of mean 0 and variance 1, those of `numpy.random.RandomState(seed).standard_normal`.
 *
 * Algorithm: G. Marsaglia, T. Bray, "A convenient method for generating normal variables", SIAM Review 6 (1964).
 */
export function normalNoise(seed: number | readonly number[], length: number): Float32Array {
  const random = createRandom(seed);
  const noise = new Float32Array(length);
  for (let i = 0; i < length; i += 2) {
    let [x, y, square] = [0, 0, 0];
    do {
      x = 2 * random.double() - 1;
      y = 2 * random.double() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const factor = Math.sqrt((-2 * Math.log(square)) / square);
    noise[i] = factor * y;
    if (i + 1 < length) noise[i + 1] = factor * x;
  }
  return noise;
}
