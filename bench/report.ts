/** One measured line: what ran, its figure, and how it stands to the line it is compared with. */
export interface Row {
  readonly what: string;
  readonly figure: string;
  readonly ratio?: string;
}

/** Lines under a heading. */
export interface Table {
  readonly heading: string;
  readonly rows: readonly Row[];
}

/** Every table that was printed, in order. */
const printed: Table[] = [];

/** Takes the tables that were printed since the last call. */
export function takeTables(): readonly Table[] {
  return printed.splice(0);
}

/** Prints a table with aligned columns under a heading. */
export function printTable(heading: string, rows: readonly Row[]): void {
  printed.push({ heading, rows });
  const what = Math.max(...rows.map((row) => row.what.length));
  const figure = Math.max(...rows.map((row) => row.figure.length));
  console.log(`\n${heading}`);
  for (const row of rows) {
    console.log(`  ${row.what.padEnd(what)}  ${row.figure.padStart(figure)}  ${row.ratio ?? ""}`.trimEnd());
  }
}

/** Smallest of several timings of the same work, in ms: the one that was disturbed least. */
export async function fastest(times: number, work: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    await work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** The middle one of several figures, which a few disturbed ones do not move. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[(sorted.length >> 1) - 1] ?? Number.NaN)) / 2;
}
