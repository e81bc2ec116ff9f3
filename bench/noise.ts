import os from "node:os";
import { watchOthers } from "./processor-use.js";

/** How calm a machine was around a bench. */
export interface Noise {
  /** Slowest run of the same arithmetic / fastest one; 1 on a machine that does nothing else. */
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

/** Watches a machine: `sample` before, between and after what is measured. */
export function watchNoise(): { sample(): void; result(): Noise } {
  const times: number[] = [];
  const others = watchOthers();
  return {
    sample() {
      for (let run = 0; run < 5; run++) times.push(arithmetic());
    },
    result: () => judge(Math.max(...times) / Math.min(...times), others(), os.cpus().length),
  };
}

/**
 * @param spread slowest run of the same arithmetic / fastest one
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
    verdict: `The machine was ${calm ? "calm" : "too noisy to judge small differences"}: the same arithmetic took up to ${spread.toFixed(2)} times as long, and other programs kept ${busy} of ${cores} cores busy.`,
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
