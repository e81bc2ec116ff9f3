import { readFileSync } from "node:fs";
import type { NdArray } from "../../src/ndarray.js";
import { createRandom } from "../../src/random.js";

/** Pictures, and what Keras says of them with the weights that ship. */
export interface VggMiniCase {
  readonly seed: number;
  readonly rows: number;
  /** `[height, width]`. */
  readonly size: readonly [number, number];
  /** Means of `block5_pool` for each picture. */
  readonly features: readonly (readonly number[])[];
  /** The five best classes of each picture and their probabilities. */
  readonly best: readonly (readonly (readonly [label: number, probability: number])[])[];
}

/** What test/fixtures/vgg-mini.py has written. */
export interface VggMiniGolden {
  readonly parameters: number;
  readonly layers: readonly (readonly [
    name: string,
    className: string,
    weights: readonly (readonly [name: string, shape: readonly number[]])[],
  ])[];
  readonly cases: readonly VggMiniCase[];
}

export function readVggMiniGolden(): VggMiniGolden {
  return JSON.parse(
    readFileSync(new URL("../fixtures/vgg-mini/golden.json", import.meta.url), "utf8"),
  ) as VggMiniGolden;
}

/** The pictures of a case: squares of 8x8 pixels of random colours. */
export function vggMiniPixels({ seed, rows, size: [height, width] }: VggMiniCase): NdArray<"uint8"> {
  const random = createRandom(seed);
  const [down, across] = [height / 8, width / 8];
  const blocks = Float64Array.from({ length: rows * down * across * 3 }, () => Math.floor(256 * random.double()));
  const data = new Uint8Array(rows * height * width * 3);
  for (let at = 0; at < data.length; at++) {
    const channel = at % 3;
    const x = Math.floor(at / 3) % width;
    const y = Math.floor(at / 3 / width) % height;
    const row = Math.floor(at / 3 / width / height);
    data[at] = blocks[((row * down + (y >> 3)) * across + (x >> 3)) * 3 + channel] as number;
  }
  return { dtype: "uint8", shape: [rows, height, width, 3], data };
}
