import { weightsOptionNames } from "../backbones/load-weights.js";
import { pictureOptionNames } from "../extraction/picture-options.js";
import type { OptionNames } from "../options/check-options.js";
import { fitOptionNames, learningOptionNames, rateFinderOptionNames } from "../training/option-names.js";
import type { ModelGradCamOptions } from "./model-grad-cam.js";
import type {
  EvaluatePicturesOptions,
  LoadModelOptions,
  ModelRateFinderOptions,
  PredictOptions,
  TransferFitOptions,
  TransferModelOptions,
  UnfreezeOptions,
} from "./transfer-model-options.js";

const { onProgress: _, ...weights } = weightsOptionNames;

/** Names of the options of each method of `TransferModel`. */
export const modelOptionNames = {
  create: {
    ...weights,
    ...pictureOptionNames,
    ...learningOptionNames,
    ...{
      task: true,
      backbone: true,
      layer: true,
      pooling: true,
      imageSize: true,
      preprocess: true,
      classLabels: true,
      head: true,
    },
    ...{ hidden: true, activation: true, batchNormalization: true, dropout: true, normalize: true },
    ...{ unfreezeFrom: true, metadata: true, onDownload: true },
  } satisfies OptionNames<TransferModelOptions>,
  load: {
    ...pictureOptionNames,
    ...learningOptionNames,
    ...{
      task: true,
      classLabels: true,
      imageSize: true,
      preprocess: true,
      headFrom: true,
      engine: true,
      seed: true,
      signal: true,
    },
  } satisfies OptionNames<LoadModelOptions>,
  unfreeze: { from: true, batchNormalization: true, optimizer: true } satisfies OptionNames<UnfreezeOptions>,
  fit: {
    ...fitOptionNames,
    ...{ targetColumn: true, validation: true, batchSize: true, sampling: true, augment: true, learningRate: true },
    ...{ backboneLearningRate: true, learningRateFactors: true, cache: true, frozenBackend: true, onFeatures: true },
  } satisfies OptionNames<TransferFitOptions>,
  findLearningRate: {
    ...rateFinderOptionNames,
    ...{ batchSize: true, sampling: true, augment: true, learningRate: true },
    ...{ backboneLearningRate: true, learningRateFactors: true },
  } satisfies OptionNames<ModelRateFinderOptions>,
  evaluate: {
    batchSize: true,
    targetColumn: true,
    threshold: true,
    signal: true,
  } satisfies OptionNames<EvaluatePicturesOptions>,
  predict: { batchSize: true, signal: true } satisfies OptionNames<PredictOptions>,
  classify: { batchSize: true, signal: true, top: true },
  gradCam: {
    batchSize: true,
    signal: true,
    layer: true,
    classIndex: true,
    backend: true,
  } satisfies OptionNames<ModelGradCamOptions>,
  encode: { engine: true, format: true },
  save: { engine: true, overwrite: true },
} as const;
