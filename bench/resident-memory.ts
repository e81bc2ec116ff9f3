import { existsSync, readFileSync } from "node:fs";
import { median, type Row } from "./report.js";

const status = "/proc/self/status";

/**
 * Watches resident memory over one piece of work. From the second quarter on, when everything is loaded and warm: its
 * least and greatest, and by how much the last quarter lies above the second. The one tells how far it wanders, what
 * waits to be collected included; the other whether it grows. Linux also tells what of it is the process's own: the
 * rest are pages of programs and libraries, which the system drops and reads again as it likes.
 */
export function watchMemory(what: string): { sample(): void; rows(): readonly Row[] } {
  const resident: number[] = [];
  const own: number[] = [];
  return {
    sample() {
      resident.push(process.memoryUsage.rss() / 2 ** 20);
      if (!existsSync(status)) return;
      const kibibytes = /^RssAnon:\s+(\d+) kB$/mu.exec(readFileSync(status, "utf8"))?.[1];
      if (kibibytes !== undefined) own.push(Number(kibibytes) / 1024);
    },
    rows: () => [describe(what, resident), ...(own.length > 0 ? [describe("  of it the process's own", own)] : [])],
  };
}

function describe(what: string, samples: readonly number[]): Row {
  const quarter = Math.floor(samples.length / 4);
  const warm = samples.slice(quarter);
  const [least, greatest] = [Math.min(...warm), Math.max(...warm)];
  const growth = median(samples.slice(3 * quarter)) - median(samples.slice(quarter, 2 * quarter));
  return {
    what,
    figure: `${median(warm).toFixed(0)} MiB`,
    spread: `${least.toFixed(0)} to ${greatest.toFixed(0)}`,
    ratio: `±${((greatest - least) / 2).toFixed(1)} MiB, ${growth < 0 ? "" : "+"}${growth.toFixed(1)} MiB from the second quarter to the last`,
  };
}
