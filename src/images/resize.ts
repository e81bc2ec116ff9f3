import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { checkArray } from "../options/check-array.js";
import { checkBoolean, checkList } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { checkInterpolation, type Interpolation } from "./interpolation.js";
import { packWeights, pickPixels, resample } from "./resample.js";
import { type AxisRange, axisWeights, nearestIndices } from "./resample-axis.js";

export type { Interpolation } from "./interpolation.js";

/** How to change the size of images. */
export interface ResizeOptions {
  /** Wanted `[height, width]`. */
  readonly size: readonly [number, number];
  /** @default "bilinear", as `image_dataset_from_directory`; `load_img` of Keras has "nearest" */
  readonly interpolation?: Interpolation | undefined;
  /**
   * Cut the largest part with the wanted aspect ratio from the middle, instead of distorting the image.
   * Keras's `keep_aspect_ratio`.
   *
   * @default false
   */
  readonly keepAspectRatio?: boolean | undefined;
}

/** Resizes images `[height, width, 3]` of any size to the one size that it was made for. */
export type Resizer = (image: NdArray<"uint8">) => NdArray<"uint8">;

/** The same into memory that is there already: `[height, width, 3]` of the size that it was made for. */
export type ResizeInto = (image: NdArray<"uint8">, target: Uint8Array) => void;

/** Weights of so many axis lengths are kept; photographs of one camera need two. */
const keptAxes = 64;

/**
 * Makes a function that resizes many images to one size. It keeps the weights of the image sizes that it has met and
 * its working memory, and so is faster than {@link resizeImage} for each image.
 *
 * The pixels equal those of Pillow's `Image.resize` (and so of Keras's `load_img`) to the last bit, for every
 * interpolation. Sizes equal to the wanted one come back as they are, not copied.
 *
 * @throws InvalidArgumentError if the size is not two positive integers or the interpolation is unknown; when resizing,
 *   if with `keepAspectRatio` no whole pixel remains
 * @throws ShapeMismatchError when resizing, if the image is not `[height, width, 3]`
 */
export function createResizer(options: ResizeOptions): Resizer {
  checkOptions("createResizer", options, { size: true, interpolation: true, keepAspectRatio: true });
  const resizeInto = createResizeInto(options);
  const [height, width] = options.size;
  return (image) => {
    checkArray("image", image, "a picture [height, width, 3]");
    if (isOfSize(image, height, width)) return image;
    const target = new Uint8Array(height * width * 3);
    resizeInto(image, target);
    return { dtype: "uint8", shape: [height, width, 3], data: target };
  };
}

/** As {@link createResizer}, for those that bring the memory for the result. */
export function createResizeInto(options: ResizeOptions): ResizeInto {
  const { size, interpolation = "bilinear", keepAspectRatio = false } = options;
  checkSize(size);
  checkBoolean("keepAspectRatio", keepAspectRatio);
  checkInterpolation(interpolation);
  const [height, width] = size;
  const indices = remember((range: AxisRange) => nearestIndices(range));
  const weights = (range: AxisRange) => axisWeights(range, interpolation as Exclude<Interpolation, "nearest">);
  const weightsAcross = remember((range: AxisRange) => packWeights(weights(range), 3, true));
  const weightsDown = remember((range: AxisRange) => packWeights(weights(range), width * 3, false));

  return (image, target) => {
    const [sourceHeight, sourceWidth] = checkImage(image);
    const source = image.data;
    if (sourceHeight === height && sourceWidth === width) {
      target.set(source);
      return;
    }
    const { rows, columns } = ranges(sourceHeight, sourceWidth, height, width, keepAspectRatio);
    if (interpolation === "nearest") {
      pickPixels(source, sourceWidth, indices(rows), indices(columns), target);
      return;
    }

    resample({
      source,
      from: [sourceHeight, sourceWidth],
      target,
      to: size,
      across: isWhole(columns) ? undefined : weightsAcross(columns),
      down: isWhole(rows) ? undefined : weightsDown(rows),
    });
  };
}

/**
 * Changes the size of one image `[height, width, 3]`, uint8. For many images use {@link createResizer}, which this is
 * one call of.
 *
 * @throws InvalidArgumentError if the size or the interpolation is wrong, or with `keepAspectRatio` no whole pixel remains
 * @throws ShapeMismatchError if the image is not `[height, width, 3]`
 */
export function resizeImage(image: NdArray<"uint8">, options: ResizeOptions): NdArray<"uint8"> {
  return createResizer(options)(image);
}

/** The part of each axis to resize, computed in whole numbers as Keras's `load_img` does. */
function ranges(sourceHeight: number, sourceWidth: number, height: number, width: number, keepAspectRatio: boolean) {
  if (!keepAspectRatio) {
    return {
      rows: { size: sourceHeight, start: 0, end: sourceHeight, target: height },
      columns: { size: sourceWidth, start: 0, end: sourceWidth, target: width },
    };
  }
  const cropHeight = Math.min(sourceHeight, Math.floor((sourceWidth * height) / width));
  const cropWidth = Math.min(sourceWidth, Math.floor((sourceHeight * width) / height));
  if (cropHeight === 0 || cropWidth === 0) {
    throw new InvalidArgumentError(
      `Cannot resize an image of ${sourceHeight} x ${sourceWidth} to \`size\` [${height}, ${width}] with \`keepAspectRatio\`: no whole pixel remains at that aspect ratio. Resize it without \`keepAspectRatio\`.`,
    );
  }
  const top = Math.floor((sourceHeight - cropHeight) / 2);
  const left = Math.floor((sourceWidth - cropWidth) / 2);
  return {
    rows: { size: sourceHeight, start: top, end: top + cropHeight, target: height },
    columns: { size: sourceWidth, start: left, end: left + cropWidth, target: width },
  };
}

function isWhole(range: AxisRange): boolean {
  return range.size === range.target && range.start === 0 && range.end === range.size;
}

function isOfSize(image: NdArray<"uint8">, height: number, width: number): boolean {
  const [sourceHeight, sourceWidth] = checkImage(image);
  return sourceHeight === height && sourceWidth === width;
}

/** Keeps the last results of a function of an axis range. */
function remember<T>(compute: (range: AxisRange) => T): (range: AxisRange) => T {
  const kept = new Map<string, T>();
  return (range) => {
    const key = `${range.size}:${range.start}:${range.end}:${range.target}`;
    let result = kept.get(key);
    if (result === undefined) result = compute(range);
    else kept.delete(key);
    kept.set(key, result);
    if (kept.size > keptAxes) kept.delete(kept.keys().next().value as string);
    return result;
  };
}

function checkSize(size: readonly [number, number]): void {
  checkList("size", size, "[height, width], two positive integers");
  if (size.length !== 2 || !size.every((side) => Number.isSafeInteger(side) && side > 0)) {
    throw new InvalidArgumentError(
      `Cannot resize: \`size\` is [${size.join(", ")}], expected [height, width], two positive integers.`,
    );
  }
}

function checkImage(image: NdArray<"uint8">): [height: number, width: number] {
  const [height, width, channels] = image.shape;
  if (
    image.shape.length !== 3 ||
    channels !== 3 ||
    height === undefined ||
    width === undefined ||
    height < 1 ||
    width < 1 ||
    image.data.length !== height * width * 3
  ) {
    throw new ShapeMismatchError(
      `Cannot resize: expected pixels of shape [height, width, 3], received [${image.shape.join(", ")}] with ${image.data.length} values. Channels come last; grey images need three equal channels.`,
      { expected: [null, null, 3], received: image.shape },
    );
  }
  return [height, width];
}
