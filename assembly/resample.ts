// AssemblyScript: Pillow's resizing of RGB pixels in 8 bits, both passes. Sums are of 32 bits and wrap, as Pillow's do.
//
// A weight has up to 24 bits, so that it is held as two numbers of 16 bits, high * 2^16 + low, each for two source pixels side by
// side: what the multiply-and-add of 16-bit integers takes. Sums that wrap give the same whichever way they are added up.
// The memory must go on for 16 bytes behind what is read and written.

/** Bits after the point of the weights. */
const precisionBits: i32 = 22;

/**
 * Resizes rows along their width.
 *
 * @param stride bytes between two rows of the source
 * @param target rows of `width` pixels, without gaps
 * @param weights for each target pixel: where its first source pixel is, in bytes of the row, and `pairs` of weights, the
 *   low numbers of two and then their high numbers
 */
export function resampleRows(
  source: usize,
  stride: usize,
  rows: i32,
  target: usize,
  width: i32,
  weights: usize,
  pairs: i32,
): void {
  do {
    let weight = weights;
    let pixelsLeft = width;
    do {
      let at = source + load<u32>(weight);
      weight += 4;
      let low = i32x4.splat(1 << (precisionBits - 1));
      let high = i32x4.splat(0);
      let pairsLeft = pairs;
      do {
        // Red, green, blue, nothing: each of both pixels, in 16 bits.
        const both = i8x16.swizzle(
          v128.load64_zero(at),
          i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1),
        );
        low = i32x4.add(low, i32x4.dot_i16x8_s(both, v128.load32_splat(weight)));
        high = i32x4.add(high, i32x4.dot_i16x8_s(both, v128.load32_splat(weight, 4)));
        at += 6;
        weight += 8;
      } while (--pairsLeft);
      const sum = i32x4.shr_s(i32x4.add(low, i32x4.shl(high, 16)), precisionBits);
      const words = i16x8.narrow_i32x4_s(sum, sum);
      // The fourth byte is the next pixel's, which comes later.
      v128.store32_lane(target, i8x16.narrow_i16x8_u(words, words), 0);
      target += 3;
    } while (--pixelsLeft);
    source += stride;
  } while (--rows);
}

/**
 * Resizes along the height.
 *
 * @param rowBytes bytes of a row, of the source as of the target
 * @param weights for each target row: where its first source row is, in bytes, and `pairs` of weights as above. Where one
 *   of a pair is 0, there must be memory for its row
 */
export function resampleColumns(
  source: usize,
  rowBytes: usize,
  target: usize,
  height: i32,
  weights: usize,
  pairs: i32,
): void {
  do {
    const first = source + load<u32>(weights);
    weights += 4;
    let x: usize = 0;
    do {
      let at = first + x;
      let weight = weights;
      let low0 = i32x4.splat(1 << (precisionBits - 1));
      let low1 = low0;
      let low2 = low0;
      let low3 = low0;
      let high0 = i32x4.splat(0);
      let high1 = high0;
      let high2 = high0;
      let high3 = high0;
      let pairsLeft = pairs;
      do {
        const a = v128.load(at);
        const b = v128.load(at + rowBytes);
        const lowWeights = v128.load32_splat(weight);
        const highWeights = v128.load32_splat(weight, 4);
        const left = i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const right = i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        let both = i16x8.extend_low_i8x16_u(left);
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(both, lowWeights));
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(both, highWeights));
        both = i16x8.extend_high_i8x16_u(left);
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(both, lowWeights));
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(both, highWeights));
        both = i16x8.extend_low_i8x16_u(right);
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(both, lowWeights));
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(both, highWeights));
        both = i16x8.extend_high_i8x16_u(right);
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(both, lowWeights));
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(both, highWeights));
        at += 2 * rowBytes;
        weight += 8;
      } while (--pairsLeft);
      // What goes past the end of the row is the next row's, which comes later.
      v128.store(
        target + x,
        i8x16.narrow_i16x8_u(
          i16x8.narrow_i32x4_s(rounded(low0, high0), rounded(low1, high1)),
          i16x8.narrow_i32x4_s(rounded(low2, high2), rounded(low3, high3)),
        ),
      );
      x += 16;
    } while (x < rowBytes);
    weights += 8 * pairs;
    target += rowBytes;
  } while (--height);
}

// @inline
function rounded(low: v128, high: v128): v128 {
  return i32x4.shr_s(i32x4.add(low, i32x4.shl(high, 16)), precisionBits);
}
