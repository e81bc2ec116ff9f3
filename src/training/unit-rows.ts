import { InvalidArgumentError } from "../errors.js";
import type { NdArray } from "../ndarray.js";

/**
 * Rows brought to length 1, as scikit-learn's `Normalizer` does, rounded to 32 bits.
 *
 * @param name how messages call the rows
 * @throws InvalidArgumentError if a row is all zeros, which has no direction
 */
export function unitRows(name: string, { shape, data }: NdArray<"float32">): NdArray<"float32"> {
  const [rows = 0] = shape;
  const width = rows === 0 ? 0 : data.length / rows;
  const unit = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let at = row * width; at < (row + 1) * width; at++) sum += (data[at] as number) ** 2;
    if (sum === 0) {
      throw new InvalidArgumentError(
        `Row ${row} of a batch of \`${name}\` is all zeros, which has no direction. Leave it out, or fit without \`normalize\`.`,
      );
    }
    const length = Math.sqrt(sum);
    for (let at = row * width; at < (row + 1) * width; at++) unit[at] = (data[at] as number) / length;
  }
  return { dtype: "float32", shape, data: unit };
}
