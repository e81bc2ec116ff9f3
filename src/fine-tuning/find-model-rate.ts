import { findLearningRate, type LearningRateTable } from "../training/learning-rate-finder.js";
import { pictureRows } from "./picture-rows.js";
import { loadTraining, type TrainingSetup } from "./train-model.js";
import { planModelTraining } from "./training-plan.js";
import type { LabelledPictures, ModelRateFinderOptions } from "./transfer-model-options.js";

/**
 * Tries learning rates on a copy of a model, from where its optimizer is.
 *
 * @throws as `TransferModel.findLearningRate` does
 */
export async function findModelRate(
  model: Pick<TrainingSetup, "parts" | "backend" | "optimizer" | "signal">,
  pictures: LabelledPictures,
  options: ModelRateFinderOptions,
): Promise<LearningRateTable> {
  const { parts, signal } = model;
  const { batchSize, sampling, augment, targetColumn } = options;
  const training = planModelTraining(parts, parts.network, options);
  const { seed } = training;
  const { data } = await pictureRows("train", pictures, parts, {
    batchSize,
    sampling,
    augment,
    targetColumn,
    shuffle: true,
    seed,
    signal,
  });
  const rows = { train: data, validation: undefined, [Symbol.asyncDispose]: async () => {} };
  return loadTraining({ ...model, part: undefined, training, openRows: async () => rows }, ({ loaded, target }) =>
    findLearningRate(loaded, data, target, { ...options, signal }),
  );
}
