import { InvalidArgumentError } from "../../errors.js";
import { checkOptions } from "../../options/check-options.js";
import type { Random } from "../../random.js";
import { flipImage } from "./crop.js";
import { blankImage, checkRandom, type Image, type ImageTransform, imageSize } from "./image-transform.js";
import { type Affine, warpImage } from "./warp.js";

/** How images are to be varied at random, in the terms of Keras's `ImageDataGenerator`. Nothing is varied by default. */
export interface AugmentOptions {
  /** Greatest turn to either side, in degrees. */
  readonly rotationRange?: number | undefined;
  /** Greatest shift to left or right: below 1 a fraction of the width, else pixels. */
  readonly widthShiftRange?: number | undefined;
  /** Greatest shift up or down: below 1 a fraction of the height, else pixels. */
  readonly heightShiftRange?: number | undefined;
  /** Greatest angle of shear, in degrees. */
  readonly shearRange?: number | undefined;
  /** Scale of width and height, each drawn by itself: `[low, high]`, or `z` for `[1 - z, 1 + z]`. Below 1 enlarges. */
  readonly zoomRange?: number | readonly [number, number] | undefined;
  /** Mirrors every second image. @default false */
  readonly horizontalFlip?: boolean | undefined;
  /** Turns every second image upside down. @default false */
  readonly verticalFlip?: boolean | undefined;
  /** Factor of all values: `[low, high]`. Bytes are rounded down and end at 255, as by Pillow; floats have no end. */
  readonly brightnessRange?: readonly [number, number] | undefined;
  /** What comes from beyond the border: the nearest pixel of it. @default "nearest", and nothing else yet */
  readonly fillMode?: "nearest" | undefined;
}

/**
 * Varies images at random: turned, sheared and scaled about their middle and shifted, in one step of linear
 * interpolation; then mirrored; then brightened.
 *
 * Numbers are drawn as Keras's `ImageDataGenerator.get_random_transform` draws them, and square images come out as from
 * its `random_transform`, but for two things that go wrong there: shifts of height and width are not exchanged, and
 * images that are not square turn about their middle.
 *
 * @throws InvalidArgumentError for ranges that are none
 */
export function augmentImages(options: AugmentOptions): ImageTransform {
  checkOptions("augmentImages", options, {
    rotationRange: true,
    widthShiftRange: true,
    heightShiftRange: true,
    shearRange: true,
    zoomRange: true,
    horizontalFlip: true,
    verticalFlip: true,
    brightnessRange: true,
    fillMode: true,
  });
  const { horizontalFlip = false, verticalFlip = false, brightnessRange, fillMode = "nearest" } = options;
  const { rotationRange = 0, widthShiftRange = 0, heightShiftRange = 0, shearRange = 0, zoomRange = 0 } = options;
  for (const [name, value] of Object.entries({ rotationRange, widthShiftRange, heightShiftRange, shearRange })) {
    if (!Number.isFinite(value) || value < 0) {
      throw new InvalidArgumentError(`\`augment.${name}\` must be a number, at least 0; received ${value}.`);
    }
  }
  const zoom = typeof zoomRange === "number" ? ([1 - zoomRange, 1 + zoomRange] as const) : zoomRange;
  checkRange("zoomRange", zoom, Number.MIN_VALUE);
  if (brightnessRange) checkRange("brightnessRange", brightnessRange, 0);
  if (fillMode !== "nearest") {
    throw new InvalidArgumentError(`\`augment.fillMode\` must be "nearest", received "${String(fillMode)}".`);
  }
  const zooms = zoom[0] !== 1 || zoom[1] !== 1;

  return (image, random) => {
    const [height, width] = imageSize(image, "augment");
    checkRandom(random);
    const within = (range: number) => (range > 0 ? between(random, -range, range) : 0);
    // The order is Keras's.
    const turn = within(rotationRange);
    const down = within(heightShiftRange) * (heightShiftRange < 1 ? height : 1);
    const across = within(widthShiftRange) * (widthShiftRange < 1 ? width : 1);
    const shear = within(shearRange);
    const scaleX = zooms ? between(random, zoom[0], zoom[1]) : 1;
    const scaleY = zooms ? between(random, zoom[0], zoom[1]) : 1;
    const mirrored = random.double() < 0.5 && horizontalFlip;
    const upsideDown = random.double() < 0.5 && verticalFlip;
    const brightness = brightnessRange && between(random, brightnessRange[0], brightnessRange[1]);

    let result = image;
    if (turn || down || across || shear || scaleX !== 1 || scaleY !== 1) {
      result = warpImage(result, affine({ height, width, turn, down, across, shear, scaleX, scaleY }));
    }
    if (mirrored) result = flipImage(result, "horizontal");
    if (upsideDown) result = flipImage(result, "vertical");
    return brightness === undefined ? result : brighten(result, brightness);
  };
}

function checkRange(name: string, [low, high]: readonly [number, number], least: number): void {
  if (!(Number.isFinite(low) && Number.isFinite(high) && low >= least && low <= high)) {
    throw new InvalidArgumentError(
      `\`augment.${name}\` must be [low, high] with numbers ${least === 0 ? "from 0 on" : "above 0"}; received [${low}, ${high}].`,
    );
  }
}

function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.double();
}

/** Rotation, shift, shear and scale, in this order, about the middle of the image. */
function affine(step: {
  readonly height: number;
  readonly width: number;
  readonly turn: number;
  readonly down: number;
  readonly across: number;
  readonly shear: number;
  readonly scaleX: number;
  readonly scaleY: number;
}): Affine {
  const [cosine, sine] = [Math.cos(radians(step.turn)), Math.sin(radians(step.turn))];
  const [shearCosine, shearSine] = [Math.cos(radians(step.shear)), Math.sin(radians(step.shear))];
  const xx = cosine * step.scaleX;
  const yx = sine * step.scaleX;
  const xy = (-cosine * shearSine - sine * shearCosine) * step.scaleY;
  const yy = (-sine * shearSine + cosine * shearCosine) * step.scaleY;
  const [middleX, middleY] = [step.width / 2 - 0.5, step.height / 2 - 0.5];
  return {
    xx,
    xy,
    x0: middleX + cosine * step.across - sine * step.down - xx * middleX - xy * middleY,
    yx,
    yy,
    y0: middleY + sine * step.across + cosine * step.down - yx * middleX - yy * middleY,
  };
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

function brighten(image: Image, factor: number): Image {
  const result = blankImage(image.dtype, image.shape);
  const limit = image.dtype === "uint8" ? 255 : Number.POSITIVE_INFINITY;
  // Pillow computes in single precision.
  const single = Math.fround(factor);
  for (let i = 0; i < result.data.length; i++) {
    result.data[i] = Math.min(limit, Math.fround((image.data[i] as number) * single));
  }
  return result;
}
