import { InvalidArgumentError } from "../errors.js";
import { isJsonObject } from "./config-reader.js";
import type { Json } from "./layer-config.js";

/** A loss that a model is compiled with. */
export interface LossConfig {
  /** Keras's name of the loss, such as `categorical_crossentropy`. */
  readonly loss: string;
  /** Part of every target that is spread evenly; only of cross-entropies. @default 0 */
  readonly labelSmoothing?: number | undefined;
}

/** Names of losses by Keras's classes. */
const classes: Readonly<Record<string, string>> = {
  CategoricalCrossentropy: "categorical_crossentropy",
  SparseCategoricalCrossentropy: "sparse_categorical_crossentropy",
  BinaryCrossentropy: "binary_crossentropy",
  MeanSquaredError: "mean_squared_error",
  MeanAbsoluteError: "mean_absolute_error",
};
const smoothable = ["CategoricalCrossentropy", "BinaryCrossentropy"];
/** How losses of rows become one: Keras 2 and 3 by default, which is their mean. */
const usualReductions: readonly unknown[] = [undefined, "auto", "sum_over_batch_size"];

/**
 * A loss as Keras writes it: its name, or an object where its targets are smoothed.
 *
 * @throws InvalidArgumentError for smoothed targets of a loss that has none
 */
export function toLossConfig({ loss, labelSmoothing = 0 }: LossConfig): Json {
  if (labelSmoothing === 0) return loss;
  const class_name = smoothable.find((name) => classes[name] === loss);
  if (class_name === undefined || !(labelSmoothing > 0 && labelSmoothing < 1)) {
    throw new InvalidArgumentError(
      `\`compile\` has the \`labelSmoothing\` ${labelSmoothing} with the loss "${loss}": expected 0, or with "categorical_crossentropy" or "binary_crossentropy" a part below 1.`,
    );
  }
  // How losses of rows become one is left to Keras, whose versions have different names for it.
  const config = { name: loss, from_logits: false, label_smoothing: labelSmoothing, axis: -1 };
  return { module: "keras.losses", class_name, config, registered_name: null };
}

/** A loss of a file; undefined where it is more than a {@link LossConfig} can say. */
export function readLossConfig(value: Json | undefined): LossConfig | undefined {
  if (typeof value === "string") return { loss: value };
  if (!isJsonObject(value) || !isJsonObject(value.config) || typeof value.class_name !== "string") return undefined;
  const { class_name, config } = value;
  if (class_name === "function") return typeof config.fn === "string" ? { loss: config.fn } : undefined;
  const loss = classes[class_name];
  const { from_logits = false, axis = -1, reduction, ignore_class = null, label_smoothing = 0 } = config;
  const isPlain = from_logits === false && axis === -1 && ignore_class === null && usualReductions.includes(reduction);
  if (loss === undefined || !isPlain || typeof label_smoothing !== "number") return undefined;
  return { loss, ...(label_smoothing > 0 && { labelSmoothing: label_smoothing }) };
}
