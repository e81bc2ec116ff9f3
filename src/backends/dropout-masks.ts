import { createRandom } from "../random.js";

const levels = 65536;

/** Draws the masks of dropout layers, one after another from one seeded source. */
export interface DropoutMasks {
  /**
   * The next mask: each value is 0 with probability `rate`, else 1 / (1 - rate).
   *
   * @param length number of values
   * @param rate in 0..1; 1 gives zeros only
   */
  draw(length: number, rate: number): Float32Array;
}

/**
 * Masks that depend on nothing but the seed and the order of the calls, so that training is the same on every backend.
 *
 * In training, a layer draws from `[seed, steps taken so far, place among the network's layers from the last]`: so its masks depend on
 * nothing that came before, and a training that goes on later draws the same.
 *
 * A value takes 16 random bits, an integer u in 0..65535, and is 0 if u < round(65536 * rate). The bits are those of
 * `createRandom(seed).uint32()`: the lower half of a number first, then the upper; every mask begins with a new number.
 */
export function createDropoutMasks(seed: number | readonly number[]): DropoutMasks {
  const random = createRandom(seed);
  return {
    draw(length, rate) {
      const mask = new Float32Array(length);
      if (rate >= 1) return mask;
      const dropped = Math.round(levels * rate);
      const kept = 1 / (1 - rate);
      // The sign of the difference decides, without a branch that the processor could not foresee.
      const least = dropped - 1;
      const even = length - (length % 2);
      for (let i = 0; i < even; i += 2) {
        const bits = random.uint32();
        mask[i] = kept * ((least - (bits & 0xffff)) >>> 31);
        mask[i + 1] = kept * ((least - (bits >>> 16)) >>> 31);
      }
      if (even < length) mask[even] = kept * ((least - (random.uint32() & 0xffff)) >>> 31);
      return mask;
    },
  };
}
