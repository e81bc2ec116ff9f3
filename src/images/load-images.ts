import { InvalidArgumentError, isCnnTransferError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { decodeImage } from "./decode-image.js";
import type { ImageSource, SourceImage } from "./image-source.js";
import type { LoadImageOptions } from "./load-image.js";
import { nextTurn } from "./next-turn.node.js";
import { createResizer } from "./resize.js";
import { runAhead } from "./run-ahead.js";

/** How a source's pictures are decoded and put into batches. */
export interface LoadImagesOptions extends Omit<LoadImageOptions, "name" | "size"> {
  /** `[height, width]` that every picture is brought to. */
  readonly size: readonly [number, number];
  /** Pictures per batch; the last one may have fewer. @default 32 */
  readonly batchSize?: number | undefined;
  /**
   * Pictures that are decoded at the same time. Each takes memory for its full size while it is decoded.
   *
   * @default 4, the threads that Node decodes with unless `UV_THREADPOOL_SIZE` says otherwise
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

/** A picture that was left out. */
export interface SkippedImage {
  readonly name: string;
  /** Why, in words. */
  readonly reason: string;
}

/** Pictures of one size, in the source's order. */
export interface ImageBatch {
  /** `[batch, height, width, 3]`, RGB. */
  readonly pixels: NdArray<"uint8">;
  /** Name of each picture. */
  readonly names: readonly string[];
  /** Label of each picture; `undefined` where the source has none, empty where only pictures were left out. */
  readonly labels: Int32Array | undefined;
  /** Pictures before or among these that were left out. They have no row here, no name and no label. */
  readonly skipped: readonly SkippedImage[];
}

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
  const { size, batchSize = 32, concurrency = 4, onError = "throw", signal } = options;
  checkCount("batchSize", batchSize);
  checkCount("concurrency", concurrency);
  if (onError !== "throw" && onError !== "skip") {
    throw new InvalidArgumentError(
      `Cannot load images: \`onError\` is "${String(onError)}", expected "throw" or "skip".`,
    );
  }
  const { interpolation = "bilinear", keepAspectRatio = false } = options;
  const resize = createResizer({ size, interpolation, keepAspectRatio });
  let lane: Promise<void> = Promise.resolve();

  async function load(item: SourceImage, stop: AbortSignal): Promise<Loaded> {
    try {
      const pixels = await decodeImage(item.image, { ...options, name: item.name, signal: stop });
      // One resize per turn of the event loop: pictures that were decoded at the same moment must not block it in a row.
      lane = lane.then(nextTurn);
      await lane;
      stop.throwIfAborted();
      return { item, pixels: resize(pixels) };
    } catch (error) {
      const reason = onError === "skip" ? skippable(error) : undefined;
      if (reason === undefined) throw error;
      return { item, skipped: { name: item.name, reason } };
    }
  }

  const batches = new BatchBuilder(size, batchSize, source.classLabels.length);
  const ahead = batchSize + Math.max(batchSize, concurrency);
  for await (const loaded of runAhead(source, load, { concurrency, ahead, signal })) {
    batches.add(loaded);
    if (batches.isFull) yield batches.take();
  }
  if (!batches.isEmpty) yield batches.take();
}

/** A picture that went through, or why it did not. */
interface Loaded {
  readonly item: SourceImage;
  readonly pixels?: NdArray<"uint8">;
  readonly skipped?: SkippedImage;
}

/** Fills one batch after the other. */
class BatchBuilder {
  readonly #size: readonly [number, number];
  readonly #batchSize: number;
  readonly #imageBytes: number;
  readonly #classes: number;
  #data = new Uint8Array(0);
  #names: string[] = [];
  #labels: number[] = [];
  #skipped: SkippedImage[] = [];
  #hasLabels: boolean | undefined;

  /** @param classes number of the source's classes; 0 where it names none, and labels may be any integers from 0 */
  constructor(size: readonly [number, number], batchSize: number, classes: number) {
    this.#size = size;
    this.#batchSize = batchSize;
    this.#imageBytes = size[0] * size[1] * 3;
    this.#classes = classes;
  }

  get isFull(): boolean {
    return this.#names.length === this.#batchSize;
  }

  get isEmpty(): boolean {
    return this.#names.length === 0 && this.#skipped.length === 0;
  }

  add({ item, pixels, skipped }: Loaded): void {
    // Of pictures that are skipped too: a batch of nothing else must still tell that its source has labels.
    this.#checkLabel(item);
    if (skipped !== undefined) this.#skipped.push(skipped);
    if (pixels === undefined) return;
    if (this.#names.length === 0) this.#data = new Uint8Array(this.#batchSize * this.#imageBytes);
    this.#data.set(pixels.data, this.#names.length * this.#imageBytes);
    this.#names.push(item.name);
    if (item.label !== undefined) this.#labels.push(item.label);
  }

  #checkLabel(item: SourceImage): void {
    this.#hasLabels ??= item.label !== undefined;
    if (this.#hasLabels !== (item.label !== undefined)) {
      throw new InvalidArgumentError(
        `Cannot load images: "${item.name}" has ${this.#hasLabels ? "no label" : "a label"}, unlike those before it. Give a label to all images of a source, or to none.`,
      );
    }
    if (item.label === undefined) return;
    const last = this.#classes === 0 ? 0x7fffffff : this.#classes - 1;
    if (!Number.isInteger(item.label) || item.label < 0 || item.label > last) {
      throw new InvalidArgumentError(
        `Cannot load images: "${item.name}" has the label ${item.label}, expected an integer from 0 to ${last}${this.#classes === 0 ? "" : `, an index into the ${this.#classes} \`classLabels\` of its source`}.`,
      );
    }
  }

  take(): ImageBatch {
    const count = this.#names.length;
    const batch: ImageBatch = {
      pixels: {
        dtype: "uint8",
        shape: [count, ...this.#size, 3],
        // A part of the memory of a full batch would keep all of it: the last batch is copied.
        data: count === this.#batchSize ? this.#data : this.#data.slice(0, count * this.#imageBytes),
      },
      names: this.#names,
      labels: this.#hasLabels === true ? Int32Array.from(this.#labels) : undefined,
      skipped: this.#skipped,
    };
    this.#data = new Uint8Array(0);
    this.#names = [];
    this.#labels = [];
    this.#skipped = [];
    return batch;
  }
}

/** Why a picture may be left out; `undefined` for errors that are not about one picture. */
function skippable(error: unknown): string | undefined {
  if (isCnnTransferError(error, "ImageDecodeError")) return error.reason;
  if (isCnnTransferError(error, "FileAccessError")) {
    if (error.reason === "other") return isFolder(error.cause) ? "it is a folder" : undefined;
    return error.reason === "missing" ? "there is no such file" : "reading it is not permitted";
  }
  return undefined;
}

function isFolder(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "EISDIR";
}

function checkCount(option: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError(`Cannot load images: \`${option}\` is ${value}, expected a positive integer.`);
  }
}
