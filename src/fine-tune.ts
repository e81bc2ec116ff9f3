import { checkBackend } from "./backends/check-backend.js";
import type { TrainableBackend } from "./backends/trainable-backend.js";
import { FileAccessError, isCnnTransferError } from "./errors.js";
import type { CacheFolder } from "./fine-tuning/cache-folder.node.js";
import { kerasNotes } from "./fine-tuning/encode-model.js";
import type { ModelParts } from "./fine-tuning/model-parts.js";
import { pictureRows, type StillPictures } from "./fine-tuning/picture-rows.js";
import { planCache } from "./fine-tuning/plan-cache.js";
import { rowsWithColumns } from "./fine-tuning/rows-with-columns.js";
import { type OptimizerState, type TrainingRows, trainModel } from "./fine-tuning/train-model.js";
import { planModelTraining } from "./fine-tuning/training-plan.js";
import type { LabelledPictures, TransferFitOptions } from "./fine-tuning/transfer-model-options.js";
import { openFrozenFeatures } from "./frozen-features.js";
import type { HDF5DatasetGenerator } from "./hdf5-dataset-generator.js";
import { encodeKerasModel } from "./keras/write-model.js";
import { planFit } from "./training/fit-plan.js";
import type { EpochLog } from "./training/history.js";
import { checkOutputFiles } from "./training/output-files.js";
import type { TrainingData } from "./training/training-data.js";

/** A model that is to be trained, and what is to be done with what it comes to. */
export interface FineTuning {
  readonly parts: ModelParts;
  readonly backend: TrainableBackend;
  /** Where the optimizer goes on; undefined if it begins. */
  readonly optimizer: OptimizerState | undefined;
  readonly history: readonly EpochLog[];
  /** Ends all work when the model is closed. */
  readonly stop: AbortSignal;
  /** A folder for what is computed once; the model's own if no path is given. */
  readonly openFolder: (path: string | undefined) => Promise<CacheFolder>;
  readonly onHistory: (history: readonly EpochLog[]) => void;
  readonly onEnd: (parts: ModelParts, optimizer: OptimizerState) => void;
}

/**
 * Trains a model for some epochs: on pictures, or on what its frozen part gives for them where that is computed once.
 *
 * @throws as `TransferModel.fit` does
 */
export async function fineTune(
  model: FineTuning,
  pictures: LabelledPictures,
  options: TransferFitOptions,
): Promise<readonly EpochLog[]> {
  const { batchSize, sampling, augment, onFeatures, frozenBackend, validation: held, ...loop } = options;
  const signal = options.signal === undefined ? model.stop : AbortSignal.any([model.stop, options.signal]);
  signal.throwIfAborted();
  if (frozenBackend !== undefined) checkBackend(frozenBackend, "frozenBackend");
  const training = planModelTraining(model.parts, model.parts.network, options);
  const { optimizer, seed } = training;
  const parts: ModelParts = { ...model.parts, training: { ...model.parts.training, optimizer } };
  const { targetColumn } = options;
  const shared = { batchSize, targetColumn, seed, signal };
  const rows = {
    train: await pictureRows("train", pictures, parts, { ...shared, sampling, augment, shuffle: true }),
    validation: held && (await pictureRows("validation", held, parts, { ...shared, shuffle: false })),
  };
  const run = {
    ...model,
    parts,
    training,
    options: loop,
    signal,
    encode: (network: ModelParts["network"]) => encodeKerasModel(network, kerasNotes({ ...parts, network })),
    onEnd: (network: ModelParts["network"], optimizer: OptimizerState) => model.onEnd({ ...parts, network }, optimizer),
  };
  const data = { train: rows.train.data, validation: rows.validation?.data };
  // The loop checks all of this too, but only after what is computed once.
  planFit(
    data.train,
    { ...loop, validation: data.validation },
    {
      target: { task: parts.task, inputShape: [...parts.pictures.size, 3], classLabels: parts.classLabels },
      topology: parts.network,
      training,
      history: model.history,
      onHistory: model.onHistory,
      encodeModel: () => run.encode(parts.network),
    },
  );
  await checkOutputFiles(options);
  const plan = planCache(parts, rows, options);
  if (plan === undefined) {
    const plain = { ...data, [Symbol.asyncDispose]: async () => {} };
    return trainModel({ ...run, part: undefined, openRows: async () => plain });
  }
  const { split } = plan;
  const openCached = async (): Promise<TrainingRows> => {
    const folder = await model.openFolder(typeof options.cache === "string" ? options.cache : undefined);
    const { preprocess, pictures: prepared } = parts;
    const frozen = { split, preprocess, pictures: prepared, folder, backend: frozenBackend, onFeatures, signal };
    const opened: HDF5DatasetGenerator[] = [];
    const open = async ({ readColumns, ...still }: StillPictures): Promise<TrainingData> => {
      const features = await openFrozenFeatures({ ...frozen, ...still });
      opened.push(features);
      return readColumns === undefined ? features : rowsWithColumns(features, readColumns, targetColumn);
    };
    const close = async (): Promise<void> => {
      for (const features of opened) await features.close();
    };
    try {
      const train = await open(plan.train);
      return { train, validation: plan.validation && (await open(plan.validation)), [Symbol.asyncDispose]: close };
    } catch (error) {
      await close();
      throw error;
    }
  };
  const openRows = async (): Promise<TrainingRows> => {
    try {
      return await openCached();
    } catch (error) {
      throw typeof options.cache === "string" ? error : withAdvice(error);
    }
  };
  return trainModel({ ...run, part: split.tail, openRows });
}

/** Who has not named a folder need not know that there is one, nor what to do if its disk is full. */
function withAdvice(error: unknown): unknown {
  if (!isCnnTransferError(error, "FileAccessError") || error.reason !== "disk-full") return error;
  const { message, path, reason } = error;
  return new FileAccessError(
    `${message} \`fit\` keeps there what the frozen part of the network gives for each picture: name a folder on a larger disk with \`cache\`, or pass \`cache: false\` to compute it in every epoch.`,
    { path, reason },
    { cause: error },
  );
}
