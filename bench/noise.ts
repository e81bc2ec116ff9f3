import os from "node:os";

/** How calm a machine was around a bench. */
export interface Noise {
  /** Slowest run of the same arithmetic / fastest one; 1 on a machine that does nothing else. */
  readonly spread: number;
  /** Processes that wanted a core in the minute before the first bench. */
  readonly load: number;
  readonly verdict: string;
}

/** From here on, differences of a tenth say nothing. */
const noisySpread = 1.15;

/**
 * Watches a machine: `sample` before, between and after what is measured.
 *
 * @param load processes that wanted a core before this program did
 */
export function watchNoise(load: number): { sample(): void; result(): Noise } {
  const times: number[] = [];
  return {
    sample() {
      for (let run = 0; run < 5; run++) times.push(arithmetic());
    },
    result() {
      const spread = Math.max(...times) / Math.min(...times);
      const busy = load > os.availableParallelism() / 2;
      const verdict =
        spread > noisySpread || busy
          ? `The machine was too noisy to judge small differences: the same arithmetic took up to ${spread.toFixed(2)} times as long, and the load was ${load.toFixed(1)} at the beginning.`
          : `The machine was calm: the same arithmetic took up to ${spread.toFixed(2)} times as long.`;
      return { spread: Math.round(spread * 100) / 100, load: Math.round(load * 10) / 10, verdict };
    },
  };
}

/** Time in ms of some arithmetic that touches no memory. */
function arithmetic(): number {
  const start = performance.now();
  let value = 1;
  for (let i = 0; i < 2e7; i++) value = (value * 1.000001) % 3;
  if (value < 0) throw new Error("arithmetic is wrong");
  return performance.now() - start;
}
