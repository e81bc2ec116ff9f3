/** How the range of a layer's values that eight bits cover is taken from those that were seen. */
export type RangeMethod = "minmax" | "percentile" | "entropy";

/** Every method, in the order in which they are tried. */
export const rangeMethods: readonly RangeMethod[] = ["minmax", "percentile", "entropy"];

/** Least and greatest value that eight bits tell apart; what lies outside becomes the nearer of the two. */
export interface ActivationRange {
  readonly least: number;
  readonly greatest: number;
}

/** Part of the values that a percentile range covers. */
const covered = 0.9999;
/** Values are counted in so many bins: fine enough to leave out a ten thousandth of them. */
const bins = 2048;
/** Levels that are left of them. */
const levels = 256;

/** Counts the values of one tensor, over as many calls as there are batches. */
export class ActivationHistogram {
  #counts = new Float64Array(bins);
  #least = 0;
  #width = 0;
  #low = Number.POSITIVE_INFINITY;
  #high = Number.NEGATIVE_INFINITY;

  /** Takes values in. Those that are not finite make every range useless, and are counted by none. */
  add(values: Float32Array): void {
    let low = this.#low;
    let high = this.#high;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (!Number.isFinite(low) || !Number.isFinite(high)) return;
    [this.#low, this.#high] = [low, high];
    this.#cover(low, high);
    const [least, width, counts] = [this.#least, this.#width, this.#counts];
    for (let i = 0; i < values.length; i++) {
      const bin = Math.min(bins - 1, Math.max(0, Math.floor(((values[i] as number) - least) / width)));
      counts[bin] = (counts[bin] as number) + 1;
    }
  }

  /** Widens the bins until they reach from `low` to `high`: counts of neighbours are put together, so none is lost. */
  #cover(low: number, high: number): void {
    if (this.#width === 0) {
      this.#width = Math.max((high - low) / bins, Number.MIN_VALUE * 2 ** 60);
      this.#least = low;
    }
    while (low < this.#least || high > this.#least + bins * this.#width) {
      const down = low < this.#least;
      const wider = new Float64Array(bins);
      const offset = down ? bins / 2 : 0;
      for (let bin = 0; bin < bins; bin++) {
        const place = offset + (bin >> 1);
        wider[place] = (wider[place] as number) + (this.#counts[bin] as number);
      }
      if (down) this.#least -= bins * this.#width;
      this.#width *= 2;
      this.#counts = wider;
    }
  }

  /**
   * The range by a method. 0 always lies in it, as padding needs.
   *
   * `minmax`: everything seen. `percentile`: without the outermost 0.01 % of the values, at the end or ends that are not
   * 0. `entropy`: the range whose 256 levels tell most about the values, by the Kullback-Leibler divergence of what is
   * left from what was counted.
   *
   * Entropy: S. Migacz, "8-bit Inference with TensorRT", GTC 2017.
   *
   * @returns undefined if no finite values were seen
   */
  range(method: RangeMethod): ActivationRange | undefined {
    if (!(this.#low <= this.#high)) return undefined;
    const all = { least: Math.min(0, this.#low), greatest: Math.max(0, this.#high) };
    if (method === "minmax") return all;
    return method === "percentile" ? this.#percentile(all) : this.#entropy(all);
  }

  #percentile(all: ActivationRange): ActivationRange {
    const total = this.#counts.reduce((sum, count) => sum + count, 0);
    const left = (total * (1 - covered)) / (all.least < 0 && all.greatest > 0 ? 2 : 1);
    let [low, high] = [0, bins - 1];
    for (let seen = 0; low < high; low++) {
      seen += this.#counts[low] as number;
      if (seen > left) break;
    }
    for (let seen = 0; high > low; high--) {
      seen += this.#counts[high] as number;
      if (seen > left) break;
    }
    return {
      least: all.least < 0 ? Math.min(0, Math.max(all.least, this.#least + low * this.#width)) : 0,
      greatest: all.greatest > 0 ? Math.max(0, Math.min(all.greatest, this.#least + (high + 1) * this.#width)) : 0,
    };
  }

  #entropy(all: ActivationRange): ActivationRange {
    const counts = this.#counts;
    const zero = Math.min(bins - 1, Math.max(0, Math.floor(-this.#least / this.#width)));
    let best = all;
    let least = Number.POSITIVE_INFINITY;
    // Both ends come nearer to 0 in the same proportion, as they do where a filter's values are alike on both sides.
    for (let step = 0; step < 96; step++) {
      const share = 1 - step / 128;
      const first = Math.round(zero - (zero - 0) * share);
      const end = Math.round(zero + 1 + (bins - 1 - zero) * share);
      if (end - first < levels) break;
      const divergence = divergenceOf(counts, first, end);
      if (divergence >= least) continue;
      least = divergence;
      best = {
        least: all.least < 0 ? Math.max(all.least, this.#least + first * this.#width) : 0,
        greatest: all.greatest > 0 ? Math.min(all.greatest, this.#least + end * this.#width) : 0,
      };
    }
    return { least: Math.min(0, best.least), greatest: Math.max(0, best.greatest) };
  }
}

/** Divergence of the counts in `first..end`, put into 256 levels, from all counts, of which those outside lie at the ends. */
function divergenceOf(counts: Float64Array, first: number, end: number): number {
  const width = end - first;
  const given = counts.slice(first, end);
  let [below, above] = [0, 0];
  for (let bin = 0; bin < first; bin++) below += counts[bin] as number;
  for (let bin = end; bin < counts.length; bin++) above += counts[bin] as number;
  const inside = given.reduce((sum, count) => sum + count, 0);
  const total = inside + below + above;
  if (inside === 0) return Number.POSITIVE_INFINITY;
  let divergence = 0;
  for (let level = 0; level < levels; level++) {
    const from = Math.floor((level * width) / levels);
    const to = Math.floor(((level + 1) * width) / levels);
    let sum = 0;
    let filled = 0;
    for (let bin = from; bin < to; bin++) {
      sum += given[bin] as number;
      if ((given[bin] as number) > 0) filled++;
    }
    for (let bin = from; bin < to; bin++) {
      let count = given[bin] as number;
      if (bin === 0) count += below;
      if (bin === width - 1) count += above;
      if (count === 0) continue;
      const kept = (given[bin] as number) > 0 ? sum / filled : 0;
      divergence += (count / total) * Math.log(count / total / Math.max(kept / inside, 1e-12));
    }
  }
  return divergence;
}
