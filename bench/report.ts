/** One measured line: what ran, its figure, and how it stands to the line it is compared with. */
export interface Row {
  readonly what: string;
  readonly figure: string;
  readonly ratio?: string;
}

/** Prints a table with aligned columns under a heading. */
export function printTable(heading: string, rows: readonly Row[]): void {
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
