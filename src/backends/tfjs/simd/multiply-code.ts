import {
  type Code,
  f32x4,
  i32,
  increase,
  type Local,
  repeat,
  sequence,
  type WasmFunction,
  when,
  writeFunction,
} from "./wasm-code.js";

/** Rows of the left matrix, and columns of the right one, that are packed together and multiplied at a time. */
export const tileRows = 4;
export const panelColumns = 8;

/**
 * `multiply`: a block of a matrix product from packed operands, in which the numbers come in the order of their use.
 * Parameters, in bytes where they are sizes: left, right, product; rows (a multiple of 4), columns (of 8) and depth, each above
 * 0; bytes between two rows of the product; whether to add to what the product holds.
 */
export function multiplyCode(): WasmFunction {
  const parameters = ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;
  return writeFunction("multiply", parameters, (given, local) => {
    const [left, right, product, rows, columns, depth, stride, adds] = given as never as readonly [
      L,
      L,
      L,
      L,
      L,
      L,
      L,
      L,
    ];
    const [a, b, row, rowsLeft, depthLeft] = ["i32", "i32", "i32", "i32", "i32"].map(() =>
      local("i32"),
    ) as never as readonly [L, L, L, L, L];
    const sums = Array.from({ length: tileRows }, () => [local("v128"), local("v128")] as const);
    const [b0, b1, factor] = [local("v128"), local("v128"), local("v128")];
    // Not unrolled: a longer loop was a third slower, as the processor has to decode it again and again.
    const step = [
      b0.set(f32x4.load(b.get)),
      b1.set(f32x4.load(b.get, 16)),
      ...sums.flatMap(([s0, s1], at) => [
        factor.set(f32x4.loadSplat(a.get, 4 * at)),
        s0.set(f32x4.add(s0.get, f32x4.multiply(factor.get, b0.get))),
        s1.set(f32x4.add(s1.get, f32x4.multiply(factor.get, b1.get))),
      ]),
      increase(a, 4 * tileRows),
      increase(b, 4 * panelColumns),
      increase(depthLeft, -1),
    ];
    const store = sums.flatMap(([s0, s1]): readonly Code[] => [
      when(
        adds.get,
        sequence(s0.set(f32x4.add(s0.get, f32x4.load(row.get))), s1.set(f32x4.add(s1.get, f32x4.load(row.get, 16)))),
      ),
      f32x4.store(row.get, s0.get),
      f32x4.store(row.get, s1.get, 16),
      increase(row, stride.get),
    ]);
    const tile = sequence(
      ...sums.flat().map((sum) => sum.set(f32x4.zero)),
      b.set(right.get),
      depthLeft.set(depth.get),
      repeat(sequence(...step), depthLeft.get),
      ...store,
      increase(rowsLeft, -tileRows),
    );
    return repeat(
      sequence(
        a.set(left.get),
        row.set(product.get),
        rowsLeft.set(rows.get),
        repeat(tile, rowsLeft.get),
        // The next panel lies behind this one.
        right.set(b.get),
        increase(product, 4 * panelColumns),
        increase(columns, -panelColumns),
      ),
      columns.get,
    );
  });
}

/**
 * `packAlong4`, `packAlong8`: packs lines whose numbers of the same depth lie side by side.
 * Parameters: from, to; lines (a multiple of the width), depth, both above 0; bytes between two depths; bytes of a panel.
 */
export function packAlongCode(width: 4 | 8): WasmFunction {
  return writeFunction(`packAlong${width}`, ["i32", "i32", "i32", "i32", "i32", "i32"], (given, local) => {
    const [from, to, lines, depth, stride, panel] = given as never as readonly [L, L, L, L, L, L];
    const [source, target, depthLeft] = [local("i32"), local("i32"), local("i32")];
    const offsets = width === 4 ? [0] : [0, 16];
    return repeat(
      sequence(
        source.set(from.get),
        target.set(to.get),
        depthLeft.set(depth.get),
        repeat(
          sequence(
            ...offsets.map((offset) => f32x4.store(target.get, f32x4.load(source.get, offset), offset)),
            increase(source, stride.get),
            increase(target, 4 * width),
            increase(depthLeft, -1),
          ),
          depthLeft.get,
        ),
        increase(from, 4 * width),
        increase(to, panel.get),
        increase(lines, -width),
      ),
      lines.get,
    );
  });
}

/**
 * `packAcross4`, `packAcross8`: packs lines whose own numbers lie side by side.
 * Parameters: from, to; lines (a multiple of the width), depth (a multiple of 4), both above 0; bytes between two lines;
 * bytes of a panel.
 */
export function packAcrossCode(width: 4 | 8): WasmFunction {
  return writeFunction(`packAcross${width}`, ["i32", "i32", "i32", "i32", "i32", "i32"], (given, local) => {
    const [from, to, lines, depth, stride, panel] = given as never as readonly [L, L, L, L, L, L];
    const [source, target, depthLeft, line] = [local("i32"), local("i32"), local("i32"), local("i32")];
    const four = () => [local("v128"), local("v128"), local("v128"), local("v128")] as const;
    const [read, mixed] = [four(), four()];
    const square = (offset: number): Code =>
      sequence(
        line.set(offset === 0 ? source.get : line.get),
        ...read.flatMap((each) => [each.set(f32x4.load(line.get)), increase(line, stride.get)]),
        ...transposed(read, mixed).map((value, at) =>
          at < 4 ? value : f32x4.store(target.get, value, 4 * width * (at - 4) + offset),
        ),
      );
    return repeat(
      sequence(
        source.set(from.get),
        target.set(to.get),
        depthLeft.set(depth.get),
        repeat(
          sequence(
            square(0),
            width === 8 ? square(16) : [],
            increase(source, 16),
            increase(target, 16 * width),
            increase(depthLeft, -4),
          ),
          depthLeft.get,
        ),
        from.set(i32.add(from.get, i32.multiply(stride.get, i32.constant(width)))),
        increase(to, panel.get),
        increase(lines, -width),
      ),
      lines.get,
    );
  });
}

/** Four statements that prepare, and the four columns of a square of four lines. */
function transposed(rows: readonly [L, L, L, L], mixed: readonly [L, L, L, L]): readonly Code[] {
  const [r0, r1, r2, r3] = rows;
  const [m0, m1, m2, m3] = mixed;
  return [
    m0.set(f32x4.shuffle(r0.get, r1.get, [0, 4, 1, 5])),
    m1.set(f32x4.shuffle(r2.get, r3.get, [0, 4, 1, 5])),
    m2.set(f32x4.shuffle(r0.get, r1.get, [2, 6, 3, 7])),
    m3.set(f32x4.shuffle(r2.get, r3.get, [2, 6, 3, 7])),
    f32x4.shuffle(m0.get, m1.get, [0, 1, 4, 5]),
    f32x4.shuffle(m0.get, m1.get, [2, 3, 6, 7]),
    f32x4.shuffle(m2.get, m3.get, [0, 1, 4, 5]),
    f32x4.shuffle(m2.get, m3.get, [2, 3, 6, 7]),
  ];
}

type L = Local;
