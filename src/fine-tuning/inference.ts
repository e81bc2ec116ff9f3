import type { AbortOptions, Backend, LoadedNetwork } from "../backends/backend.js";
import type { ImageSource } from "../images/image-source.js";
import { loadImages } from "../images/load-images.js";
import type { NdArray } from "../ndarray.js";
import { takePixels } from "../network/take-pixels.js";
import { type Evaluation, evaluatePredictor, networkPredictor } from "../training/evaluate.js";
import { toFloat32 } from "../training/float32-rows.js";
import { checkData } from "../training/training-data.js";
import { hasPenalty, weightPenalty } from "../training/weight-penalty.js";
import type { ModelParts } from "./model-parts.js";
import { pictureRows } from "./picture-rows.js";
import { planModelTraining } from "./training-plan.js";
import type { LabelledPictures, PredictOptions } from "./transfer-model-options.js";

/** Loads a model's network for raw pixels. */
export function loadForInference(
  { network, preprocess, pictures }: ModelParts,
  backend: Backend,
): Promise<LoadedNetwork> {
  return backend.load(takePixels(network, { preprocess, imageSize: pictures.size, dtype: "float32" }));
}

/** Probabilities `[pictures, classes]` of pictures, in the source's order. */
export async function predictPictures(
  loaded: LoadedNetwork,
  { pictures, classLabels }: ModelParts,
  source: ImageSource,
  { batchSize, signal }: PredictOptions,
): Promise<NdArray<"float32">> {
  const classes = classLabels.length;
  const data = new Float32Array(source.length * classes);
  let row = 0;
  if (source.length > 0) {
    for await (const { pixels } of loadImages(source, { ...pictures, batchSize, signal })) {
      const [probabilities] = await loaded.run([toFloat32(pixels)], { signal });
      if (probabilities !== undefined) data.set(probabilities.data, row * classes);
      row += pixels.shape[0] ?? 0;
    }
  }
  return { dtype: "float32", shape: [source.length, classes], data };
}

/** Predicts every labelled picture once and compares with its class. */
export async function evaluateModel(
  loaded: LoadedNetwork,
  parts: ModelParts,
  pictures: LabelledPictures,
  { batchSize, signal }: PredictOptions & AbortOptions,
): Promise<Evaluation> {
  const target = { inputShape: [...parts.pictures.size, 3], classLabels: parts.classLabels };
  const rows = { batchSize, shuffle: false, seed: parts.training.seed, signal };
  const { data } = await pictureRows("pictures", pictures, parts.pictures, rows);
  checkData("pictures", data, target);
  const training = planModelTraining(parts, parts.network, {});
  const settings = {
    penalty: hasPenalty(training) ? weightPenalty(parts.network.weights, training) : 0,
    labelSmoothing: training.labelSmoothing,
    signal,
  };
  return evaluatePredictor(networkPredictor(loaded, "pictures", target), "pictures", data, target, settings);
}
