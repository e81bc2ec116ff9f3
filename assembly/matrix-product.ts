// AssemblyScript: a block of a matrix product, from packed operands (packing.ts).

/**
 * Multiplies packed matrices, whose numbers come in the order of their use: 4 rows of the left one, and 8 columns of the
 * right one, together. `rows` is a multiple of 4, `columns` of 8, and both and `depth` are above 0.
 *
 * @param stride bytes between two rows of the product
 * @param adds whether to add to what the product holds
 */
export function multiply(
  left: usize,
  right: usize,
  product: usize,
  rows: i32,
  columns: i32,
  depth: i32,
  stride: usize,
  adds: i32,
): void {
  do {
    let a = left;
    let b = right;
    let row = product;
    let rowsLeft = rows;
    do {
      let s00 = f32x4.splat(0);
      let s01 = f32x4.splat(0);
      let s10 = f32x4.splat(0);
      let s11 = f32x4.splat(0);
      let s20 = f32x4.splat(0);
      let s21 = f32x4.splat(0);
      let s30 = f32x4.splat(0);
      let s31 = f32x4.splat(0);
      b = right;
      let depthLeft = depth;
      // Not unrolled: a longer loop was a third slower, as the processor has to decode it again and again.
      do {
        const b0 = v128.load(b);
        const b1 = v128.load(b, 16);
        let factor = v128.load32_splat(a);
        s00 = f32x4.add(s00, f32x4.mul(factor, b0));
        s01 = f32x4.add(s01, f32x4.mul(factor, b1));
        factor = v128.load32_splat(a, 4);
        s10 = f32x4.add(s10, f32x4.mul(factor, b0));
        s11 = f32x4.add(s11, f32x4.mul(factor, b1));
        factor = v128.load32_splat(a, 8);
        s20 = f32x4.add(s20, f32x4.mul(factor, b0));
        s21 = f32x4.add(s21, f32x4.mul(factor, b1));
        factor = v128.load32_splat(a, 12);
        s30 = f32x4.add(s30, f32x4.mul(factor, b0));
        s31 = f32x4.add(s31, f32x4.mul(factor, b1));
        a += 16;
        b += 32;
      } while (--depthLeft);
      storeRow(row, s00, s01, adds);
      storeRow(row + stride, s10, s11, adds);
      storeRow(row + 2 * stride, s20, s21, adds);
      storeRow(row + 3 * stride, s30, s31, adds);
      row += 4 * stride;
      rowsLeft -= 4;
    } while (rowsLeft);
    // The next panel lies behind this one.
    right = b;
    product += 32;
    columns -= 8;
  } while (columns);
}

// @inline
function storeRow(row: usize, low: v128, high: v128, adds: i32): void {
  v128.store(row, adds ? f32x4.add(low, v128.load(row)) : low);
  v128.store(row, adds ? f32x4.add(high, v128.load(row, 16)) : high, 16);
}
