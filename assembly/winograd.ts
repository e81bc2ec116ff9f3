// AssemblyScript: the transforms of F(2x2, 3x3): output = image(A) [(filter(G) of the kernel) * (input(B) of 4x4 pixels)], each
// as `L value L^T`. The other two are the transposes, which take gradients back.
// Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1.
//
// All have the same parameters, in bytes but for the count: from, to; count of squares, above 0; from one square to the next, in
// and out; bytes of all channels, a multiple of 16 above 0; from one row of the square to the next and from one column to the
// next, in and out.

// The matrices, each as rows x columns.
const input = 0; // 4 x 4
const kernel = 1; // 4 x 3
const output = 2; // 2 x 4
const outputGradient = 3; // 4 x 2
const kernelGradient = 4; // 3 x 4

/** 4x4 pixels to 4x4. */
export function winogradInput(
  from: usize,
  to: usize,
  count: i32,
  fromStep: usize,
  toStep: usize,
  bytes: usize,
  fromRow: usize,
  fromColumn: usize,
  toRow: usize,
  toColumn: usize,
): void {
  transform(input, 4, 4, from, to, count, fromStep, toStep, bytes, fromRow, fromColumn, toRow, toColumn);
}

/** 3x3 numbers of a kernel to 4x4. */
export function winogradKernel(
  from: usize,
  to: usize,
  count: i32,
  fromStep: usize,
  toStep: usize,
  bytes: usize,
  fromRow: usize,
  fromColumn: usize,
  toRow: usize,
  toColumn: usize,
): void {
  transform(kernel, 4, 3, from, to, count, fromStep, toStep, bytes, fromRow, fromColumn, toRow, toColumn);
}

/** 4x4 sums to 2x2 pixels. */
export function winogradOutput(
  from: usize,
  to: usize,
  count: i32,
  fromStep: usize,
  toStep: usize,
  bytes: usize,
  fromRow: usize,
  fromColumn: usize,
  toRow: usize,
  toColumn: usize,
): void {
  transform(output, 2, 4, from, to, count, fromStep, toStep, bytes, fromRow, fromColumn, toRow, toColumn);
}

/** Gradient of 2x2 pixels to that of the 4x4 sums. */
export function winogradOutputGradient(
  from: usize,
  to: usize,
  count: i32,
  fromStep: usize,
  toStep: usize,
  bytes: usize,
  fromRow: usize,
  fromColumn: usize,
  toRow: usize,
  toColumn: usize,
): void {
  transform(outputGradient, 4, 2, from, to, count, fromStep, toStep, bytes, fromRow, fromColumn, toRow, toColumn);
}

/** Gradient of 4x4 to that of the 3x3 numbers of a kernel. */
export function winogradKernelGradient(
  from: usize,
  to: usize,
  count: i32,
  fromStep: usize,
  toStep: usize,
  bytes: usize,
  fromRow: usize,
  fromColumn: usize,
  toRow: usize,
  toColumn: usize,
): void {
  transform(kernelGradient, 3, 4, from, to, count, fromStep, toStep, bytes, fromRow, fromColumn, toRow, toColumn);
}

/** A row of a matrix times a column of values, of which the last ones are not looked at where the matrix has fewer columns. */
// @inline
function combined(matrix: i32, row: i32, a: v128, b: v128, c: v128, d: v128): v128 {
  if (matrix === input) {
    if (row === 0) return f32x4.sub(a, c);
    if (row === 1) return f32x4.add(b, c);
    if (row === 2) return f32x4.sub(c, b);
    return f32x4.sub(b, d);
  }
  if (matrix === kernel) {
    if (row === 0) return a;
    if (row === 1) return f32x4.add(f32x4.add(half(a), half(b)), half(c));
    if (row === 2) return f32x4.add(f32x4.sub(half(a), half(b)), half(c));
    return c;
  }
  if (matrix === output) {
    if (row === 0) return f32x4.add(f32x4.add(a, b), c);
    return f32x4.sub(f32x4.sub(b, c), d);
  }
  if (matrix === outputGradient) {
    if (row === 0) return a;
    if (row === 1) return f32x4.add(a, b);
    if (row === 2) return f32x4.sub(a, b);
    return f32x4.neg(b);
  }
  if (row === 0) return f32x4.add(f32x4.add(a, half(b)), half(c));
  if (row === 1) return f32x4.sub(half(b), half(c));
  return f32x4.add(f32x4.add(half(b), half(c)), d);
}

// @inline
function half(x: v128): v128 {
  return f32x4.mul(x, f32x4.splat(0.5));
}

// @inline
function transform(
  matrix: i32,
  rows: i32,
  columns: i32,
  from: usize,
  to: usize,
  count: i32,
  fromStep: usize,
  toStep: usize,
  bytes: usize,
  fromRow: usize,
  fromColumn: usize,
  toRow: usize,
  toColumn: usize,
): void {
  do {
    let source = from;
    let target = to;
    let bytesLeft = bytes;
    do {
      // The matrix times the square, column by column. The compiler leaves out what smaller matrices do not use.
      let column = source;
      let a = v128.load(column);
      let b = v128.load(column + fromRow);
      let c = loadIf(columns > 2, column + 2 * fromRow);
      let d = loadIf(columns > 3, column + 3 * fromRow);
      const a0 = combined(matrix, 0, a, b, c, d);
      const b0 = combined(matrix, 1, a, b, c, d);
      const c0 = combined(matrix, 2, a, b, c, d);
      const d0 = combined(matrix, 3, a, b, c, d);
      column += fromColumn;
      a = v128.load(column);
      b = v128.load(column + fromRow);
      c = loadIf(columns > 2, column + 2 * fromRow);
      d = loadIf(columns > 3, column + 3 * fromRow);
      const a1 = combined(matrix, 0, a, b, c, d);
      const b1 = combined(matrix, 1, a, b, c, d);
      const c1 = combined(matrix, 2, a, b, c, d);
      const d1 = combined(matrix, 3, a, b, c, d);
      column += fromColumn;
      a = loadIf(columns > 2, column);
      b = loadIf(columns > 2, column + fromRow);
      c = loadIf(columns > 2, column + 2 * fromRow);
      d = loadIf(columns > 3, column + 3 * fromRow);
      const a2 = combined(matrix, 0, a, b, c, d);
      const b2 = combined(matrix, 1, a, b, c, d);
      const c2 = combined(matrix, 2, a, b, c, d);
      const d2 = combined(matrix, 3, a, b, c, d);
      column += fromColumn;
      a = loadIf(columns > 3, column);
      b = loadIf(columns > 3, column + fromRow);
      c = loadIf(columns > 3, column + 2 * fromRow);
      d = loadIf(columns > 3, column + 3 * fromRow);
      const a3 = combined(matrix, 0, a, b, c, d);
      const b3 = combined(matrix, 1, a, b, c, d);
      const c3 = combined(matrix, 2, a, b, c, d);
      const d3 = combined(matrix, 3, a, b, c, d);
      // That times the transposed matrix, row by row.
      storeRow(matrix, rows, target, toColumn, a0, a1, a2, a3);
      storeRow(matrix, rows, target + toRow, toColumn, b0, b1, b2, b3);
      if (rows > 2) storeRow(matrix, rows, target + 2 * toRow, toColumn, c0, c1, c2, c3);
      if (rows > 3) storeRow(matrix, rows, target + 3 * toRow, toColumn, d0, d1, d2, d3);
      source += 16;
      target += 16;
      bytesLeft -= 16;
    } while (bytesLeft);
    from += fromStep;
    to += toStep;
  } while (--count);
}

// @inline
function loadIf(inside: bool, address: usize): v128 {
  return inside ? v128.load(address) : f32x4.splat(0);
}

// @inline
function storeRow(matrix: i32, rows: i32, to: usize, toColumn: usize, a: v128, b: v128, c: v128, d: v128): void {
  v128.store(to, combined(matrix, 0, a, b, c, d));
  v128.store(to + toColumn, combined(matrix, 1, a, b, c, d));
  if (rows > 2) v128.store(to + 2 * toColumn, combined(matrix, 2, a, b, c, d));
  if (rows > 3) v128.store(to + 3 * toColumn, combined(matrix, 3, a, b, c, d));
}
