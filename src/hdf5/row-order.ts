import { createRandom, type Random } from "../random.js";
import type { ResolvedBatchOptions } from "./batch-options.js";

/** The rows of one pass. */
export interface RowOrder {
  /** Where each row stands in the file, in the order of the pass. */
  readonly rows: Uint32Array;
  /**
   * Where in `rows` each stretch ends that is to be read as a whole before its rows are given out. `undefined` where
   * rows are read as they are needed.
   */
  readonly stretchEnds: readonly number[] | undefined;
}

/**
 * Puts the rows `indices` of a file into the order of pass number `pass`. Draws from
 * `numpy.random.RandomState(seed + pass)`, so that an order can be made again in Python.
 *
 * @param labels class of each row of the file, for balanced sampling
 */
export function orderRows(
  indices: Uint32Array,
  { shuffle, sampling, seed }: ResolvedBatchOptions,
  pass: number,
  labels: Int32Array | undefined,
): RowOrder {
  const random = createRandom((seed + pass) >>> 0);
  if (sampling === "balanced" && labels) {
    return { rows: balanced([...classMembers(indices, labels)], random), stretchEnds: undefined };
  }
  if (typeof shuffle === "object") return shuffleBlocks(indices, shuffle.blockRows, shuffle.bufferRows, random);
  const rows = indices.slice();
  if (shuffle) random.shuffle(rows);
  return { rows, stretchEnds: undefined };
}

/** Number of rows of a balanced pass: the number of classes times the rows of the greatest. */
export function balancedLength(indices: Uint32Array, labels: Int32Array): number {
  const members = classMembers(indices, labels);
  return members.length * greatestLength(members);
}

function balanced(members: readonly (readonly number[])[], random: Random): Uint32Array {
  const wanted = greatestLength(members);
  const rows = new Uint32Array(members.length * wanted);
  let at = 0;
  for (const own of members) {
    for (let missing = wanted; missing > 0; missing -= own.length) {
      const round = Uint32Array.from(own);
      random.shuffle(round);
      const taken = round.subarray(0, missing);
      rows.set(taken, at);
      at += taken.length;
    }
  }
  random.shuffle(rows);
  return rows;
}

function greatestLength(members: readonly (readonly number[])[]): number {
  return members.reduce((greatest, { length }) => Math.max(greatest, length), 0);
}

/** Rows of each class that has any, classes in order of their number. */
function classMembers(indices: Uint32Array, labels: Int32Array): readonly (readonly number[])[] {
  const members = new Map<number, number[]>();
  for (const row of indices) {
    const label = labels[row] as number;
    const own = members.get(label);
    if (own) own.push(row);
    else members.set(label, [row]);
  }
  return [...members].sort(([a], [b]) => a - b).map(([, own]) => own);
}

/** Blocks of the file in random order, gathered into stretches of up to `bufferRows` rows, each of them shuffled. */
function shuffleBlocks(indices: Uint32Array, blockRows: number, bufferRows: number, random: Random): RowOrder {
  const sorted = indices.slice().sort();
  const blocks: Uint32Array[] = [];
  for (let start = 0, end = 0; start < sorted.length; start = end) {
    const block = Math.floor((sorted[start] as number) / blockRows);
    while (end < sorted.length && Math.floor((sorted[end] as number) / blockRows) === block) end++;
    blocks.push(sorted.subarray(start, end));
  }
  random.shuffle(blocks);
  const rows = new Uint32Array(sorted.length);
  const stretchEnds: number[] = [];
  let start = 0;
  let at = 0;
  for (const block of blocks) {
    if (at > start && at + block.length - start > bufferRows) {
      stretchEnds.push(at);
      start = at;
    }
    rows.set(block, at);
    at += block.length;
  }
  if (at > start) stretchEnds.push(at);
  start = 0;
  for (const end of stretchEnds) {
    random.shuffle(rows.subarray(start, end));
    start = end;
  }
  return { rows, stretchEnds };
}
