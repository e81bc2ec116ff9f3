import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import { blankImage, type Image, type ImageTransform } from "../images/augment/image-transform.js";
import { type NdArray, type Shape, sizeOf } from "../ndarray.js";
import { createRandom } from "../random.js";
import { nextTurn } from "../threads/next-turn.node.js";
import type { BatchDType } from "./dataset-batch.js";

/** How long rows may be worked on while everything else waits. */
const turnMilliseconds = 10;

/** What rows go through between the file and the batch. */
export interface RowPipeline {
  /** Shape of a row that comes out. */
  readonly rowShape: Shape;
  /**
   * @param rows `[rows, ...]`, uint8 or float32
   * @param seeds one for each row
   */
  apply(rows: Image, seeds: Uint32Array): Promise<NdArray<BatchDType>>;
}

/**
 * Puts transforms one after the other. They are tried on a row of zeros, which tells the shape that comes out.
 *
 * @param stored of the rows that go in
 * @param dtype of the rows that come out
 * @throws InvalidArgumentError if their result is of another type
 */
export function createRowPipeline(
  transforms: readonly ImageTransform[],
  stored: { readonly dtype: Image["dtype"]; readonly shape: Shape },
  dtype: BatchDType,
): RowPipeline {
  const run = (row: Image, seed: number) => {
    const random = createRandom(seed);
    return transforms.reduce((image, transform) => transform(image, random), row);
  };
  const { shape, dtype: given } = run(blankImage(stored.dtype, stored.shape), 0);
  if (dtype === "uint8" && given !== "uint8") {
    throw new InvalidArgumentError(
      `\`preprocessors\` make ${given} of the rows, but \`dtype\` is "uint8". Leave \`dtype\` out to get float32.`,
    );
  }
  const length = sizeOf(stored.shape);
  const resultLength = sizeOf(shape);
  return {
    rowShape: shape,
    async apply(rows, seeds) {
      const result = blankImage(dtype, [seeds.length, ...shape]);
      let turn = performance.now();
      for (const [i, seed] of seeds.entries()) {
        const data = rows.data.subarray(i * length, (i + 1) * length);
        const row = run({ dtype: rows.dtype, shape: stored.shape, data } as Image, seed);
        if (row.shape.join() !== shape.join() || row.dtype !== given || row.data.length !== resultLength) {
          throw new ShapeMismatchError(
            `\`preprocessors\` made a row ${row.dtype} [${row.shape.join(", ")}], but of a row of zeros ${given} [${shape.join(", ")}]. All rows must come out alike.`,
            { expected: shape, received: row.shape },
          );
        }
        result.data.set(row.data, i * resultLength);
        if (performance.now() - turn > turnMilliseconds) {
          await nextTurn();
          turn = performance.now();
        }
      }
      return result;
    },
  };
}

/** A seed for each row of a pass, of seed, pass, row, and how many times the row came before in the pass. */
export function rowSeeds(rows: Uint32Array, seed: number, pass: number): Uint32Array {
  const times = new Map<number, number>();
  return rows.map((row) => {
    const time = times.get(row) ?? 0;
    times.set(row, time + 1);
    return [seed, pass, row, time].reduce(mix, 0x2545f491) >>> 0;
  });
}

/** Stirs a number into a hash, so that neighbours come to have nothing in common. */
function mix(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ value, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca77);
  return mixed ^ (mixed >>> 13);
}
