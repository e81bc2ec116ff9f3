import type { Backend, LoadedNetwork } from "../backends/backend.js";
import type { ImageSource } from "../images/image-source.js";
import { loadImages } from "../images/load-images.js";
import type { NdArray } from "../ndarray.js";
import { takePixels } from "../network/take-pixels.js";
import { evaluateHead, type TaskEvaluations } from "../training/evaluate-head.js";
import { toFloat32 } from "../training/float32-rows.js";
import type { Task } from "../training/target.js";
import { hasPenalty, weightPenalty } from "../training/weight-penalty.js";
import type { ModelParts } from "./model-parts.js";
import { pictureRows } from "./picture-rows.js";
import { planModelTraining } from "./training-plan.js";
import type { EvaluatePicturesOptions, LabelledPictures, PredictOptions } from "./transfer-model-options.js";

/** Loads a model's network for raw pixels. */
export function loadForInference(
  { network, preprocess, pictures }: ModelParts,
  backend: Backend,
): Promise<LoadedNetwork> {
  return backend.load(takePixels(network, { preprocess, imageSize: pictures.size, dtype: "float32" }));
}

/** Outputs `[pictures, outputs]` for pictures, in the source's order. */
export async function predictPictures(
  loaded: LoadedNetwork,
  { pictures, classLabels }: ModelParts,
  source: ImageSource,
  { batchSize, signal }: PredictOptions,
): Promise<NdArray<"float32">> {
  const outputs = classLabels.length;
  const data = new Float32Array(source.length * outputs);
  let row = 0;
  if (source.length > 0) {
    for await (const { pixels } of loadImages(source, { ...pictures, batchSize, signal })) {
      const [given] = await loaded.run([toFloat32(pixels)], { signal });
      if (given !== undefined) data.set(given.data, row * outputs);
      row += pixels.shape[0] ?? 0;
    }
  }
  return { dtype: "float32", shape: [source.length, outputs], data };
}

/** Predicts every picture once and compares with what is known of it. */
export async function evaluateModel<T extends Task>(
  loaded: LoadedNetwork,
  parts: ModelParts & { readonly task: T },
  pictures: LabelledPictures,
  options: EvaluatePicturesOptions,
): Promise<TaskEvaluations[T]> {
  const { batchSize, targetColumn, signal } = options;
  const { task, classLabels } = parts;
  const target = { task, inputShape: [...parts.pictures.size, 3], classLabels };
  const rows = { batchSize, targetColumn, shuffle: false, seed: parts.training.seed, signal };
  const { data } = await pictureRows("pictures", pictures, parts, rows);
  const training = planModelTraining(parts, parts.network, {});
  const settings = {
    penalty: hasPenalty(training) ? weightPenalty(parts.network.weights, training) : 0,
    labelSmoothing: training.labelSmoothing,
    signal,
  };
  return evaluateHead<T>(loaded, data, target, settings, options);
}
