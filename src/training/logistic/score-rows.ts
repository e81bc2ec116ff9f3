/**
 * Products of float32 rows with float64 weights, in float64: scores of rows that are asked about. Four rows and
 * two weight vectors go together, as many sums as the processor keeps in registers, so that each value that is read
 * serves several of them. Each score is one sum in the order of the features, whichever rows go together.
 */

/**
 * scores[row, unit] = xs[row] . weights[unit] + offsets[unit]
 *
 * @param xs `[rows, width]`
 * @param weights `[units, width]`
 * @param offsets `[units]`
 * @param scores `[rows, units]`, written
 */
export function scoreRows(
  xs: Float32Array,
  rows: number,
  width: number,
  weights: Float64Array,
  offsets: Float64Array,
  scores: Float64Array,
): void {
  const units = offsets.length;
  const together = rows - (rows % 4);
  for (let row = 0; row < together; row += 4) {
    let unit = 0;
    for (; unit + 2 <= units; unit += 2) scoreFourByTwo(xs, row, width, weights, unit, units, scores);
    if (unit < units) scoreFourByOne(xs, row, width, weights, unit, units, scores);
  }
  for (let row = together; row < rows; row++) {
    for (let unit = 0; unit < units; unit++) {
      let sum = 0;
      for (let j = 0, x = row * width, w = unit * width; j < width; j++) {
        sum += (xs[x + j] as number) * (weights[w + j] as number);
      }
      scores[row * units + unit] = sum;
    }
  }
  for (let row = 0, at = 0; row < rows; row++) {
    for (let unit = 0; unit < units; unit++, at++) scores[at] = (scores[at] as number) + (offsets[unit] as number);
  }
}

function scoreFourByTwo(
  xs: Float32Array,
  row: number,
  width: number,
  weights: Float64Array,
  unit: number,
  units: number,
  scores: Float64Array,
): void {
  const x0 = row * width;
  const x1 = x0 + width;
  const x2 = x1 + width;
  const x3 = x2 + width;
  const wa = unit * width;
  const wb = wa + width;
  let [a0, a1, a2, a3, b0, b1, b2, b3] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let j = 0; j < width; j++) {
    const a = weights[wa + j] as number;
    const b = weights[wb + j] as number;
    const v0 = xs[x0 + j] as number;
    const v1 = xs[x1 + j] as number;
    const v2 = xs[x2 + j] as number;
    const v3 = xs[x3 + j] as number;
    a0 += v0 * a;
    a1 += v1 * a;
    a2 += v2 * a;
    a3 += v3 * a;
    b0 += v0 * b;
    b1 += v1 * b;
    b2 += v2 * b;
    b3 += v3 * b;
  }
  const at = row * units + unit;
  scores[at] = a0;
  scores[at + 1] = b0;
  scores[at + units] = a1;
  scores[at + units + 1] = b1;
  scores[at + 2 * units] = a2;
  scores[at + 2 * units + 1] = b2;
  scores[at + 3 * units] = a3;
  scores[at + 3 * units + 1] = b3;
}

function scoreFourByOne(
  xs: Float32Array,
  row: number,
  width: number,
  weights: Float64Array,
  unit: number,
  units: number,
  scores: Float64Array,
): void {
  const x0 = row * width;
  const x1 = x0 + width;
  const x2 = x1 + width;
  const x3 = x2 + width;
  const wa = unit * width;
  let [a0, a1, a2, a3] = [0, 0, 0, 0];
  for (let j = 0; j < width; j++) {
    const a = weights[wa + j] as number;
    a0 += (xs[x0 + j] as number) * a;
    a1 += (xs[x1 + j] as number) * a;
    a2 += (xs[x2 + j] as number) * a;
    a3 += (xs[x3 + j] as number) * a;
  }
  const at = row * units + unit;
  scores[at] = a0;
  scores[at + units] = a1;
  scores[at + 2 * units] = a2;
  scores[at + 3 * units] = a3;
}
