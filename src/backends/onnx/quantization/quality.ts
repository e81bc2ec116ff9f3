import type { NdArray } from "../../../ndarray.js";
import type { QuantizationQuality } from "../../quantizing-backend.js";

/**
 * How near values come to those that they stand for.
 *
 * @param expected for each batch the outputs `[batch, ...row]`
 * @param received the same, computed otherwise
 */
export function qualityOf(
  expected: readonly (readonly NdArray<"float32">[])[],
  received: readonly (readonly NdArray<"float32">[])[],
): QuantizationQuality {
  const outputs = expected[0]?.length ?? 0;
  const worst = { meanCosine: 1, minimumCosine: 1, relativeError: 0, images: 0 };
  for (let output = 0; output < outputs; output++) {
    let [images, cosines, minimum, error, length] = [0, 0, 1, 0, 0];
    for (const [batch, values] of expected.entries()) {
      const one = values[output] as NdArray<"float32">;
      const other = received[batch]?.[output] as NdArray<"float32">;
      const rows = one.shape[0] ?? 0;
      const width = one.data.length / rows;
      for (let row = 0; row < rows; row++) {
        const [a, b] = [one, other].map(({ data }) => data.subarray(row * width, (row + 1) * width));
        const products = compare(a as Float32Array, b as Float32Array);
        images++;
        cosines += products.cosine;
        minimum = Math.min(minimum, products.cosine);
        error += products.difference;
        length += products.length;
      }
    }
    worst.images = images;
    // A value which is no number is the worst there is: `Math.min` and `Math.max` keep it.
    worst.meanCosine = Math.min(worst.meanCosine, cosines / images);
    worst.minimumCosine = Math.min(worst.minimumCosine, minimum);
    const relative = length === 0 ? (error === 0 ? 0 : Number.POSITIVE_INFINITY) : Math.sqrt(error / length);
    worst.relativeError = Math.max(worst.relativeError, relative);
  }
  return worst;
}

function compare(
  a: Float32Array,
  b: Float32Array,
): { readonly cosine: number; readonly difference: number; readonly length: number } {
  let [product, squareOfA, squareOfB, difference] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    product += x * y;
    squareOfA += x * x;
    squareOfB += y * y;
    difference += (x - y) ** 2;
  }
  // Two rows of zeros are equal; of one there is no angle, and nothing is alike.
  const cosine =
    squareOfA === 0 || squareOfB === 0 ? Number(squareOfA === squareOfB) : product / Math.sqrt(squareOfA * squareOfB);
  return { cosine, difference, length: squareOfA };
}
