import { InvalidArgumentError } from "../errors.js";
import { mostBytes } from "../web-assembly/memory.js";
import { fillRows, paddedWidth, type RowKernels, rowKernels, rowsPerBlock } from "./row-kernels.js";

/** Sums of squares in 32 bits between these have neither lost small numbers nor come near to overflowing. */
const leastSquare = 2 ** -80;
const greatestSquare = 2 ** 120;

/**
 * Finds among many rows those that may be nearer to a question than a given distance: never one too few, and now and then one too
 * many. Products are computed in 32 bits, all of a block of rows at once; who asks computes the distance of what is found in 64 bits.
 *
 * A sum of n rounded products, each of which passes through at most n roundings to u = 2^-24, is off by no more than g |q| |x|
 * with g = n u / (1 - n u), and a sum of squares by g |x|^2: N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd
 * edition (2002), section 3.1. So |x|^2 + |q|^2 - 2 q.x is off by less than 2 g (|x|^2 + |q|^2), and the cosine by little more than
 * 2 g. Twice of that is allowed for, which has room for what rounding to 64 bits does elsewhere.
 */
export class CandidateRows {
  /** Rows of a block, at most. */
  readonly blockRows: number;
  readonly #metric: "cosine" | "euclidean";
  readonly #width: number;
  readonly #kernels: RowKernels;
  readonly #rows: Float32Array;
  readonly #squares: Float32Array;
  readonly #products: Float32Array;
  readonly #querySquares: Float64Array;
  /** Four times the relative error. */
  readonly #margin: number;
  /** What of each row, and of each question with its distance, the product has to reach; NaN lets all rows through. */
  readonly #ofRow: Float64Array;
  readonly #ofQuery: Float64Array;
  #count = 0;
  #stride = 0;

  /**
   * @param queries `[count, width]`
   * @param querySquares sums of their squares
   * @throws InvalidArgumentError if they are more than WebAssembly holds
   * @throws UnsupportedError where there is no WebAssembly with SIMD, or not so much memory
   */
  constructor(queries: Float32Array, width: number, querySquares: Float64Array, metric: "cosine" | "euclidean") {
    const count = querySquares.length;
    const padded = paddedWidth(width);
    this.blockRows = Math.min(rowsPerBlock(width), 4 * Math.max(1, Math.floor(2 ** 18 / Math.max(1, count))));
    const sizes = { queries: (count + 3) * padded, rows: this.blockRows * padded, products: count * this.blockRows };
    const bytes = 4 * (sizes.queries + sizes.rows + sizes.products + this.blockRows);
    if (bytes > mostBytes) {
      throw new InvalidArgumentError(
        `${count} rows of ${width} features are asked about at once: they take more than 4 GiB. Ask about some of them at a time.`,
      );
    }
    this.#metric = metric;
    this.#width = width;
    this.#querySquares = querySquares;
    this.#kernels = rowKernels(bytes);
    const { buffer } = this.#kernels.memory;
    fillRows(new Float32Array(buffer, 0, sizes.queries), queries, width);
    this.#rows = new Float32Array(buffer, 4 * sizes.queries, sizes.rows);
    this.#products = new Float32Array(buffer, 4 * (sizes.queries + sizes.rows), sizes.products);
    this.#squares = new Float32Array(buffer, 4 * (sizes.queries + sizes.rows + sizes.products), this.blockRows);
    const roundings = (padded / 4 + 3) * 2 ** -24;
    this.#margin = roundings < 0.1 ? (4 * roundings) / (1 - roundings) : Number.POSITIVE_INFINITY;
    this.#ofRow = new Float64Array(this.blockRows);
    this.#ofQuery = new Float64Array(count).fill(Number.NaN);
  }

  /**
   * The rows to look among from now on.
   *
   * @param xs `[rows, width]`, at most `blockRows`
   */
  load(xs: Float32Array): void {
    const { byteOffset: rows } = this.#rows;
    const bytes = 4 * paddedWidth(this.#width);
    this.#count = xs.length / this.#width;
    this.#stride = fillRows(this.#rows, xs, this.#width);
    this.#kernels.squareRows(rows, this.#stride, this.#squares.byteOffset, bytes);
    const { byteOffset: products } = this.#products;
    this.#kernels.multiplyRows(rows, this.#stride, 0, this.#querySquares.length, products, bytes);
    for (let row = 0; row < this.#count; row++) {
      const square = this.#squares[row] as number;
      if (this.#metric === "euclidean") this.#ofRow[row] = square <= greatestSquare ? square * this.#kept : Number.NaN;
      else this.#ofRow[row] = isSafe(square) ? Math.sqrt(square) : Number.NaN;
    }
  }

  /** Whether a row of the block has an ordinary length: it is then finite, and not all zeros. */
  isOrdinary(row: number): boolean {
    return isSafe(this.#squares[row] as number);
  }

  /** From now on only rows that may be no further than this from a question are candidates. */
  limit(query: number, distance: number): void {
    const square = this.#querySquares[query] as number;
    if (!isSafe(square)) return;
    this.#ofQuery[query] =
      this.#metric === "euclidean"
        ? square * this.#kept - distance * distance
        : (this.#kept - distance) * Math.sqrt(square);
  }

  /** The first candidate for a question from a row of the block on; as many as there are rows if there is none. */
  next(query: number, from: number): number {
    const products = this.#products;
    const ofRow = this.#ofRow;
    const ofQuery = this.#ofQuery[query] as number;
    const count = this.#count;
    let at = query * this.#stride + from;
    let row = from;
    // In this form, as NaN is no reason to leave a row out.
    if (this.#metric === "euclidean") {
      while (row < count && (ofRow[row] as number) + ofQuery > 2 * (products[at] as number)) {
        row++;
        at++;
      }
    } else {
      while (row < count && (ofRow[row] as number) * ofQuery > (products[at] as number)) {
        row++;
        at++;
      }
    }
    return row;
  }

  get #kept(): number {
    return 1 - this.#margin;
  }
}

function isSafe(square: number): boolean {
  return square >= leastSquare && square <= greatestSquare;
}
