import {
  type Code,
  f32x4,
  increase,
  type Local,
  repeat,
  sequence,
  type WasmFunction,
  writeFunction,
} from "./wasm-code.js";

type Matrix = ReadonlyArray<readonly number[]>;

/**
 * The matrices of F(2x2, 3x3): output = image(A) [(filter(G) of the kernel) * (input(B) of 4x4 pixels)], each as
 * `L value L^T`. The other two are the transposes, which take gradients back.
 *
 * Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1.
 */
const matrices = {
  /** 4x4 pixels to 4x4. */
  winogradInput: [
    [1, 0, -1, 0],
    [0, 1, 1, 0],
    [0, -1, 1, 0],
    [0, 1, 0, -1],
  ],
  /** 3x3 numbers of a kernel to 4x4. */
  winogradKernel: [
    [1, 0, 0],
    [0.5, 0.5, 0.5],
    [0.5, -0.5, 0.5],
    [0, 0, 1],
  ],
  /** 4x4 sums to 2x2 pixels. */
  winogradOutput: [
    [1, 1, 1, 0],
    [0, 1, -1, -1],
  ],
  /** Gradient of 2x2 pixels to that of the 4x4 sums. */
  winogradOutputGradient: [
    [1, 0],
    [1, 1],
    [1, -1],
    [0, -1],
  ],
  /** Gradient of 4x4 to that of the 3x3 numbers of a kernel. */
  winogradKernelGradient: [
    [1, 0.5, 0.5, 0],
    [0, 0.5, -0.5, 0],
    [0, 0.5, 0.5, 1],
  ],
} as const satisfies Readonly<Record<string, Matrix>>;

export type WinogradTransform = keyof typeof matrices;

/** The five transforms of a convolution by 3x3 and of its gradients. */
export function winogradCodes(): readonly WasmFunction[] {
  return Object.entries(matrices).map(([name, matrix]) => transformCode(name, matrix));
}

/**
 * `L value L^T` of squares, for many channels and squares.
 * Parameters, in bytes but for the count: from, to; count of squares; from one square to the next, in and out; bytes of all
 * channels, a multiple of 16; from one row of the square to the next and from one column to the next, in and out.
 */
function transformCode(name: string, matrix: Matrix): WasmFunction {
  const parameters = new Array<"i32">(10).fill("i32");
  return writeFunction(name, parameters, (given, local) => {
    const [from, to, count, fromStep, toStep, bytes, fromRow, fromColumn, toRow, toColumn] =
      given as never as readonly [L, L, L, L, L, L, L, L, L, L];
    const [source, target, bytesLeft, half] = [local("i32"), local("i32"), local("i32"), local("v128")];
    const [column, row, at] = [local("i32"), local("i32"), local("i32")];
    const size = matrix[0]?.length ?? 0;
    const read = Array.from({ length: size }, () => local("v128"));
    const between = matrix.map(() => Array.from({ length: size }, () => local("v128")));
    const columns = Array.from({ length: size }, (_, j) =>
      sequence(
        at.set(column.get),
        ...read.flatMap((value, i) => [value.set(f32x4.load(at.get)), i + 1 < size ? increase(at, fromRow.get) : []]),
        ...matrix.map((factors, i) => ((between[i] as readonly L[])[j] as L).set(combination(factors, read, half))),
        increase(column, fromColumn.get),
      ),
    );
    const rows = between.map((values) =>
      sequence(
        at.set(row.get),
        ...matrix.flatMap((factors) => [
          f32x4.store(at.get, combination(factors, values, half)),
          increase(at, toColumn.get),
        ]),
        increase(row, toRow.get),
      ),
    );
    const square = sequence(
      column.set(source.get),
      ...columns,
      row.set(target.get),
      ...rows,
      increase(source, 16),
      increase(target, 16),
      increase(bytesLeft, -16),
    );
    return sequence(
      half.set(f32x4.splat(f32Half)),
      repeat(
        sequence(
          source.set(from.get),
          target.set(to.get),
          bytesLeft.set(bytes.get),
          repeat(square, bytesLeft.get),
          increase(from, fromStep.get),
          increase(to, toStep.get),
          increase(count, -1),
        ),
        count.get,
      ),
    );
  });
}

/** The sum of values times factors, each of which is 0, 1, -1, 1/2 or -1/2. */
function combination(factors: readonly number[], values: readonly L[], half: L): Code {
  let sum: Code | undefined;
  for (const [index, factor] of factors.entries()) {
    if (factor === 0) continue;
    const value = (values[index] as L).get;
    const term = Math.abs(factor) === 1 ? value : f32x4.multiply(value, half.get);
    if (sum === undefined) sum = factor > 0 ? term : f32x4.subtract(f32x4.zero, term);
    else sum = factor > 0 ? f32x4.add(sum, term) : f32x4.subtract(sum, term);
  }
  return sum ?? f32x4.zero;
}

/** f32.const 0.5 */
const f32Half: Code = [0x43, 0x00, 0x00, 0x00, 0x3f];

type L = Local;
