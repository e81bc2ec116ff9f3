// AssemblyScript: packs lines of a matrix (rows of a left one, columns of a right one), so many side by side, as panels
// that are read from end to end. Lines are a multiple of the width; they and the depth are above 0.

/**
 * Packs lines whose numbers of the same depth lie side by side. `stride` is the bytes between two depths, `panel` those of a
 * panel.
 */
export function packAlong4(from: usize, to: usize, lines: i32, depth: i32, stride: usize, panel: usize): void {
  packAlong(4, from, to, lines, depth, stride, panel);
}

/** The same, eight lines side by side. */
export function packAlong8(from: usize, to: usize, lines: i32, depth: i32, stride: usize, panel: usize): void {
  packAlong(8, from, to, lines, depth, stride, panel);
}

/**
 * Packs lines whose own numbers lie side by side; the depth is a multiple of 4. `stride` is the bytes between two lines,
 * `panel` those of a panel.
 */
export function packAcross4(from: usize, to: usize, lines: i32, depth: i32, stride: usize, panel: usize): void {
  packAcross(4, from, to, lines, depth, stride, panel);
}

/** The same, eight lines side by side. */
export function packAcross8(from: usize, to: usize, lines: i32, depth: i32, stride: usize, panel: usize): void {
  packAcross(8, from, to, lines, depth, stride, panel);
}

// @inline
function packAlong(width: i32, from: usize, to: usize, lines: i32, depth: i32, stride: usize, panel: usize): void {
  do {
    let source = from;
    let target = to;
    let depthLeft = depth;
    do {
      v128.store(target, v128.load(source));
      if (width === 8) v128.store(target, v128.load(source, 16), 16);
      source += stride;
      target += 4 * width;
    } while (--depthLeft);
    from += 4 * width;
    to += panel;
    lines -= width;
  } while (lines);
}

// @inline
function packAcross(width: i32, from: usize, to: usize, lines: i32, depth: i32, stride: usize, panel: usize): void {
  do {
    let source = from;
    let target = to;
    let depthLeft = depth;
    do {
      transpose(source, stride, target, 4 * width);
      if (width === 8) transpose(source + 4 * stride, stride, target + 16, 4 * width);
      source += 16;
      target += 16 * width;
      depthLeft -= 4;
    } while (depthLeft);
    from += stride * width;
    to += panel;
    lines -= width;
  } while (lines);
}

/** Writes a square of four lines as its four columns. */
// @inline
function transpose(from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const r0 = v128.load(from);
  const r1 = v128.load(from + fromStride);
  const r2 = v128.load(from + 2 * fromStride);
  const r3 = v128.load(from + 3 * fromStride);
  const m0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const m1 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const m2 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const m3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(m0, m1, 0, 1, 4, 5));
  v128.store(to + toStride, v128.shuffle<f32>(m0, m1, 2, 3, 6, 7));
  v128.store(to + 2 * toStride, v128.shuffle<f32>(m2, m3, 0, 1, 4, 5));
  v128.store(to + 3 * toStride, v128.shuffle<f32>(m2, m3, 2, 3, 6, 7));
}
