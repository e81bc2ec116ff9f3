// AssemblyScript: the steps of the optimizers, each in one pass over a weight, four numbers at a time.
//
// Addresses are those of float32 values in the memory that the module is given. `count` is a number of values. Functions
// without a result go through whole fours, so that the arrays they are given must reach to the next multiple of four.
// Formulas and order of computation are those of `keras.optimizers`, in float32.
// `npm run build:kernels` makes src/backends/training/optimizer-kernels-binary.ts of this file.
import { adamInto } from "./adam";
import { bytesOf } from "./fours";

/** Gradient descent, with momentum that `moving` keeps unless it is 0, and Nesterov's look ahead if `nesterov` is not 0. */
export function sgd(
  count: u32,
  value: usize,
  gradient: usize,
  moving: usize,
  learningRate: f32,
  momentum: f32,
  nesterov: f32,
): void {
  const rate = f32x4.splat(learningRate);
  const kept = f32x4.splat(momentum);
  for (let at: usize = 0, end = bytesOf(count); at < end; at += 16) {
    const change = f32x4.mul(v128.load(gradient + at), rate);
    const w = v128.load(value + at);
    if (moving === 0) {
      v128.store(value + at, f32x4.sub(w, change));
      continue;
    }
    const next = f32x4.sub(f32x4.mul(v128.load(moving + at), kept), change);
    v128.store(moving + at, next);
    v128.store(value + at, f32x4.add(w, nesterov === 0 ? next : f32x4.sub(f32x4.mul(next, kept), change)));
  }
}

/** Adam and AdamW, as {@link adamInto}, in place. */
export function adam(
  count: u32,
  value: usize,
  gradient: usize,
  momentum: usize,
  velocity: usize,
  stepSize: f32,
  share1: f32,
  share2: f32,
  epsilon: f32,
  decay: f32,
): void {
  adamInto(
    count,
    value,
    gradient,
    momentum,
    velocity,
    value,
    momentum,
    velocity,
    stepSize,
    share1,
    share2,
    epsilon,
    decay,
  );
}

/**
 * RMSprop, whose epsilon stands under the root. `moving` keeps its momentum and `average` the gradient's mean, by which it
 * is centered; an address of 0 for what it does not have.
 */
export function rmsprop(
  count: u32,
  value: usize,
  gradient: usize,
  velocity: usize,
  moving: usize,
  average: usize,
  learningRate: f32,
  rho: f32,
  share: f32,
  epsilon: f32,
  momentum: f32,
): void {
  const rate = f32x4.splat(learningRate);
  const old = f32x4.splat(rho);
  const ofNew = f32x4.splat(share);
  const least = f32x4.splat(epsilon);
  const pushed = f32x4.splat(momentum);
  for (let at: usize = 0, end = bytesOf(count); at < end; at += 16) {
    const g = v128.load(gradient + at);
    let spread = mixed(v128.load(velocity + at), f32x4.mul(g, g), old, ofNew);
    v128.store(velocity + at, spread);
    if (average !== 0) {
      const mean = mixed(v128.load(average + at), g, old, ofNew);
      v128.store(average + at, mean);
      spread = f32x4.sub(spread, f32x4.mul(mean, mean));
    }
    let change = f32x4.div(f32x4.mul(g, rate), f32x4.sqrt(f32x4.add(spread, least)));
    if (moving !== 0) {
      change = f32x4.add(f32x4.mul(v128.load(moving + at), pushed), change);
      v128.store(moving + at, change);
    }
    v128.store(value + at, f32x4.sub(v128.load(value + at), change));
  }
}

/** Adds the gradient of `l1 * sum(|value|) + l2 * sum(value^2)`. */
export function addPenalty(count: u32, value: usize, gradient: usize, l1: f32, l2: f32): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const slope = f32x4.splat(2 * l2);
  const step = f32x4.splat(l1);
  for (let at: usize = 0, end = bytesOf(count); at < end; at += 16) {
    const w = v128.load(value + at);
    const sign = f32x4.sub(v128.and(f32x4.gt(w, zero), one), v128.and(f32x4.lt(w, zero), one));
    const grown = f32x4.add(v128.load(gradient + at), f32x4.mul(w, slope));
    v128.store(gradient + at, f32x4.add(grown, f32x4.mul(sign, step)));
  }
}

/** Multiplies values by a number. */
export function scale(count: u32, values: usize, factor: f32): void {
  const factors = f32x4.splat(factor);
  for (let at: usize = 0, end = bytesOf(count); at < end; at += 16) {
    v128.store(values + at, f32x4.mul(v128.load(values + at), factors));
  }
}

/** Limits values to -limit..limit. */
export function clip(count: u32, values: usize, limit: f32): void {
  const least = f32x4.splat(-limit);
  const most = f32x4.splat(limit);
  for (let at: usize = 0, end = bytesOf(count); at < end; at += 16) {
    v128.store(values + at, f32x4.min(f32x4.max(v128.load(values + at), least), most));
  }
}

/** Sum of absolute values. */
export function absoluteSum(count: u32, values: usize): f64 {
  let sum: f64 = 0;
  for (let at = values, end = values + ((<usize>count) << 2); at < end; at += 4) sum += f64(abs(load<f32>(at)));
  return sum;
}

/** Sum of squares. */
export function squareSum(count: u32, values: usize): f64 {
  // Two sums at a time, twice, so that one addition need not wait for the one before.
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  let at = values;
  const end = values + ((<usize>count) << 2);
  for (; at + 16 <= end; at += 16) {
    const four = v128.load(at);
    const first = f64x2.promote_low_f32x4(four);
    const second = f64x2.promote_low_f32x4(v128.shuffle<f32>(four, four, 2, 3, 0, 1));
    low = f64x2.add(low, f64x2.mul(first, first));
    high = f64x2.add(high, f64x2.mul(second, second));
  }
  const both = f64x2.add(low, high);
  let sum = f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
  for (; at < end; at += 4) sum += f64(load<f32>(at)) * f64(load<f32>(at));
  return sum;
}

/** rho * running + share * current */
function mixed(running: v128, current: v128, rho: v128, share: v128): v128 {
  return f32x4.add(f32x4.mul(running, rho), f32x4.mul(current, share));
}
