import { imageSelection } from "../images/image-selection.js";
import type { ImageSource, SourceImage } from "../images/image-source.js";
import { loadImages } from "../images/load-images.js";
import type { NdArray } from "../ndarray.js";
import type { PictureOptions } from "./picture-options.js";

/** Pictures that set ranges, and others that judge what comes of them. */
export interface CalibrationPictures {
  readonly rangeBatches: readonly NdArray[];
  readonly judgingBatches: readonly NdArray[];
  /** Number of all of them. */
  readonly images: number;
}

/** Pictures that judge go through the network so many at a time; of those that set ranges, each by itself, as of VGG16 the values of one take 110 MB. */
const judgingBatchSize = 8;

/**
 * Decodes some pictures of a source, spread evenly over it: the first ones of a folder are all of one class. Every other
 * one sets ranges, the rest judges. Those that cannot be decoded are left out.
 */
export async function readCalibrationPictures(
  source: ImageSource,
  count: number,
  pictures: PictureOptions,
  signal: AbortSignal | undefined,
): Promise<CalibrationPictures> {
  const chosen = imageSelection(await spread(source, count), []);
  const decoded: NdArray<"uint8">[] = [];
  for await (const { pixels } of loadImages(chosen, { ...pictures, batchSize: 1, onError: "skip", signal })) {
    if (pixels.shape[0] === 1) decoded.push(pixels);
  }
  return {
    rangeBatches: decoded.filter((_, i) => i % 2 === 0),
    judgingBatches: inBatches(
      decoded.filter((_, i) => i % 2 === 1),
      judgingBatchSize,
    ),
    images: decoded.length,
  };
}

async function spread(source: ImageSource, count: number): Promise<readonly SourceImage[]> {
  const step = Math.max(1, source.length / count);
  const images: SourceImage[] = [];
  let position = 0;
  for await (const image of source) {
    if (position++ >= images.length * step) images.push(image);
    if (images.length === count) break;
  }
  return images;
}

function inBatches(pictures: readonly NdArray<"uint8">[], batchSize: number): readonly NdArray<"uint8">[] {
  const batches: NdArray<"uint8">[] = [];
  for (let start = 0; start < pictures.length; start += batchSize) {
    const batch = pictures.slice(start, start + batchSize);
    const [first] = batch as [NdArray<"uint8">];
    const data = new Uint8Array(batch.length * first.data.length);
    for (const [i, { data: one }] of batch.entries()) data.set(one, i * one.length);
    batches.push({ dtype: "uint8", shape: [batch.length, ...first.shape.slice(1)], data });
  }
  return batches;
}
