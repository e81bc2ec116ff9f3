import os from "node:os";
import { watchOthers } from "./processor-use.js";

/** How calm a machine was around a bench. */
export interface Noise {
  /** What nine of ten runs of the same arithmetic took at most / the fastest one; 1 on a machine that does nothing else. */
  readonly spread: number;
  /** Cores that other programs kept busy on average; "unknown" where the system does not tell. */
  readonly others: number | "unknown";
  readonly calm: boolean;
  readonly verdict: string;
}

/** From here on, differences of a tenth say nothing. */
const noisySpread = 1.15;
/** Share of the processors that others may take. */
const noisyShare = 0.05;

/** Times of the same arithmetic, in ms, since the watch began. */
const times: number[] = [];

/** Watches a machine from now on, one bench at a time. */
export function watchNoise(): () => Noise {
  times.length = 0;
  const others = watchOthers();
  for (let run = 0; run < 5; run++) sampleNoise();
  return () => {
    for (let run = 0; run < 5; run++) sampleNoise();
    const sorted = times.toSorted((a, b) => a - b);
    const [fastest = 1] = sorted;
    return judge((sorted[Math.floor(0.9 * (sorted.length - 1))] ?? 1) / fastest, others(), os.cpus().length);
  };
}

/** To be called between what is measured: some 0.1 s of arithmetic. */
export function sampleNoise(): void {
  times.push(arithmetic());
}

/**
 * @param spread what nine of ten runs of the same arithmetic took at most / the fastest one
 * @param others cores that other programs kept busy; `undefined` if not known
 * @param cores of the machine, those included that this process may not use
 */
export function judge(spread: number, others: number | undefined, cores: number): Noise {
  const calm = spread <= noisySpread && (others ?? 0) <= noisyShare * cores;
  const busy = others === undefined ? "an unknown part" : others.toFixed(2);
  return {
    spread: Math.round(spread * 100) / 100,
    others: others === undefined ? "unknown" : Math.round(others * 100) / 100,
    calm,
    verdict: `The machine was ${calm ? "calm" : "too noisy to judge small differences"}: nine of ten runs of the same arithmetic took up to ${spread.toFixed(2)} times as long as the fastest, and other programs kept ${busy} of ${cores} cores busy.`,
  };
}

/** Time in ms of some arithmetic that touches no memory. */
function arithmetic(): number {
  const start = performance.now();
  let value = 1;
  for (let i = 0; i < 1e7; i++) value = (value * 1.000001) % 3;
  if (value < 0) throw new Error("arithmetic is wrong");
  return performance.now() - start;
}
