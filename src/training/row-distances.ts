/**
 * Sum of the products of two rows' values. Four sums at a time: each addition to one alone waits for the one before, and takes
 * three times as long.
 */
export function dot(a: Float32Array, atA: number, b: Float32Array, atB: number, width: number): number {
  const end = atB + width;
  let i = atA;
  let j = atB;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (; j + 3 < end; i += 4, j += 4) {
    s0 += (a[i] as number) * (b[j] as number);
    s1 += (a[i + 1] as number) * (b[j + 1] as number);
    s2 += (a[i + 2] as number) * (b[j + 2] as number);
    s3 += (a[i + 3] as number) * (b[j + 3] as number);
  }
  for (; j < end; i++, j++) s0 += (a[i] as number) * (b[j] as number);
  return s0 + s1 + (s2 + s3);
}

/** Sum of the squares of the differences of two rows' values. */
export function squaredDistance(a: Float32Array, atA: number, b: Float32Array, atB: number, width: number): number {
  const end = atB + width;
  let i = atA;
  let j = atB;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (; j + 3 < end; i += 4, j += 4) {
    const d0 = (a[i] as number) - (b[j] as number);
    const d1 = (a[i + 1] as number) - (b[j + 1] as number);
    const d2 = (a[i + 2] as number) - (b[j + 2] as number);
    const d3 = (a[i + 3] as number) - (b[j + 3] as number);
    s0 += d0 * d0;
    s1 += d1 * d1;
    s2 += d2 * d2;
    s3 += d3 * d3;
  }
  for (; j < end; i++, j++) {
    const difference = (a[i] as number) - (b[j] as number);
    s0 += difference * difference;
  }
  return s0 + s1 + (s2 + s3);
}

/** {@link dot}, and the sum of the squares of `b`'s values, of which each is then fetched once: into two places of `sums`. */
export function dotAndSquare(
  a: Float32Array,
  atA: number,
  b: Float32Array,
  atB: number,
  width: number,
  sums: Float64Array,
): void {
  const end = atB + width;
  let i = atA;
  let j = atB;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let t0 = 0;
  let t1 = 0;
  let t2 = 0;
  let t3 = 0;
  for (; j + 3 < end; i += 4, j += 4) {
    const v0 = b[j] as number;
    const v1 = b[j + 1] as number;
    const v2 = b[j + 2] as number;
    const v3 = b[j + 3] as number;
    s0 += (a[i] as number) * v0;
    s1 += (a[i + 1] as number) * v1;
    s2 += (a[i + 2] as number) * v2;
    s3 += (a[i + 3] as number) * v3;
    t0 += v0 * v0;
    t1 += v1 * v1;
    t2 += v2 * v2;
    t3 += v3 * v3;
  }
  for (; j < end; i++, j++) {
    const value = b[j] as number;
    s0 += (a[i] as number) * value;
    t0 += value * value;
  }
  sums[0] = s0 + s1 + (s2 + s3);
  sums[1] = t0 + t1 + (t2 + t3);
}
