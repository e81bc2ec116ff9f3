import type { AxisWeights } from "./resample-axis.js";
import { resampleProgram } from "./resample-kernels.js";

/** Weights of one axis as the kernels read them: assembly/resample.ts. */
export interface PackedWeights {
  readonly bytes: Uint8Array;
  /** Pairs of weights for each target pixel. */
  readonly pairs: number;
  /** First source pixel along the axis that is used. */
  readonly start: number;
  /** Number of source pixels from there that are used. */
  readonly count: number;
}

/** One resizing: the passes that it has, along the width and then along the height. */
export interface Resampling {
  readonly source: Uint8Array;
  /** `[height, width]` of the source. */
  readonly from: readonly [number, number];
  readonly target: Uint8Array;
  /** `[height, width]` of the target. */
  readonly to: readonly [number, number];
  /** Along the width. Absent if it stays. */
  readonly across: PackedWeights | undefined;
  /** Along the height. Absent if it stays. */
  readonly down: PackedWeights | undefined;
}

/** Bytes of source rows that are in the kernels' memory at a time: they stay in the processor's caches. */
const stripBytes = 128 * 1024;

/** What kernels read and write past the end, and what addresses are a multiple of. */
const slack = 16;

/** @param step bytes from one source pixel along the axis to the next */
export function packWeights(
  { first, count, weights, taps }: AxisWeights,
  step: number,
  startsAtZero: boolean,
): PackedWeights {
  const last = first.length - 1;
  const start = startsAtZero ? 0 : (first[0] as number);
  const pairs = Math.ceil(count.reduce((most, each) => Math.max(most, each), 1) / 2);
  const words = new Int32Array(first.length * (1 + 2 * pairs));
  const low = (weight: number): number => (weight << 16) >> 16;
  const high = (weight: number): number => (weight - low(weight)) >> 16;
  let at = 0;
  for (let index = 0; index <= last; index++) {
    words[at++] = ((first[index] as number) - start) * step;
    for (let tap = 0; tap < 2 * pairs; tap += 2) {
      const [one, other] = [tap, tap + 1].map((each) => (each < taps ? (weights[index * taps + each] as number) : 0));
      words[at++] = pair(low(one as number), low(other as number));
      words[at++] = pair(high(one as number), high(other as number));
    }
  }
  const end = (first[last] as number) + (count[last] as number);
  return { bytes: new Uint8Array(words.buffer), pairs, start, count: end - start };
}

function pair(one: number, other: number): number {
  return (one & 0xffff) | (other << 16);
}

/**
 * Resizes RGB pixels as Pillow does: along the width first, rounded to 8 bits, then along the height. A pass that would
 * change nothing is left out, and of the rows only those are computed that the second pass reads.
 */
export function resample({ source, from, target, to, across, down }: Resampling): void {
  const [start, rows] = down === undefined ? [0, from[0]] : [down.start, down.count];
  const [stride, rowBytes] = [from[1] * 3, to[1] * 3];
  const stripRows = Math.max(1, Math.min(rows, Math.floor(stripBytes / stride)));
  // Of a pair of weights at the end one may be 0, whose pixel or row is read all the same.
  const place = placer();
  const acrossAt = place(across?.bytes.length ?? 0);
  const downAt = place(down?.bytes.length ?? 0);
  const stripAt = place(across === undefined ? 0 : stripRows * stride + 6 * across.pairs);
  const betweenAt = place((rows + 2 * (down?.pairs ?? 0)) * rowBytes);
  const targetAt = down === undefined ? betweenAt : place(to[0] * rowBytes);
  const { kernels, bytes } = resampleProgram();
  const memory = bytes(place(0));
  const used = source.subarray(start * stride, (start + rows) * stride);
  if (across === undefined) memory.set(used, betweenAt);
  else {
    memory.set(across.bytes, acrossAt);
    for (let row = 0; row < rows; row += stripRows) {
      const count = Math.min(stripRows, rows - row);
      memory.set(used.subarray(row * stride, (row + count) * stride), stripAt);
      kernels.resampleRows(stripAt, stride, count, betweenAt + row * rowBytes, to[1], acrossAt, across.pairs);
    }
  }
  if (down !== undefined) {
    memory.set(down.bytes, downAt);
    kernels.resampleColumns(betweenAt, rowBytes, targetAt, to[0], downAt, down.pairs);
  }
  target.set(memory.subarray(targetAt, targetAt + to[0] * rowBytes));
}

/** Gives out places in a memory, one behind the other. */
function placer(): (bytes: number) => number {
  let end = 0;
  return (bytes) => {
    const at = end;
    end = Math.ceil((end + bytes + slack) / slack) * slack;
    return at;
  };
}

/** Takes single pixels: row `rows[y]`, column `columns[x]` of `source`, which is `sourceWidth` wide. */
export function pickPixels(
  source: Uint8Array,
  sourceWidth: number,
  rows: Int32Array,
  columns: Int32Array,
  target: Uint8Array,
): void {
  let out = 0;
  for (let y = 0; y < rows.length; y++) {
    const rowStart = (rows[y] as number) * sourceWidth * 3;
    for (let x = 0; x < columns.length; x++) {
      const position = rowStart + (columns[x] as number) * 3;
      target[out] = source[position] as number;
      target[out + 1] = source[position + 1] as number;
      target[out + 2] = source[position + 2] as number;
      out += 3;
    }
  }
}
