import { imageList } from "../../src/images/image-list.js";
import type { ImageSelection } from "../../src/images/image-selection.js";
import type { NdArray } from "../../src/ndarray.js";
import { createRandom } from "../../src/random.js";

export const colours = ["blue", "green", "red"];

/** Noisy pictures of which each has more of one colour, its class; classes take turns. */
export function colouredPictures(count: number, size: readonly [number, number], seed = 1): ImageSelection {
  const random = createRandom(seed);
  const labels = Array.from({ length: count }, (_, i) => i % 3);
  const images = labels.map((label): NdArray<"uint8"> => {
    const data = Uint8Array.from({ length: size[0] * size[1] * 3 }, (_, at) => {
      return Math.floor(random.double() * 190) + (at % 3 === 2 - label ? 65 : 0);
    });
    return { dtype: "uint8", shape: [...size, 3], data };
  });
  return imageList(images, { labels, classLabels: colours, names: labels.map((_, i) => `picture ${i}`) });
}
