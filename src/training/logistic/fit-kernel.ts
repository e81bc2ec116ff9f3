import { InvalidArgumentError } from "../../errors.js";
import { mostBytes } from "../../web-assembly/memory.js";
import { fillRows, paddedWidth, type RowKernels, rowKernels, rowsPerBlock } from "../row-kernels.js";

/**
 * The two products that fitting a logistic regression spends its time with, in 64 bits, over rows of 32: scores of a block of rows,
 * and then their part of the gradient.
 */
export class FitKernel {
  /** Rows that a block has at most. */
  readonly blockRows: number;
  readonly #kernels: RowKernels;
  readonly #width: number;
  readonly #offsets: Float64Array;
  readonly #weights: Float64Array;
  readonly #gradient: Float64Array;
  readonly #rows: Float32Array;
  readonly #scores: Float64Array;
  #count = 0;

  /**
   * @throws InvalidArgumentError if the coefficients are more than WebAssembly holds
   * @throws UnsupportedError where there is no WebAssembly with SIMD, or not so much memory
   */
  constructor(width: number, units: number) {
    const padded = paddedWidth(width);
    this.blockRows = rowsPerBlock(width);
    this.#width = width;
    this.#offsets = new Float64Array(units);
    const bytes = {
      vectors: 8 * units * padded,
      rows: 4 * this.blockRows * padded,
      scores: 8 * this.blockRows * units,
    };
    const all = 2 * bytes.vectors + bytes.rows + bytes.scores;
    if (all > mostBytes) {
      throw new InvalidArgumentError(
        `${units} rows of coefficients for ${width} features take, with their gradient, more than 4 GiB. Fit on fewer features, such as those after global pooling.`,
      );
    }
    this.#kernels = rowKernels(all);
    const { buffer } = this.#kernels.memory;
    this.#weights = new Float64Array(buffer, 0, units * padded);
    this.#gradient = new Float64Array(buffer, bytes.vectors, units * padded);
    this.#rows = new Float32Array(buffer, 2 * bytes.vectors, this.blockRows * padded);
    this.#scores = new Float64Array(buffer, 2 * bytes.vectors + bytes.rows, this.blockRows * units);
  }

  /**
   * Begins a pass.
   *
   * @param weights `[units, width]`
   * @param offsets `[units]`
   */
  start(weights: Float64Array, offsets: Float64Array): void {
    copyRows(weights, this.#width, this.#weights, paddedWidth(this.#width), offsets.length);
    this.#offsets.set(offsets);
    this.#gradient.fill(0);
  }

  /**
   * `xs[row] . weights[unit] + offsets[unit]`
   *
   * @param xs `[rows, width]`, at most `blockRows`
   * @returns `[rows, units]`, valid until the next call: to be replaced by what `addGradient` is to take
   */
  score(xs: Float32Array): Float64Array {
    const units = this.#offsets.length;
    this.#count = fillRows(this.#rows, xs, this.#width);
    this.#kernels.scoreRows(this.#rows.byteOffset, this.#count, 0, units, this.#scores.byteOffset, this.#rowBytes);
    const scores = this.#scores.subarray(0, (xs.length / this.#width) * units);
    for (let at = 0; at < scores.length; at += units) {
      for (let unit = 0; unit < units; unit++) {
        scores[at + unit] = (scores[at + unit] as number) + (this.#offsets[unit] as number);
      }
    }
    // Rows of zeros behind them add nothing to the gradient.
    this.#scores.fill(0, scores.length, this.#count * units);
    return scores;
  }

  /** Adds the block's part, of the residuals that stand where its scores were. */
  addGradient(): void {
    const { byteOffset: residuals } = this.#scores;
    const { byteOffset: gradient } = this.#gradient;
    const units = this.#offsets.length;
    this.#kernels.addOuterProducts(this.#rows.byteOffset, this.#count, residuals, units, gradient, this.#rowBytes);
  }

  /** @param gradient `[units, width]`: written, the sum over all blocks since the start of `residuals[row, unit] * xs[row]` */
  end(gradient: Float64Array): void {
    copyRows(this.#gradient, paddedWidth(this.#width), gradient, this.#width, this.#offsets.length);
  }

  get #rowBytes(): number {
    return 4 * paddedWidth(this.#width);
  }
}

/** Copies rows of one width to those of another; what the wider ones have more stays as it is. */
function copyRows(from: Float64Array, width: number, to: Float64Array, toWidth: number, rows: number): void {
  const common = Math.min(width, toWidth);
  for (let row = 0; row < rows; row++) to.set(from.subarray(row * width, row * width + common), row * toWidth);
}
