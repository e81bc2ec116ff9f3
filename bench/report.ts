import { sampleNoise } from "./noise.js";

/** One measured line: what ran, its figure, from least to most of the rounds, and how it stands to the others. */
export interface Row {
  readonly what: string;
  readonly figure: string;
  readonly spread?: string;
  readonly ratio?: string;
}

/** Lines under a heading. */
export interface Table {
  readonly heading: string;
  readonly rows: readonly Row[];
}

/** One who does the work: this library, a peer, or what the machine can do at most. */
export interface Lane {
  readonly what: string;
  readonly role: "limit" | "ours" | "peer";
  /** One figure of each round; none if it is not there. */
  readonly figures: readonly number[];
  /** Said behind the ratios. */
  readonly note?: string | undefined;
}

/** What figures count, and whether less of it is faster. */
export interface Unit {
  readonly name: string;
  readonly faster: "less" | "more";
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
  const width = (column: (row: Row) => string) => Math.max(...rows.map((row) => column(row).length));
  const [what, figure, spread] = [
    width((row) => row.what),
    width((row) => row.figure),
    width((row) => row.spread ?? ""),
  ] as const;
  console.log(`\n${heading}`);
  for (const row of rows) {
    const cells = [row.what.padEnd(what), row.figure.padStart(figure), (row.spread ?? "").padEnd(spread), row.ratio];
    console.log(`  ${cells.join("  ")}`.trimEnd());
  }
}

/**
 * Lines of all lanes that were measured: the median, least and most, and how fast each is beside the first limit and the first
 * peer. Ratios are medians of those of each round, as a machine is not equally fast in all of them.
 */
export function compare(lanes: readonly Lane[], unit: Unit): readonly Row[] {
  const measured = lanes.filter(({ figures }) => figures.length > 0);
  const limit = measured.find(({ role }) => role === "limit");
  const peer = measured.find(({ role }) => role === "peer");
  return measured.map((lane) => {
    const ratios = [
      lane !== limit && limit && `${speedOf(lane, limit, unit).toFixed(2)} of the limit`,
      lane !== peer && lane.role !== "limit" && peer && `${speedOf(lane, peer, unit).toFixed(2)} x ${peer.what}`,
      lane.note,
    ];
    return rowOf(lane.what, lane.figures, unit.name, ratios.filter(Boolean).join("; "));
  });
}

/** A line of the figures of all rounds. */
export function rowOf(what: string, figures: readonly number[], unit: string, ratio = ""): Row {
  return {
    what,
    figure: `${round(median(figures))} ${unit}`,
    spread: `${round(Math.min(...figures))} to ${round(Math.max(...figures))}`,
    ratio,
  };
}

/** How many times as fast one lane is as another. */
function speedOf(lane: Lane, other: Lane, { faster }: Unit): number {
  const ratios = lane.figures.map((figure, round) => {
    const reference = other.figures[round] ?? median(other.figures);
    return faster === "less" ? reference / figure : figure / reference;
  });
  return median(ratios);
}

/** Three figures, or all before the point. */
function round(value: number): string {
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

/** Turns that take less are taken twice, in ms. */
const shortTurn = 1000;
/** Turns are taken until they have taken so long together, in ms. */
const turnTime = 100;

/**
 * Lets each of several take its turn in every round, not always the same first. A short turn is taken twice or, where it takes
 * only some milliseconds, many times, and the median of all but the first counts: in the first the caches, the clock and the threads
 * are still as the one before has left them.
 *
 * @returns what each measured, by round
 */
export async function inTurns(
  rounds: number,
  turns: readonly (() => Promise<number>)[],
): Promise<readonly (readonly number[])[]> {
  const figures = turns.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    sampleNoise();
    for (let place = 0; place < turns.length; place++) {
      const at = (round + place) % turns.length;
      figures[at]?.push(await figureOf(turns[at] as () => Promise<number>));
    }
  }
  return figures;
}

async function figureOf(turn: () => Promise<number>): Promise<number> {
  const start = performance.now();
  const first = await turn();
  if (performance.now() - start >= shortTurn) return first;
  const others: number[] = [];
  do others.push(await turn());
  while (performance.now() - start < turnTime);
  return median(others);
}

/** Milliseconds that something takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** The middle one of several figures, which a few disturbed ones do not move. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[(sorted.length >> 1) - 1] ?? Number.NaN)) / 2;
}
