import { UnsupportedError } from "../errors.js";
import type { Activation, Layer, LayerClassName, LayerConfigs, Size2D } from "../network/layer.js";
import { type ConfigReader, configReader, isJsonList, isJsonObject, type JsonObject } from "./config-reader.js";
import type { Json } from "./layer-config.js";

/** Kind and settings of a layer, without its place in a graph. */
export type LayerKind = {
  [C in LayerClassName]: { readonly className: C; readonly config: LayerConfigs[C] };
}[LayerClassName];

const readers: ReadonlyMap<string, (read: ConfigReader) => LayerKind> = new Map([
  ["InputLayer", readInput],
  ["Conv2D", readConv2D],
  ["DepthwiseConv2D", readDepthwiseConv2D],
  ["Dense", readDense],
  ["BatchNormalization", readBatchNormalization],
  ["Activation", (read) => ({ className: "Activation", config: { activation: activation(read) } })],
  ["Softmax", readSoftmax],
  ["ReLU", readReLU],
  ["LeakyReLU", readLeakyReLU],
  ["MaxPooling2D", (read) => ({ className: "MaxPooling2D", config: window2D(read) })],
  ["AveragePooling2D", (read) => ({ className: "AveragePooling2D", config: window2D(read) })],
  ["GlobalAveragePooling2D", (read) => ({ className: "GlobalAveragePooling2D", config: global2D(read) })],
  ["GlobalMaxPooling2D", (read) => ({ className: "GlobalMaxPooling2D", config: global2D(read) })],
  ["ZeroPadding2D", readZeroPadding2D],
  ["Concatenate", readConcatenate],
  ["Add", () => ({ className: "Add", config: {} })],
  ["Flatten", readFlatten],
  ["Reshape", readReshape],
  ["Dropout", (read) => ({ className: "Dropout", config: { rate: read.number("rate") } })],
]);

/**
 * Turns what a Keras 2 or 3 file says of one layer into ours.
 *
 * @throws UnsupportedError naming layer and class, if we do not run the class or one of its settings
 * @throws InvalidModelError if a setting is not of the form that Keras writes
 */
export function readKerasLayer(className: string, name: string, config: JsonObject): LayerKind {
  const plainName = className.replace(/V[12]$/, "");
  const reader = readers.get(plainName);
  if (reader === undefined) {
    throw new UnsupportedError(
      `Layer "${name}" of the Keras model is a ${className}, which cannot be run here. Supported: ${[...readers.keys()].join(", ")}. Cut the model before that layer in Python, or replace the layer.`,
    );
  }
  const read = configReader(className, name, config);
  const dtypes = plainName === "InputLayer" ? ["float32", "uint8"] : ["float32"];
  if (!dtypes.includes(String(dtypeName(read)))) read.unsupported("dtype", dtypes.join(", "));
  // Old Keras writes null for its default, which is channels_last everywhere but on Theano.
  read.word("data_format", ["channels_last"], "channels_last");
  return reader(read);
}

/** Makes a graph's layer of a kind. */
export function placeLayer(kind: LayerKind, name: string, inputs: readonly string[], weightsOf?: string): Layer {
  return { ...kind, name, inputs, ...(weightsOf === undefined ? {} : { weightsOf }) } as Layer;
}

/** Shape of one row that a config declares: Keras 3 says `batch_shape`, Keras 2 `batch_input_shape`. */
export function declaredShape(read: ConfigReader): readonly (number | null)[] | undefined {
  const key = read.get("batch_shape") === undefined ? "batch_input_shape" : "batch_shape";
  const value = read.get(key);
  if (value === undefined || value === null) return undefined;
  const isAxis = (axis: Json): axis is number | null =>
    axis === null || (Number.isSafeInteger(axis) && (axis as number) >= 1);
  if (!isJsonList(value) || value.length < 1) return read.malformed(key, "a list of sizes");
  const row = value.slice(1);
  return row.every(isAxis) ? row : read.malformed(key, "a list of sizes and nulls");
}

function dtypeName(read: ConfigReader): Json {
  const value = read.get("dtype") ?? "float32";
  if (!isJsonObject(value)) return value;
  // A policy as an object: {"class_name": "DTypePolicy", "config": {"name": "float32"}}.
  return isJsonObject(value.config) ? (value.config.name ?? null) : null;
}

const activations = ["linear", "relu", "relu6", "sigmoid", "softmax", "tanh"] as const;

function activation(read: ConfigReader): Activation {
  return read.word("activation", activations, "linear");
}

function readInput(read: ConfigReader): LayerKind {
  if (read.get("sparse") === true) read.unsupported("sparse", "false");
  if (read.get("ragged") === true) read.unsupported("ragged", "false");
  const shape = declaredShape(read) ?? read.malformed("batch_shape", "a list of sizes");
  return { className: "InputLayer", config: { shape, dtype: dtypeName(read) === "uint8" ? "uint8" : "float32" } };
}

function readConv2D(read: ConfigReader): LayerKind {
  return {
    className: "Conv2D",
    config: {
      filters: read.integer("filters"),
      kernelSize: read.size("kernel_size"),
      strides: read.size("strides", [1, 1]),
      padding: read.word("padding", ["valid", "same"], "valid"),
      dilationRate: read.size("dilation_rate", [1, 1]),
      groups: read.integer("groups", 1),
      useBias: read.boolean("use_bias", true),
      activation: activation(read),
    },
  };
}

function readDepthwiseConv2D(read: ConfigReader): LayerKind {
  return {
    className: "DepthwiseConv2D",
    config: {
      depthMultiplier: read.integer("depth_multiplier", 1),
      kernelSize: read.size("kernel_size"),
      strides: read.size("strides", [1, 1]),
      padding: read.word("padding", ["valid", "same"], "valid"),
      dilationRate: read.size("dilation_rate", [1, 1]),
      useBias: read.boolean("use_bias", true),
      activation: activation(read),
    },
  };
}

function readDense(read: ConfigReader): LayerKind {
  return {
    className: "Dense",
    config: { units: read.integer("units"), useBias: read.boolean("use_bias", true), activation: activation(read) },
  };
}

function readBatchNormalization(read: ConfigReader): LayerKind {
  const axis = read.get("axis") ?? -1;
  const [only, ...more] = isJsonList(axis) ? axis : [axis];
  // Whether a positive axis is the last one shows only in the graph: see `normalizedAxis`.
  if (more.length > 0 || !Number.isSafeInteger(only) || only === 0) read.unsupported("axis", "the last axis");
  return {
    className: "BatchNormalization",
    config: {
      epsilon: read.number("epsilon", 1e-3),
      momentum: read.number("momentum", 0.99),
      scale: read.boolean("scale", true),
      center: read.boolean("center", true),
    },
  };
}

/** The axis of a BatchNormalization that Keras counts from the front (the batch is 0); undefined where it is the last. */
export function normalizedAxis(config: JsonObject): number | undefined {
  const axis = config.axis ?? -1;
  const only = isJsonList(axis) ? axis[0] : axis;
  return typeof only === "number" && only !== -1 ? only : undefined;
}

function readSoftmax(read: ConfigReader): LayerKind {
  const axis = read.get("axis") ?? -1;
  if (axis !== -1) read.unsupported("axis", "-1, the last axis");
  return { className: "Activation", config: { activation: "softmax" } };
}

function readReLU(read: ConfigReader): LayerKind {
  const maxValue = read.get("max_value") ?? null;
  if (maxValue !== null && typeof maxValue !== "number") return read.malformed("max_value", "a number or null");
  return {
    className: "ReLU",
    config: { maxValue, negativeSlope: read.number("negative_slope", 0), threshold: read.number("threshold", 0) },
  };
}

function readLeakyReLU(read: ConfigReader): LayerKind {
  // Keras 2 says `alpha`, Keras 3 `negative_slope`; 0.3 is the default of both.
  const negativeSlope =
    read.get("negative_slope") === undefined ? read.number("alpha", 0.3) : read.number("negative_slope");
  return { className: "ReLU", config: { maxValue: null, negativeSlope, threshold: 0 } };
}

function window2D(read: ConfigReader): LayerConfigs["MaxPooling2D"] {
  const poolSize = read.size("pool_size", [2, 2]);
  return {
    poolSize,
    strides: read.size("strides", poolSize),
    padding: read.word("padding", ["valid", "same"], "valid"),
  };
}

function global2D(read: ConfigReader): LayerConfigs["GlobalAveragePooling2D"] {
  return { keepdims: read.boolean("keepdims", false) };
}

function readZeroPadding2D(read: ConfigReader): LayerKind {
  const value = read.get("padding") ?? 1;
  const [vertical = null, horizontal = null, ...more] = isJsonList(value) ? value : [value, value];
  const pair = (axis: Json): Size2D => {
    const [before, after, ...rest] = isJsonList(axis) ? axis : [axis, axis];
    const isCount = (count: Json | undefined): count is number => Number.isSafeInteger(count) && (count as number) >= 0;
    return isCount(before) && isCount(after) && rest.length === 0
      ? [before, after]
      : read.malformed("padding", "an integer, two, or two pairs, none below 0");
  };
  if (more.length > 0) read.malformed("padding", "an integer, two, or two pairs");
  return { className: "ZeroPadding2D", config: { padding: [pair(vertical), pair(horizontal)] } };
}

function readConcatenate(read: ConfigReader): LayerKind {
  const axis = read.number("axis", -1);
  if (!Number.isSafeInteger(axis)) read.malformed("axis", "an integer");
  return { className: "Concatenate", config: { axis } };
}

function readFlatten(): LayerKind {
  return { className: "Flatten", config: {} };
}

function readReshape(read: ConfigReader): LayerKind {
  const value = read.get("target_shape");
  const isAxis = (axis: Json): axis is number => Number.isSafeInteger(axis) && ((axis as number) >= 1 || axis === -1);
  if (!isJsonList(value) || !value.every(isAxis))
    return read.malformed("target_shape", "a list of sizes, at most one -1");
  return { className: "Reshape", config: { targetShape: value } };
}
