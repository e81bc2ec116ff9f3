import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { FeatureExtractor } from "../../src/feature-extractor.js";
import { tenCrop } from "../../src/images/augment/crop.js";
import { flipViews } from "../../src/images/augment/flip-views.js";
import type { ImageTransform } from "../../src/images/augment/image-transform.js";
import { imageList } from "../../src/images/image-list.js";
import type { NdArray } from "../../src/ndarray.js";
import { predictViews } from "../../src/training/predict-views.js";
import type { Predictions } from "../../src/training/predictions.js";
import { topKAccuracy } from "../../src/training/probability-scores.js";
import { vggMiniPixels } from "../support/vgg-mini-golden.js";

const golden = JSON.parse(
  readFileSync(new URL("../fixtures/predict-views/golden.json", import.meta.url), "utf8"),
) as Readonly<Record<"flip" | "tenCrop", readonly (readonly number[])[]>>;

const length = 80 * 96 * 3;
const { data } = vggMiniPixels({ seed: 5, rows: 3, size: [80, 96], features: [], best: [] });
const pictures = [0, 1, 2].map(
  (row): NdArray<"uint8"> => ({
    dtype: "uint8",
    shape: [80, 96, 3],
    data: data.subarray(row * length, (row + 1) * length),
  }),
);
const images = imageList(pictures, { labels: [2, 0, 1], names: ["a", "b", "c"] });

describe("means over views are those that Keras and numpy give", () => {
  const extractors: FeatureExtractor[] = [];
  const create = async (imageSize: readonly [number, number]) => {
    const options = { backbone: "vgg-mini", includeTop: true, imageSize, backend: onnx({ threads: 1 }) } as const;
    const extractor = await FeatureExtractor.create(options);
    extractors.push(extractor);
    return extractor;
  };
  afterAll(async () => {
    for (const extractor of extractors) await extractor.close();
  });

  test.each([
    ["flip", flipViews(), [80, 96]],
    ["tenCrop", tenCrop([64, 64]), [64, 64]],
  ] as const)("%s", async (kind, views, imageSize) => {
    const extractor = await create(imageSize);
    // More views than go at once, so that pictures are spread over several calls.
    const found = await predictViews(images, { views, batchSize: 3, predict: (each) => extractor.extract(each) });
    expect(found.probabilities.shape).toEqual([3, 200]);
    for (const [row, means] of golden[kind].entries()) {
      for (const [label, mean] of means.entries()) {
        expect(found.probabilities.data[row * 200 + label]).toBeCloseTo(mean, 6);
      }
    }
    const best = golden[kind].map((means) => means.indexOf(Math.max(...means)));
    expect([...found.predictedClasses]).toEqual(best);
  });
});

/** Says as the only probability the first value of the picture, and 1 without it. */
async function firstValue(views: readonly NdArray<"uint8">[]): Promise<NdArray<"float32">> {
  const values = views.flatMap(({ data: pixels }) => {
    const part = (pixels[0] as number) / 255;
    return [part, 1 - part];
  });
  return { dtype: "float32", shape: [views.length, 2], data: Float32Array.from(values) };
}

describe("views of pictures", () => {
  let found: Awaited<ReturnType<typeof predictViews>>;
  beforeAll(async () => {
    const small = imageList(pictures.slice(0, 2), { labels: [1, 0], classLabels: ["x", "y"], names: ["a", "b"] });
    found = await predictViews(small, { views: flipViews(), predict: firstValue, size: [8, 8] });
  });

  test("come with names, labels and places, as figures about predictions take them", () => {
    expect(found).toMatchObject({ names: ["a", "b"], trueClasses: Int32Array.of(1, 0), indices: Uint32Array.of(0, 1) });
    expect([0, 0.5, 1]).toContain(topKAccuracy(found as Predictions, 1));
  });

  test("are resized first where a size is given", async () => {
    const sizes: (readonly number[])[] = [];
    await predictViews(images, {
      views: tenCrop([16, 20]),
      size: [24, 32],
      predict: (views) => {
        sizes.push(...views.map(({ shape }) => shape));
        return firstValue(views);
      },
    });
    expect(sizes).toHaveLength(30);
    expect(new Set(sizes.map(String))).toEqual(new Set(["16,20,3"]));
  });

  test("drawn at random are the same for the same seed", async () => {
    const drawn: ImageTransform = (image, random) => {
      const value = random.integerBelow(256);
      return { dtype: "uint8", shape: [1, ...image.shape], data: new Uint8Array(image.data.length).fill(value) };
    };
    const run = async (seed: number) =>
      (await predictViews(images, { views: drawn, predict: firstValue, seed })).probabilities.data;
    expect(await run(1)).toEqual(await run(1));
    expect(await run(2)).not.toEqual(await run(1));
  });

  test("without labels have no true classes", async () => {
    const unlabelled = imageList(pictures);
    expect((await predictViews(unlabelled, { views: flipViews(), predict: firstValue })).trueClasses).toBeUndefined();
  });

  const views = flipViews();
  test.each([
    [
      "one view without its axis",
      { views: ((image) => image) as ImageTransform, predict: firstValue },
      "ShapeMismatchError",
    ],
    [
      "too few predictions",
      { views, predict: async () => firstValue([pictures[0] as NdArray<"uint8">]) },
      "ShapeMismatchError",
    ],
    [
      "predictions of NaN",
      {
        views,
        predict: async (each: readonly unknown[]) =>
          ({
            dtype: "float32",
            shape: [each.length, 1],
            data: new Float32Array(each.length).fill(Number.NaN),
          }) as NdArray,
      },
      "InvalidArgumentError",
    ],
    ["no function", { views, predict: undefined as never }, "InvalidArgumentError"],
    ["no batch", { views, predict: firstValue, batchSize: 0 }, "InvalidArgumentError"],
  ] as const)("%s: refused", async (_, options, name) => {
    await expect(predictViews(images, options)).rejects.toMatchObject({ name });
  });

  test("of no pictures are refused, and an abort stops", async () => {
    await expect(predictViews(imageList([]), { views, predict: firstValue })).rejects.toMatchObject({
      name: "InvalidArgumentError",
    });
    const reason = new Error("enough");
    const aborted = predictViews(images, { views, predict: firstValue, signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
  });
});
