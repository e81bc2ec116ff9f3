/** An eigenvalue and its vector, of length 1. */
export interface EigenPair {
  readonly value: number;
  readonly vector: Float64Array;
}

const sweeps = 60;

/**
 * All eigenvalues of a small symmetric matrix, the greatest first, with their vectors: Jacobi's rotations.
 *
 * Algorithm: G. H. Golub, C. F. Van Loan, "Matrix Computations" (4th edition, 2013), section 8.5.
 *
 * @param matrix `[size, size]`
 */
export function symmetricEigen(matrix: Float64Array, size: number): readonly EigenPair[] {
  const a = matrix.slice();
  const vectors = new Float64Array(size * size);
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1;
  const at = (i: number, j: number) => a[i * size + j] as number;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    let [outside, diagonal] = [0, 0];
    for (let i = 0; i < size; i++) {
      diagonal += at(i, i) ** 2;
      for (let j = 0; j < i; j++) outside += at(i, j) ** 2;
    }
    if (outside <= 1e-32 * diagonal) break;
    for (let p = 0; p < size - 1; p++) {
      for (let q = p + 1; q < size; q++) {
        if (at(p, q) === 0) continue;
        const tau = (at(q, q) - at(p, p)) / (2 * at(p, q));
        const tangent = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
        const cosine = 1 / Math.sqrt(1 + tangent * tangent);
        const sine = tangent * cosine;
        rotate(a, size, p, q, cosine, sine, 1, size);
        rotate(a, size, p, q, cosine, sine, size, 1);
        rotate(vectors, size, p, q, cosine, sine, 1, size);
      }
    }
  }
  return Array.from({ length: size }, (_, j) => ({
    value: at(j, j),
    vector: Float64Array.from({ length: size }, (__, i) => vectors[i * size + j] as number),
  })).sort((x, y) => y.value - x.value);
}

/** Rotates columns `p` and `q` (`across` 1, `along` size), or rows the other way round. */
function rotate(
  a: Float64Array,
  size: number,
  p: number,
  q: number,
  cosine: number,
  sine: number,
  across: number,
  along: number,
): void {
  for (let k = 0; k < size; k++) {
    const [x, y] = [k * along + p * across, k * along + q * across];
    const [first, second] = [a[x] as number, a[y] as number];
    a[x] = cosine * first - sine * second;
    a[y] = sine * first + cosine * second;
  }
}
