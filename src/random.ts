import { InvalidArgumentError } from "./errors.js";
import { describeValue } from "./options/check-option.js";

const stateSize = 624;
const shift = 397;

/** Source of pseudo-random numbers, seeded. */
export interface Random {
  /** Uniform unsigned 32-bit integer. */
  uint32(): number;
  /** Uniform double in [0, 1) with 53 random bits, as `numpy.random.RandomState.random_sample`. */
  double(): number;
  /**
   * Uniform integer in [0, limit): masked rejection on 32 bits, as `RandomState.shuffle` draws.
   *
   * @throws InvalidArgumentError if the limit is no integer
   */
  integerBelow(limit: number): number;
  /** Shuffles in place, equal to `numpy.random.RandomState(seed).shuffle`. */
  shuffle<T>(items: { [index: number]: T; readonly length: number }): void;
}

/**
 * Mersenne Twister MT19937 seeded as `numpy.random.RandomState(seed)`, so that every seeded choice of this library can
 * be made again in Python.
 *
 * Algorithm: M. Matsumoto, T. Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998), with the 2002 initialisation.
 *
 * @param seed integer in 0..4294967295, or a list of them, at least one, as numpy takes it too
 * @throws InvalidArgumentError if the seed is neither
 */
export function createRandom(seed: number | readonly number[]): Random {
  const seeds: readonly number[] = Array.isArray(seed) ? seed : [seed as number];
  if (seeds.length === 0 || seeds.some((each) => !Number.isInteger(each) || each < 0 || each > 0xffffffff)) {
    throw new InvalidArgumentError(`\`seed\` is ${String(seed)}: expected an integer in 0..4294967295.`);
  }
  const state = Array.isArray(seed) ? stateOfList(seeds) : initialState(seeds[0] as number);
  let position = stateSize;

  function twist(): void {
    // Three runs instead of indices modulo 624: this is where drawing spends its time.
    for (let k = 0; k < stateSize - shift; k++) mix(k, k + 1, k + shift);
    for (let k = stateSize - shift; k < stateSize - 1; k++) mix(k, k + 1, k + shift - stateSize);
    mix(stateSize - 1, 0, shift - 1);
    position = 0;
  }

  function mix(k: number, next: number, shifted: number): void {
    const y = ((state[k] as number) & 0x80000000) | ((state[next] as number) & 0x7fffffff);
    state[k] = (state[shifted] as number) ^ (y >>> 1) ^ (-(y & 1) & 0x9908b0df);
  }

  function uint32(): number {
    if (position === stateSize) twist();
    let y = state[position++] as number;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  }

  function double(): number {
    const high = uint32() >>> 5;
    const low = uint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  function draw(limit: number): number {
    const greatest = limit - 1;
    if (greatest <= 0) return 0;
    const mask = 0xffffffff >>> Math.clz32(greatest);
    for (;;) {
      const value = (uint32() & mask) >>> 0;
      if (value <= greatest) return value;
    }
  }

  function integerBelow(limit: number): number {
    // Below a limit that is no number there is no integer, however long one draws.
    if (Number.isInteger(limit)) return draw(limit);
    throw new InvalidArgumentError(`\`limit\` is ${describeValue(limit)}: expected an integer.`);
  }

  function shuffle<T>(items: { [index: number]: T; readonly length: number }): void {
    if (!Number.isInteger(items?.length)) {
      throw new InvalidArgumentError(`\`items\` is ${describeValue(items)}: expected a list, whose order is changed.`);
    }
    for (let i = items.length - 1; i > 0; i--) {
      const j = draw(i + 1);
      const item = items[i] as T;
      items[i] = items[j] as T;
      items[j] = item;
    }
  }

  return { uint32, double, integerBelow, shuffle };
}

function initialState(seed: number): Uint32Array {
  const state = new Uint32Array(stateSize);
  state[0] = seed;
  for (let i = 1; i < stateSize; i++) state[i] = Math.imul(1812433253, folded(state, i)) + i;
  return state;
}

/** `init_by_array` of the 2002 initialisation. */
function stateOfList(seeds: readonly number[]): Uint32Array {
  const state = initialState(19650218);
  let i = 1;
  const next = () => {
    i++;
    if (i < stateSize) return;
    state[0] = state[stateSize - 1] as number;
    i = 1;
  };
  for (let k = 0; k < Math.max(stateSize, seeds.length); k++) {
    const at = k % seeds.length;
    state[i] = ((state[i] as number) ^ Math.imul(1664525, folded(state, i))) + (seeds[at] as number) + at;
    next();
  }
  for (let k = 1; k < stateSize; k++) {
    state[i] = ((state[i] as number) ^ Math.imul(1566083941, folded(state, i))) - i;
    next();
  }
  state[0] = 0x80000000;
  return state;
}

function folded(state: Uint32Array, i: number): number {
  const previous = state[i - 1] as number;
  return previous ^ (previous >>> 30);
}
