import { median, type Row } from "./report.js";

/**
 * Watches resident memory over one piece of work. From the second quarter on, when everything is loaded and warm: its
 * least and greatest, and by how much the last quarter lies above the second. The one tells how far it wanders, what
 * waits to be collected included; the other whether it grows.
 */
export function watchMemory(what: string): { sample(): void; row(): Row } {
  const samples: number[] = [];
  return {
    sample: () => void samples.push(process.memoryUsage.rss() / 2 ** 20),
    row() {
      const quarter = Math.floor(samples.length / 4);
      const warm = samples.slice(quarter);
      const [least, greatest] = [Math.min(...warm), Math.max(...warm)];
      const growth = median(samples.slice(3 * quarter)) - median(samples.slice(quarter, 2 * quarter));
      return {
        what,
        figure: `${least.toFixed(0)} to ${greatest.toFixed(0)} MiB`,
        ratio: `±${((greatest - least) / 2).toFixed(1)} MiB, ${growth < 0 ? "" : "+"}${growth.toFixed(1)} MiB from quarter to quarter`,
      };
    },
  };
}
