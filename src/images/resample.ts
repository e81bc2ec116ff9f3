import type { AxisWeights } from "./resample-axis.js";
import { precisionBits } from "./resample-axis.js";

/** Half of one in fixed point, so that the shift rounds. */
const half = 1 << (precisionBits - 1);

/**
 * Resizes rows of RGB pixels along their width. Rows `firstRow` to `firstRow + rows` of `source` go to rows 0.. of
 * `target`; each result is rounded to 8 bits, as Pillow's first pass does.
 */
export function resampleRows(
  source: Uint8Array,
  sourceWidth: number,
  firstRow: number,
  rows: number,
  target: Uint8Array,
  axis: AxisWeights,
): void {
  const { first, count, weights, taps } = axis;
  const width = first.length;
  const clamped = clampedView(target);
  const sourceRow = sourceWidth * 3;
  const targetRow = width * 3;
  // Two rows at a time share the look-ups of weights. With an odd number, the last row is its own pair.
  for (let row = 0; row < rows; row += 2) {
    const pair = row + 1 < rows ? 1 : 0;
    const rowStart = (firstRow + row) * sourceRow;
    const toPair = pair * sourceRow;
    const outToPair = pair * targetRow;
    let out = row * targetRow;
    for (let x = 0; x < width; x++) {
      let position = rowStart + (first[x] as number) * 3;
      let weightIndex = x * taps;
      const end = weightIndex + (count[x] as number);
      // 32-bit wrapping sums are what the C code of Pillow computes; `precisionBits` leaves room for every filter.
      let red = half;
      let green = half;
      let blue = half;
      let pairRed = half;
      let pairGreen = half;
      let pairBlue = half;
      for (; weightIndex < end; weightIndex++) {
        const weight = weights[weightIndex] as number;
        const below = position + toPair;
        red = (red + Math.imul(source[position] as number, weight)) | 0;
        green = (green + Math.imul(source[position + 1] as number, weight)) | 0;
        blue = (blue + Math.imul(source[position + 2] as number, weight)) | 0;
        pairRed = (pairRed + Math.imul(source[below] as number, weight)) | 0;
        pairGreen = (pairGreen + Math.imul(source[below + 1] as number, weight)) | 0;
        pairBlue = (pairBlue + Math.imul(source[below + 2] as number, weight)) | 0;
        position += 3;
      }
      const outBelow = out + outToPair;
      clamped[out] = red >> precisionBits;
      clamped[out + 1] = green >> precisionBits;
      clamped[out + 2] = blue >> precisionBits;
      clamped[outBelow] = pairRed >> precisionBits;
      clamped[outBelow + 1] = pairGreen >> precisionBits;
      clamped[outBelow + 2] = pairBlue >> precisionBits;
      out += 3;
    }
  }
}

/**
 * Resizes RGB pixels along their height. `source` holds the rows from `firstRow` on.
 *
 * @param sums room for one row of sums, at least `rowBytes` long
 */
export function resampleColumns(
  source: Uint8Array,
  rowBytes: number,
  firstRow: number,
  target: Uint8Array,
  axis: AxisWeights,
  sums: Int32Array,
): void {
  const { first, count, weights, taps } = axis;
  const height = first.length;
  const clamped = clampedView(target);
  let out = 0;
  for (let y = 0; y < height; y++) {
    // Row by row and not pixel by pixel, so that memory is read in order; four rows at a time, so that the sums are
    // seldom stored.
    const end = y * taps + (count[y] as number);
    let weightIndex = y * taps;
    let row0 = ((first[y] as number) - firstRow) * rowBytes;
    sums.fill(half, 0, rowBytes);
    for (; weightIndex + 4 < end; weightIndex += 4) {
      const weight0 = weights[weightIndex] as number;
      const weight1 = weights[weightIndex + 1] as number;
      const weight2 = weights[weightIndex + 2] as number;
      const weight3 = weights[weightIndex + 3] as number;
      const row1 = row0 + rowBytes;
      const row2 = row1 + rowBytes;
      const row3 = row2 + rowBytes;
      for (let x = 0; x < rowBytes; x++) {
        sums[x] =
          ((sums[x] as number) +
            Math.imul(source[row0 + x] as number, weight0) +
            Math.imul(source[row1 + x] as number, weight1) +
            Math.imul(source[row2 + x] as number, weight2) +
            Math.imul(source[row3 + x] as number, weight3)) |
          0;
      }
      row0 += 4 * rowBytes;
    }
    // One to four rows are left; those that are not there read the first again, with weight 0.
    const left = end - weightIndex;
    const weight0 = weights[weightIndex] as number;
    const weight1 = left > 1 ? (weights[weightIndex + 1] as number) : 0;
    const weight2 = left > 2 ? (weights[weightIndex + 2] as number) : 0;
    const weight3 = left > 3 ? (weights[weightIndex + 3] as number) : 0;
    const row1 = left > 1 ? row0 + rowBytes : row0;
    const row2 = left > 2 ? row0 + 2 * rowBytes : row0;
    const row3 = left > 3 ? row0 + 3 * rowBytes : row0;
    for (let x = 0; x < rowBytes; x++) {
      const sum =
        (sums[x] as number) +
        Math.imul(source[row0 + x] as number, weight0) +
        Math.imul(source[row1 + x] as number, weight1) +
        Math.imul(source[row2 + x] as number, weight2) +
        Math.imul(source[row3 + x] as number, weight3);
      clamped[out++] = (sum | 0) >> precisionBits;
    }
  }
}

/** The same memory, storing values below 0 as 0 and above 255 as 255. */
function clampedView(bytes: Uint8Array): Uint8ClampedArray {
  return new Uint8ClampedArray(bytes.buffer, bytes.byteOffset, bytes.length);
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
