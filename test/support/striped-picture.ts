import type { NdArray } from "../../src/index.js";
import { createRandom } from "../../src/random.js";

/** A picture of coloured stripes and noise: real networks see edges and surfaces in it. */
export function stripedPicture(seed: number, size = 64): NdArray<"uint8"> {
  const random = createRandom(seed);
  const colours = Array.from({ length: 6 }, () => [0, 1, 2].map(() => random.integerBelow(256)));
  const slope = random.double() * 2 - 1;
  const width = 4 + random.integerBelow(20);
  const data = Uint8Array.from({ length: size * size * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % size, Math.floor(i / 3 / size)];
    const stripe = Math.abs(Math.floor((x + slope * y) / width)) % colours.length;
    return Math.max(0, Math.min(255, (colours[stripe]?.[i % 3] as number) + random.integerBelow(21) - 10));
  });
  return { dtype: "uint8", shape: [size, size, 3], data };
}
