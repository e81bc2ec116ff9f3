import { type AugmentationConfigs, augmentationNames } from "../../network/layers/augmentation.js";
import type { RegularizationConfigs } from "../../network/layers/regularization.js";
import type { ConfigReader } from "../config-reader.js";
import type { KindReaders } from "./kind-reader.js";
import { plainNumber } from "./settings.js";

export const regularizationReaders: KindReaders<RegularizationConfigs> = {
  Dropout: rate,
  SpatialDropout1D: rate,
  SpatialDropout2D: rate,
  GaussianDropout: rate,
  AlphaDropout: rate,
  GaussianNoise: (read) => ({ stddev: plainNumber(read, "stddev") }),
  ActivityRegularization: (read) => ({ l1: plainNumber(read, "l1", 0), l2: plainNumber(read, "l2", 0) }),
  StochasticDepth: (read) => ({ dropPathRate: plainNumber(read, "drop_path_rate") }),
};

function rate(read: ConfigReader): RegularizationConfigs["Dropout"] {
  return { rate: plainNumber(read, "rate") };
}

/** Settings that every layer has, and that are written from elsewhere. */
const common: readonly string[] = ["name", "dtype", "trainable", "batch_input_shape", "batch_shape"];

/** Nothing is computed of these, so their settings are kept as they stand. */
export const augmentationReaders = Object.fromEntries(
  augmentationNames.map((name) => [
    name,
    (read: ConfigReader) => ({
      settings: Object.fromEntries(
        read.keys().flatMap((key) => (common.includes(key) ? [] : [[key, read.get(key) ?? null]])),
      ),
    }),
  ]),
) as unknown as KindReaders<AugmentationConfigs>;
