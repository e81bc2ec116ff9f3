import type { AbortOptions } from "../backends/backend.js";
import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import type { ImageTransform } from "../images/augment/image-transform.js";
import { checkImageSource } from "../images/check-image-source.js";
import { decodeOptionNames } from "../images/decode-image.js";
import type { ImageSource } from "../images/image-source.js";
import { type LoadImageOptions, loadImage } from "../images/load-image.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import { describeValue } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { createRandom } from "../random.js";
import { predictedClasses } from "./metrics.js";
import type { Predictions } from "./predictions.js";
import { checkSeed } from "./split.js";

/** How several views of each picture are predicted. */
export interface PredictViewsOptions extends AbortOptions, LoadImageOptions {
  /** Makes a picture into several: `flipViews()`, `tenCrop([224, 224])`, or one's own. */
  readonly views: ImageTransform;
  /**
   * Gives for pictures, `[height, width, 3]` each, their probabilities `[pictures, classes]`, such as
   * `async (views) => head.predict(await extractor.extract(views))`.
   */
  readonly predict: (views: readonly NdArray<"uint8">[]) => Promise<NdArray>;
  /** Views that are predicted at once, about. @default 32 */
  readonly batchSize?: number | undefined;
  /** Of views that are drawn at random. @default 0 */
  readonly seed?: number | undefined;
}

/** What was said of pictures, each looked at several times. */
export interface ViewPredictions extends Omit<Predictions, "trueClasses"> {
  /** For each picture the index of its class; undefined unless the source has a label for every picture. */
  readonly trueClasses: Int32Array | undefined;
  /** `[pictures, classes]`: mean of the probabilities of a picture's views. */
  readonly probabilities: NdArray<"float64">;
  /** Where each picture stands in the source. */
  readonly indices: Uint32Array;
  /** Name of each picture. */
  readonly names: readonly string[];
}

/**
 * Test-time augmentation: predicts several views of each picture and takes the mean of their probabilities. Of labelled
 * pictures the result is what `probabilityScores`, `topConfusions` and others take.
 *
 * @throws ImageDecodeError, FileAccessError if a picture cannot be read
 * @throws InvalidArgumentError if an option is out of range, there are no pictures, or a probability is not finite
 * @throws ShapeMismatchError if `views` does not give pictures, or `predict` not a row for each
 *
 * @example
 * const { probabilities, names } = await predictViews(images, {
 *   size: [256, 256],
 *   views: tenCrop([224, 224]),
 *   predict: async (views) => head.predict(await extractor.extract(views)),
 * });
 */
export async function predictViews(images: ImageSource, options: PredictViewsOptions): Promise<ViewPredictions> {
  checkOptions("predictViews", options, {
    ...decodeOptionNames,
    views: true,
    predict: true,
    batchSize: true,
    seed: true,
    size: true,
    interpolation: true,
    keepAspectRatio: true,
  });
  checkImageSource("images", images);
  const { views, predict, batchSize = 32, seed = 0, ...loading } = options;
  const { signal } = loading;
  for (const [name, value] of [
    ["views", views],
    ["predict", predict],
  ] as const) {
    if (typeof value === "function") continue;
    throw new InvalidArgumentError(`\`${name}\` is ${describeValue(value)}: expected a function.`);
  }
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new InvalidArgumentError(`\`batchSize\` is ${describeValue(batchSize)}: expected an integer of at least 1.`);
  }
  const random = createRandom(checkSeed(seed));
  const means: Float64Array[] = [];
  const names: string[] = [];
  const labels: number[] = [];
  let waiting: NdArray<"uint8">[] = [];
  let counts: number[] = [];

  const flush = async (): Promise<void> => {
    if (waiting.length === 0) return;
    signal?.throwIfAborted();
    for (const mean of meansOfViews(await predict(waiting), counts, means[0]?.length)) means.push(mean);
    waiting = [];
    counts = [];
  };

  signal?.throwIfAborted();
  for await (const { image, name, label } of images) {
    signal?.throwIfAborted();
    const own = splitViews(views(await loadImage(image, loading), random), name);
    names.push(name);
    if (label !== undefined) labels.push(label);
    waiting.push(...own);
    counts.push(own.length);
    if (waiting.length >= batchSize) await flush();
  }
  await flush();
  signal?.throwIfAborted();
  if (means.length === 0) throw new InvalidArgumentError("There are no pictures to predict. Give at least one.");
  const classes = means[0]?.length ?? 0;
  const data = new Float64Array(means.length * classes);
  for (const [row, mean] of means.entries()) data.set(mean, row * classes);
  const probabilities: NdArray<"float64"> = { dtype: "float64", shape: [means.length, classes], data };
  return {
    names,
    probabilities,
    predictedClasses: predictedClasses(probabilities),
    trueClasses: labels.length === means.length ? Int32Array.from(labels) : undefined,
    indices: Uint32Array.from({ length: means.length }, (_, row) => row),
  };
}

/** The views of one picture, each as a picture of its own. */
function splitViews({ dtype, shape, data }: NdArray, name: string): readonly NdArray<"uint8">[] {
  const [count = 0, ...picture] = shape;
  if (dtype !== "uint8" || shape.length !== 4 || picture[2] !== 3 || count < 1 || data.length !== sizeOf(shape)) {
    throw new ShapeMismatchError(
      `\`views\` made ${dtype} [${shape.join(", ")}] of "${name}": expected uint8 [views, height, width, 3], as \`flipViews()\` and \`tenCrop()\` give it.`,
      { expected: [null, null, null, 3], received: shape },
    );
  }
  const length = sizeOf(picture);
  return Array.from({ length: count }, (_, view) => ({
    dtype: "uint8",
    shape: picture,
    data: (data as Uint8Array).subarray(view * length, (view + 1) * length),
  }));
}

/** Mean over the views of each picture, in 64 bits. */
function meansOfViews(
  predicted: NdArray,
  counts: readonly number[],
  known: number | undefined,
): readonly Float64Array[] {
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const classes = predicted?.shape?.[1] ?? 0;
  const expected = [rows, known ?? classes];
  if (predicted?.shape?.join() !== expected.join() || classes === 0 || predicted.data.length !== rows * classes) {
    throw new ShapeMismatchError(
      `\`predict\` gave [${predicted?.shape?.join(", ")}] for ${rows} views: expected [${rows}, ${known ?? "classes"}], a probability for every class of every view.`,
      { expected: [rows, known ?? null], received: predicted?.shape ?? [] },
    );
  }
  let row = 0;
  return counts.map((count) => {
    const mean = new Float64Array(classes);
    for (let view = 0; view < count; view++, row++) {
      for (let label = 0; label < classes; label++) {
        const value = Number(predicted.data[row * classes + label]);
        if (!Number.isFinite(value)) {
          throw new InvalidArgumentError(
            `\`predict\` gave ${value} as the probability of class ${label}: expected numbers from 0 to 1.`,
          );
        }
        mean[label] = (mean[label] as number) + value / count;
      }
    }
    return mean;
  });
}
