// AssemblyScript: the step of Adam and AdamW. Formula and order of computation are those of `keras.optimizers`, in float32.
import { bytesOf } from "./fours";

/**
 * The next value, momentum and velocity of `count` weights, which may lie where the present ones do. AdamW takes `decay`
 * times the value away first, which is 0 for plain Adam; the shares are 1 - beta.
 */
export function adamInto(
  count: u32,
  value: usize,
  gradient: usize,
  momentum: usize,
  velocity: usize,
  nextValue: usize,
  nextMomentum: usize,
  nextVelocity: usize,
  stepSize: f32,
  share1: f32,
  share2: f32,
  epsilon: f32,
  decay: f32,
): void {
  const size = f32x4.splat(stepSize);
  const ofGradient = f32x4.splat(share1);
  const ofSquare = f32x4.splat(share2);
  const least = f32x4.splat(epsilon);
  const lost = f32x4.splat(decay);
  for (let at: usize = 0, end = bytesOf(count); at < end; at += 16) {
    const g = v128.load(gradient + at);
    const m = movedTowards(v128.load(momentum + at), g, ofGradient);
    const v = movedTowards(v128.load(velocity + at), f32x4.mul(g, g), ofSquare);
    const w = v128.load(value + at);
    v128.store(nextMomentum + at, m);
    v128.store(nextVelocity + at, v);
    const change = f32x4.div(f32x4.mul(m, size), f32x4.add(f32x4.sqrt(v), least));
    v128.store(nextValue + at, f32x4.sub(f32x4.sub(w, f32x4.mul(w, lost)), change));
  }
}

/** running + (current - running) * share */
function movedTowards(running: v128, current: v128, share: v128): v128 {
  return f32x4.add(running, f32x4.mul(f32x4.sub(current, running), share));
}
