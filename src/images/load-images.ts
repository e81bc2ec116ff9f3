import { InvalidArgumentError, isCnnTransferError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { checkOptions, type OptionNames } from "../options/check-options.js";
import { BatchBuilder, type ImageBatch, type LoadedImage } from "./batch-builder.js";
import { checkImageSource } from "./check-image-source.js";
import { checkDecodeMode, type DecodeMode } from "./fast-decoding.js";
import type { ImageSource, SourceImage } from "./image-source.js";
import type { LoadImageOptions } from "./load-image.js";
import { notAFile } from "./not-a-file.js";
import type { PicturePreparation, PictureSettings } from "./picture-preparation.js";
import { defaultWorkers, preparePictures } from "./picture-threads.node.js";
import { runAhead } from "./run-ahead.js";

export type { ImageBatch, SkippedImage } from "./batch-builder.js";

/** How a source's pictures are decoded and put into batches. */
export interface LoadImagesOptions extends Omit<LoadImageOptions, "name" | "size"> {
  /** `[height, width]` that every picture is brought to. */
  readonly size: readonly [number, number];
  /**
   * `"fast"`: the JPEG decoder makes photographs of at least six times `size` smaller while it decodes them, down to not less
   * than twice `size`; the rest is done as always. It takes a fraction of the time, and the pixels are near those of Pillow
   * but not equal. Other files are decoded as with `"exact"`. Node only.
   *
   * @default "exact"
   */
  readonly decode?: DecodeMode | undefined;
  /** Pictures per batch; the last one may have fewer. @default 32 */
  readonly batchSize?: number | undefined;
  /**
   * Threads that decode and resize. 0: it is done in the thread that calls, as always in browsers, where a large picture
   * keeps others waiting.
   *
   * @default as many as the machine runs at once, at most 8; 0 in browsers
   */
  readonly workers?: number | undefined;
  /**
   * Pictures that are decoded at the same time. Each takes memory for its full size while it is decoded.
   *
   * @default two for each of the `workers`, at least 4
   */
  readonly concurrency?: number | undefined;
  /**
   * What happens to a picture that cannot be decoded, or whose file is missing, a folder or not permitted: `"throw"` ends the run,
   * `"skip"` leaves it out and reports it.
   *
   * @default "throw"
   */
  readonly onError?: "throw" | "skip" | undefined;
}

/** Names of {@link LoadImagesOptions}. */
export const loadImagesOptionNames: OptionNames<LoadImagesOptions> = {
  ...{
    size: true,
    decode: true,
    batchSize: true,
    workers: true,
    concurrency: true,
    onError: true,
    signal: true,
    interpolation: true,
    keepAspectRatio: true,
    applyOrientation: true,
    maximumPixels: true,
  },
};

/**
 * Decodes and resizes the pictures of a source, and yields them in batches in the source's order. Up to about two
 * batches are decoded ahead while the caller works on the last one, so that decoding overlaps with computing; memory does
 * not grow with the source. Leaving the loop or aborting stops the work.
 *
 * A last batch has no rows when all its pictures were skipped.
 *
 * @throws ImageDecodeError, FileAccessError if a picture cannot be decoded and `onError` is `"throw"`
 * @throws ShapeMismatchError if pixels in the source are not `[height, width, 3]`
 * @throws InvalidArgumentError if an option is wrong, only some of the pictures have labels, or a label is no
 *   index into the source's `classLabels`
 *
 * @example
 * for await (const { pixels, labels } of loadImages(await imageFolder("animals/"), { size: [224, 224] })) {
 *   pixels.shape; // [32, 224, 224, 3]
 * }
 */
export async function* loadImages(
  source: ImageSource,
  options: LoadImagesOptions,
): AsyncGenerator<ImageBatch, void, undefined> {
  checkOptions("loadImages", options, loadImagesOptionNames);
  checkImageSource("source", source);
  const { workers = defaultWorkers() } = options;
  checkRunOptions(options);
  const preparation = preparePictures(pictureSettings(options), workers);
  try {
    for await (const batch of loadBatches(source, options, preparation)) {
      yield { ...batch, pixels: unshared(batch.pixels) };
    }
  } finally {
    await preparation.close();
  }
}

/**
 * {@link loadImages} with threads that outlast it. The pixels may be in a `SharedArrayBuffer`, which nobody writes to any
 * more.
 */
export async function* loadBatches(
  source: ImageSource,
  options: Pick<LoadImagesOptions, "size" | "batchSize" | "workers" | "concurrency" | "onError" | "signal">,
  preparation: PicturePreparation,
): AsyncGenerator<ImageBatch, void, undefined> {
  checkRunOptions(options);
  const { size, batchSize = 32, workers = defaultWorkers(), onError = "throw", signal } = options;
  const { concurrency = Math.max(4, 2 * workers) } = options;
  const batches = new BatchBuilder({
    size,
    batchSize,
    classes: source.classLabels.length,
    allocate: (bytes) => preparation.allocate(bytes),
  });

  async function load(item: SourceImage, stop: AbortSignal): Promise<LoadedImage> {
    const { slot, target } = batches.reserve();
    try {
      await preparation.prepare({ image: item.image, name: item.name, target, signal: stop });
      return { item, slot };
    } catch (error) {
      const reason = onError === "skip" ? skippable(error) : undefined;
      if (reason === undefined) throw error;
      return { item, slot, skipped: { name: item.name, reason } };
    }
  }

  const ahead = batchSize + Math.max(batchSize, concurrency);
  for await (const loaded of runAhead(source, load, { concurrency, ahead, signal })) {
    batches.add(loaded);
    if (batches.isFull) yield batches.take();
  }
  if (!batches.isEmpty) yield batches.take();
}

/** Of the options of a run those that say how each picture is prepared. */
export function pictureSettings(options: LoadImagesOptions): PictureSettings {
  const { size, interpolation, keepAspectRatio, applyOrientation, maximumPixels, decode = "exact" } = options;
  checkDecodeMode(decode);
  return { size, interpolation, keepAspectRatio, applyOrientation, maximumPixels, decode };
}

/** Pixels in memory that no other thread can see: a copy where they are in a `SharedArrayBuffer`. */
export function unshared(pixels: NdArray<"uint8">): NdArray<"uint8"> {
  const isShared = typeof SharedArrayBuffer === "function" && pixels.data.buffer instanceof SharedArrayBuffer;
  return isShared ? { ...pixels, data: new Uint8Array(pixels.data) } : pixels;
}

/** @throws InvalidArgumentError if it is no number of threads */
export function checkWorkers(workers: number): void {
  checkCount("workers", workers, 0);
}

function checkRunOptions(options: Pick<LoadImagesOptions, "batchSize" | "workers" | "concurrency" | "onError">): void {
  const { batchSize = 32, workers = 0, concurrency = 1, onError = "throw" } = options;
  checkCount("batchSize", batchSize, 1);
  checkWorkers(workers);
  checkCount("concurrency", concurrency, 1);
  if (onError !== "throw" && onError !== "skip") {
    throw new InvalidArgumentError(
      `Cannot load images: \`onError\` is "${String(onError)}", expected "throw" or "skip".`,
    );
  }
}

/** Why a picture may be left out; `undefined` for errors that are not about one picture. */
function skippable(error: unknown): string | undefined {
  if (isCnnTransferError(error, "ImageDecodeError")) return error.reason;
  if (isCnnTransferError(error, "FileAccessError")) {
    if (error.reason === "other") return notAFile(error.cause);
    return error.reason === "missing" ? "there is no such file" : "reading it is not permitted";
  }
  return undefined;
}

function checkCount(option: string, value: number, least: 0 | 1): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new InvalidArgumentError(
      `Cannot load images: \`${option}\` is ${value}, expected ${least === 0 ? "0 or " : ""}a positive integer.`,
    );
  }
}
