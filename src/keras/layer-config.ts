import { UnsupportedError } from "../errors.js";
import { type Activation, activationNames } from "../network/activation.js";
import type { Layer, LayerClassName } from "../network/layer.js";

/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What a Keras file says of one layer, apart from its place in the graph. */
export interface KerasLayer {
  readonly class_name: string;
  /** Where Keras has the class, for a layer that it must read in the way of its newer files. */
  readonly module?: string | undefined;
  readonly config: { readonly [key: string]: Json };
}

type Settings = { readonly [key: string]: Json };

const channelsLast: Settings = { data_format: "channels_last" };

/** What a Keras layer has beside the settings that have ours, or in place of them. */
const others: { readonly [C in LayerClassName]?: Settings | ((layer: Layer<C>) => Settings) } = {
  Conv1D: channelsLast,
  Conv2D: channelsLast,
  DepthwiseConv1D: channelsLast,
  DepthwiseConv2D: channelsLast,
  SeparableConv1D: channelsLast,
  SeparableConv2D: channelsLast,
  Conv1DTranspose: channelsLast,
  Conv2DTranspose: channelsLast,
  BatchNormalization: { axis: -1 },
  GroupNormalization: { axis: -1 },
  LayerNormalization: ({ config }) => ({ axis: one(config.axis) }),
  RMSNormalization: ({ config }) => ({ axis: one(config.axis) }),
  UnitNormalization: ({ config }) => ({ axis: one(config.axis) }),
  Normalization: normalizationSettings,
  MaxPooling1D: channelsLast,
  MaxPooling2D: channelsLast,
  AveragePooling1D: channelsLast,
  AveragePooling2D: channelsLast,
  GlobalAveragePooling1D: channelsLast,
  GlobalAveragePooling2D: channelsLast,
  GlobalMaxPooling1D: channelsLast,
  GlobalMaxPooling2D: channelsLast,
  ZeroPadding2D: channelsLast,
  Cropping2D: channelsLast,
  UpSampling2D: channelsLast,
  Flatten: channelsLast,
  Dropout: { noise_shape: null, seed: null },
  PReLU: ({ config }) => ({ shared_axes: config.sharedAxes.length === 0 ? null : config.sharedAxes }),
};

/** Kinds for which Keras has no class that it finds again by itself, and what is written in their place. */
const unwritable: { readonly [C in LayerClassName]?: string } = {
  CustomScaleLayer: "Keras has this class in one of its applications only. See `withKerasLayers`.",
  LayerScale: "Keras has this class in one of its applications only. See `withKerasLayers`.",
};

/** Penalties on kernels while training. */
export interface KernelPenalty {
  /** l1 * sum(|kernel|). Default 0, none. */
  readonly l1?: number | undefined;
  /** l2 * sum(kernel^2). Default 0, none. */
  readonly l2?: number | undefined;
}

/**
 * Writes a layer as Keras 2 does, which Keras 3 reads too: `batch_input_shape`, dtype by its name, no `groups` on a
 * depthwise convolution (Keras 3 refuses it there).
 *
 * @param penalty on the layer's kernels, as it is trained with
 * @throws UnsupportedError for a layer or an activation that Keras has no name for
 */
export function toKerasLayer(layer: Layer, penalty: KernelPenalty = {}): KerasLayer {
  const { name, className } = layer;
  const dtype = className === "InputLayer" ? layer.config.dtype : "float32";
  if (className === "InputLayer") {
    const { shape } = layer.config;
    const config = { batch_input_shape: [null, ...shape], dtype, sparse: false, ragged: false, name };
    return { class_name: className, config };
  }
  const reason =
    className === "PreprocessInput"
      ? `Keras has no layer for \`preprocess_input\` (mode "${layer.config.mode}"). Save the network without it and call \`preprocess_input\` in Python.`
      : unwritable[className];
  if (reason !== undefined) {
    throw new UnsupportedError(`Cannot write layer "${name}" (${className}) to a Keras file: ${reason}`);
  }
  const shared = { name, trainable: true, dtype };
  if (className === "StochasticDepth") {
    // Keras has this class in one of its applications only. A dropout of whole rows is the same.
    const config = { ...shared, rate: layer.config.dropPathRate, noise_shape: [null, 1, 1, 1], seed: null };
    return { class_name: "Dropout", config };
  }
  if (className === "LeakyReLU" && layer.config.negativeSlope >= 0) {
    // The same function. Keras 2 and 3 call the slope of a LeakyReLU by different names, that of a ReLU by one.
    const config = { ...shared, max_value: null, negative_slope: layer.config.negativeSlope, threshold: 0 };
    return { class_name: "ReLU", config };
  }
  // A ReLU refuses a slope below 0. Keras 3 takes Keras 2's name of it with a warning.
  if (className === "LeakyReLU") {
    return { class_name: className, config: { ...shared, alpha: layer.config.negativeSlope } };
  }
  if (className === "SpatialDropout1D" || className === "SpatialDropout2D") {
    // Keras 3 takes no other settings here.
    return { class_name: className, config: { name, dtype, rate: layer.config.rate } };
  }
  if ("settings" in layer.config)
    return { class_name: className, config: { ...shared, ...kept(className, layer.config.settings) } };
  const more = others[className] as Settings | ((layer: Layer) => Settings) | undefined;
  const config: Settings = {
    ...shared,
    ...kerasSettings(layer),
    ...(typeof more === "function" ? more(layer) : more),
    ...regularizers(className, penalty),
  };
  // Of a layer without a module, Keras 3 drops an `axis` that is not one number (`legacy/saving/saving_utils.py`).
  const isPlain = config.axis === undefined || typeof config.axis === "number";
  return { class_name: className, ...(isPlain ? {} : { module: "keras.layers" }), config };
}

/** Settings of random layers that Keras 2 refuses, with the value that Keras 3 takes where they are missing, as JSON. */
const keras3Defaults: ReadonlyMap<string, string> = new Map([
  ["data_format", '"channels_last"'],
  ["value_range", "[0,255]"],
]);

/** Settings as they stand in a file, without those that say what is so anyway and that Keras 2 refuses. */
function kept(className: LayerClassName, settings: Settings): Settings {
  // Keras 2 has the range of this one, with the same default.
  const drops = (key: string) => key !== "value_range" || className !== "RandomBrightness";
  return Object.fromEntries(
    Object.entries(settings).filter(([key, value]) => !drops(key) || keras3Defaults.get(key) !== JSON.stringify(value)),
  );
}

/** A layer's settings by Keras's names, which are ours with underscores. */
function kerasSettings(layer: Layer): Settings {
  return Object.fromEntries(
    Object.entries(layer.config)
      // Keras 2 has no such setting.
      .filter(([key, value]) => key !== "antialias" || value === true)
      .map(([key, value]): [string, Json] => [
        key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        key === "activation" ? toKerasActivation(layer, value as Activation) : (value as Json),
      ]),
  );
}

function toKerasActivation(layer: Layer, activation: Activation): Json {
  const known = (activationNames as readonly Activation[]).includes(activation) && !ours.has(activation);
  if (known && typeof activation === "string") return activation;
  throw new UnsupportedError(
    `Cannot write layer "${layer.name}" (${layer.className}) to a Keras file: Keras has no name for its activation ${JSON.stringify(activation)}, or another meaning of it in each version. See \`withKerasLayers\`.`,
  );
}

const ours: ReadonlySet<Activation> = new Set<Activation>([
  "gelu_approximate",
  "hard_sigmoid",
  "keras2_hard_sigmoid",
  "sparsemax",
  "keras3_sparsemax",
]);

function normalizationSettings({ name, config }: Layer<"Normalization">): Settings {
  const { axis, mean, variance } = config;
  if (mean !== null && mean.length > 1 && axis.length > 1) {
    throw new UnsupportedError(
      `Cannot write layer "${name}" (Normalization) to a Keras file: its own \`mean\` over ${axis.length} axes. Give it as weights.`,
    );
  }
  return { axis: axis.length === 0 ? null : one(axis), mean, variance };
}

function one(axes: readonly number[]): Json {
  return axes.length === 1 ? (axes[0] as number) : axes;
}

function regularizers(className: LayerClassName, { l1 = 0, l2 = 0 }: KernelPenalty): Settings {
  const regularizer =
    l1 > 0 ? { class_name: "L1L2", config: { l1, l2 } } : l2 > 0 ? { class_name: "L2", config: { l2 } } : null;
  switch (className) {
    case "Dense":
    case "Conv1D":
    case "Conv2D":
    case "Conv1DTranspose":
    case "Conv2DTranspose":
      return { kernel_regularizer: regularizer };
    case "DepthwiseConv1D":
    case "DepthwiseConv2D":
      return { depthwise_regularizer: regularizer };
    case "SeparableConv1D":
    case "SeparableConv2D":
      return { depthwise_regularizer: regularizer, pointwise_regularizer: regularizer };
    default:
      return {};
  }
}
