// AssemblyScript: products of float32 rows with vectors. Rows lie one after the other, each filled up with zeros to a multiple of four
// numbers; their count is a multiple of four too, and both are above 0. `bytes` is what one row takes.
// `npm run build:kernels` makes src/training/row-kernels-binary.ts of this file.

/**
 * Products of all rows with all of so many vectors of 32 bits, in 32 bits: those of a vector lie side by side, a row of
 * `rows` numbers for each vector. Each product is four sums, of every fourth place, that are added in the end.
 */
export function multiplyRows(
  rows: usize,
  count: i32,
  vectors: usize,
  vectorCount: i32,
  products: usize,
  bytes: usize,
): void {
  const stride = (<usize>count) << 2;
  for (let row: i32 = 0; row < count; row += 4) {
    let vector = vectors;
    let product = products + ((<usize>row) << 2);
    let left = vectorCount;
    for (; left >= 2; left -= 2) {
      fourByTwo(rows, vector, product, stride, bytes);
      vector += 2 * bytes;
      product += 2 * stride;
    }
    if (left) fourByOne(rows, vector, product, bytes);
    rows += 4 * bytes;
  }
}

/** Sums of the squares of each row's numbers, in 32 bits, added in the same order. */
export function squareRows(rows: usize, count: i32, squares: usize, bytes: usize): void {
  for (; count > 0; count -= 4) {
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    const end = rows + bytes;
    do {
      let x = v128.load(rows);
      s0 = f32x4.add(s0, f32x4.mul(x, x));
      x = v128.load(rows + bytes);
      s1 = f32x4.add(s1, f32x4.mul(x, x));
      x = v128.load(rows + 2 * bytes);
      s2 = f32x4.add(s2, f32x4.mul(x, x));
      x = v128.load(rows + 3 * bytes);
      s3 = f32x4.add(s3, f32x4.mul(x, x));
      rows += 16;
    } while (rows !== end);
    v128.store(squares, sumsOf(s0, s1, s2, s3));
    squares += 16;
    rows += 3 * bytes;
  }
}

function fourByTwo(rows: usize, vector: usize, product: usize, stride: usize, bytes: usize): void {
  let a0 = f32x4.splat(0);
  let a1 = f32x4.splat(0);
  let a2 = f32x4.splat(0);
  let a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0);
  let b1 = f32x4.splat(0);
  let b2 = f32x4.splat(0);
  let b3 = f32x4.splat(0);
  const row2 = rows + 2 * bytes;
  let at: usize = 0;
  do {
    const a = v128.load(vector + at);
    const b = v128.load(vector + bytes + at);
    let x = v128.load(rows + at);
    a0 = f32x4.add(a0, f32x4.mul(a, x));
    b0 = f32x4.add(b0, f32x4.mul(b, x));
    x = v128.load(rows + bytes + at);
    a1 = f32x4.add(a1, f32x4.mul(a, x));
    b1 = f32x4.add(b1, f32x4.mul(b, x));
    x = v128.load(row2 + at);
    a2 = f32x4.add(a2, f32x4.mul(a, x));
    b2 = f32x4.add(b2, f32x4.mul(b, x));
    x = v128.load(row2 + bytes + at);
    a3 = f32x4.add(a3, f32x4.mul(a, x));
    b3 = f32x4.add(b3, f32x4.mul(b, x));
    at += 16;
  } while (at !== bytes);
  v128.store(product, sumsOf(a0, a1, a2, a3));
  v128.store(product + stride, sumsOf(b0, b1, b2, b3));
}

function fourByOne(rows: usize, vector: usize, product: usize, bytes: usize): void {
  let a0 = f32x4.splat(0);
  let a1 = f32x4.splat(0);
  let a2 = f32x4.splat(0);
  let a3 = f32x4.splat(0);
  let at: usize = 0;
  do {
    const a = v128.load(vector + at);
    a0 = f32x4.add(a0, f32x4.mul(a, v128.load(rows + at)));
    a1 = f32x4.add(a1, f32x4.mul(a, v128.load(rows + bytes + at)));
    a2 = f32x4.add(a2, f32x4.mul(a, v128.load(rows + 2 * bytes + at)));
    a3 = f32x4.add(a3, f32x4.mul(a, v128.load(rows + 3 * bytes + at)));
    at += 16;
  } while (at !== bytes);
  v128.store(product, sumsOf(a0, a1, a2, a3));
}

/** Sums of the lanes of each of four vectors. */
// @inline
function sumsOf(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

/**
 * Products of all rows with vectors of 64 bits, in 64 bits: `scores[row, unit]`. A vector takes `2 * bytes`. Each score is two sums,
 * of the even and of the odd places, that are added in the end, whichever rows go together.
 */
export function scoreRows(rows: usize, count: i32, weights: usize, units: i32, scores: usize, bytes: usize): void {
  const stride = (<usize>units) << 3;
  for (; count > 0; count -= 4) {
    let unit: i32 = 0;
    let weight = weights;
    for (; unit + 2 <= units; unit += 2) {
      scoreFourByTwo(rows, weight, scores + ((<usize>unit) << 3), stride, bytes);
      weight += 4 * bytes;
    }
    if (unit < units) scoreFourByOne(rows, weight, scores + ((<usize>unit) << 3), stride, bytes);
    scores += 4 * stride;
    rows += 4 * bytes;
  }
}

function scoreFourByTwo(rows: usize, weight: usize, score: usize, stride: usize, bytes: usize): void {
  let a0 = f64x2.splat(0);
  let a1 = f64x2.splat(0);
  let a2 = f64x2.splat(0);
  let a3 = f64x2.splat(0);
  let b0 = f64x2.splat(0);
  let b1 = f64x2.splat(0);
  let b2 = f64x2.splat(0);
  let b3 = f64x2.splat(0);
  const row2 = rows + 2 * bytes;
  let other = weight + 2 * bytes;
  let at: usize = 0;
  do {
    const a = v128.load(weight);
    const b = v128.load(other);
    let x = promoted(rows + at);
    a0 = f64x2.add(a0, f64x2.mul(a, x));
    b0 = f64x2.add(b0, f64x2.mul(b, x));
    x = promoted(rows + bytes + at);
    a1 = f64x2.add(a1, f64x2.mul(a, x));
    b1 = f64x2.add(b1, f64x2.mul(b, x));
    x = promoted(row2 + at);
    a2 = f64x2.add(a2, f64x2.mul(a, x));
    b2 = f64x2.add(b2, f64x2.mul(b, x));
    x = promoted(row2 + bytes + at);
    a3 = f64x2.add(a3, f64x2.mul(a, x));
    b3 = f64x2.add(b3, f64x2.mul(b, x));
    weight += 16;
    other += 16;
    at += 8;
  } while (at !== bytes);
  v128.store(score, pairOf(a0, b0));
  v128.store(score + stride, pairOf(a1, b1));
  v128.store(score + 2 * stride, pairOf(a2, b2));
  v128.store(score + 3 * stride, pairOf(a3, b3));
}

function scoreFourByOne(rows: usize, weight: usize, score: usize, stride: usize, bytes: usize): void {
  let a0 = f64x2.splat(0);
  let a1 = f64x2.splat(0);
  let a2 = f64x2.splat(0);
  let a3 = f64x2.splat(0);
  let at: usize = 0;
  do {
    const a = v128.load(weight);
    a0 = f64x2.add(a0, f64x2.mul(a, promoted(rows + at)));
    a1 = f64x2.add(a1, f64x2.mul(a, promoted(rows + bytes + at)));
    a2 = f64x2.add(a2, f64x2.mul(a, promoted(rows + 2 * bytes + at)));
    a3 = f64x2.add(a3, f64x2.mul(a, promoted(rows + 3 * bytes + at)));
    weight += 16;
    at += 8;
  } while (at !== bytes);
  storeSum(score, a0);
  storeSum(score + stride, a1);
  storeSum(score + 2 * stride, a2);
  storeSum(score + 3 * stride, a3);
}

/** `gradient[unit] += sum over the rows of residuals[row, unit] * row`, in 64 bits. */
export function addOuterProducts(
  rows: usize,
  count: i32,
  residuals: usize,
  units: i32,
  gradient: usize,
  bytes: usize,
): void {
  const stride = (<usize>units) << 3;
  for (; count > 0; count -= 4) {
    let unit: i32 = 0;
    let slope = gradient;
    for (; unit + 2 <= units; unit += 2) {
      addFourByTwo(rows, residuals + ((<usize>unit) << 3), stride, slope, bytes);
      slope += 4 * bytes;
    }
    if (unit < units) addFourByOne(rows, residuals + ((<usize>unit) << 3), stride, slope, bytes);
    residuals += 4 * stride;
    rows += 4 * bytes;
  }
}

function addFourByTwo(rows: usize, residual: usize, stride: usize, slope: usize, bytes: usize): void {
  const a0 = v128.load64_splat(residual);
  const b0 = v128.load64_splat(residual + 8);
  const a1 = v128.load64_splat(residual + stride);
  const b1 = v128.load64_splat(residual + stride + 8);
  const a2 = v128.load64_splat(residual + 2 * stride);
  const b2 = v128.load64_splat(residual + 2 * stride + 8);
  const a3 = v128.load64_splat(residual + 3 * stride);
  const b3 = v128.load64_splat(residual + 3 * stride + 8);
  const row2 = rows + 2 * bytes;
  let other = slope + 2 * bytes;
  let at: usize = 0;
  do {
    let x = promoted(rows + at);
    let a = f64x2.mul(a0, x);
    let b = f64x2.mul(b0, x);
    x = promoted(rows + bytes + at);
    a = f64x2.add(a, f64x2.mul(a1, x));
    b = f64x2.add(b, f64x2.mul(b1, x));
    x = promoted(row2 + at);
    a = f64x2.add(a, f64x2.mul(a2, x));
    b = f64x2.add(b, f64x2.mul(b2, x));
    x = promoted(row2 + bytes + at);
    a = f64x2.add(a, f64x2.mul(a3, x));
    b = f64x2.add(b, f64x2.mul(b3, x));
    v128.store(slope, f64x2.add(v128.load(slope), a));
    v128.store(other, f64x2.add(v128.load(other), b));
    slope += 16;
    other += 16;
    at += 8;
  } while (at !== bytes);
}

function addFourByOne(rows: usize, residual: usize, stride: usize, slope: usize, bytes: usize): void {
  const a0 = v128.load64_splat(residual);
  const a1 = v128.load64_splat(residual + stride);
  const a2 = v128.load64_splat(residual + 2 * stride);
  const a3 = v128.load64_splat(residual + 3 * stride);
  let at: usize = 0;
  do {
    let a = f64x2.mul(a0, promoted(rows + at));
    a = f64x2.add(a, f64x2.mul(a1, promoted(rows + bytes + at)));
    a = f64x2.add(a, f64x2.mul(a2, promoted(rows + 2 * bytes + at)));
    a = f64x2.add(a, f64x2.mul(a3, promoted(rows + 3 * bytes + at)));
    v128.store(slope, f64x2.add(v128.load(slope), a));
    slope += 16;
    at += 8;
  } while (at !== bytes);
}

/** Two numbers of a row in 64 bits. */
// @inline
function promoted(address: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(address));
}

/** Sums of the lanes of two vectors. */
// @inline
function pairOf(a: v128, b: v128): v128 {
  return f64x2.add(v128.shuffle<f64>(a, b, 0, 2), v128.shuffle<f64>(a, b, 1, 3));
}

// @inline
function storeSum(address: usize, a: v128): void {
  store<f64>(address, f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1));
}
