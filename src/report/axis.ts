/** Round values for the marks of an axis, and the range that they span. */
export interface Ticks {
  readonly low: number;
  readonly high: number;
  readonly values: readonly number[];
  readonly step: number;
}

/** About `count` marks at multiples of 1, 2 or 5 times a power of ten, which enclose `low` to `high`. */
export function roundTicks(low: number, high: number, count = 5): Ticks {
  const span = high > low ? high - low : Math.abs(low) || 1;
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * (rough / power > 5 ? 10 : rough / power > 2 ? 5 : rough / power > 1 ? 2 : 1);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  const values = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  return { low: first * step, high: last * step, values, step };
}

/** A mark's value with the digits that tell it from its neighbours. */
export function tickText(value: number, step: number): string {
  if (value === 0 && step < 1e-4) return "0";
  if (value !== 0 && (Math.abs(value) >= 1e6 || step < 1e-4)) return value.toExponential(1);
  return value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}
