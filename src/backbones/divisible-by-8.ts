/**
 * A number of filters as mobile networks round it: the nearest multiple of 8, but at least 8, and not more than a tenth
 * below. `_make_divisible` and `_depth` of Keras's MobileNets.
 */
export function divisibleBy8(filters: number): number {
  const rounded = Math.max(8, Math.floor(Math.trunc(filters + 4) / 8) * 8);
  return rounded < 0.9 * filters ? rounded + 8 : rounded;
}
