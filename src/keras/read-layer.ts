import { UnsupportedError } from "../errors.js";
import type { Layer, LayerClassName, LayerConfigs } from "../network/layer.js";
import type { InputConfigs } from "../network/layers/input.js";
import { type ConfigReader, configReader, isJsonList, isJsonObject, type JsonObject } from "./config-reader.js";
import { isBefore } from "./keras-version.js";
import type { Json } from "./layer-config.js";
import { activation, activationReaders, readThresholdedReLU } from "./layers/activation.js";
import { convolutionReaders } from "./layers/convolution.js";
import type { KerasDialect, KindReaders } from "./layers/kind-reader.js";
import { mergingReaders } from "./layers/merging.js";
import { normalizationReaders } from "./layers/normalization.js";
import { poolingReaders } from "./layers/pooling.js";
import { augmentationReaders, regularizationReaders } from "./layers/regularization.js";
import { resizingReaders } from "./layers/resizing.js";
import { shapeReaders } from "./layers/shape.js";

/** Kind and settings of a layer, without its place in a graph. */
export type LayerKind = {
  [C in LayerClassName]: { readonly className: C; readonly config: LayerConfigs[C] };
}[LayerClassName];

const readers: KindReaders<Omit<LayerConfigs, "PreprocessInput">> = {
  InputLayer: readInput,
  ...convolutionReaders,
  Dense: (read, dialect) => ({
    units: read.integer("units"),
    useBias: read.boolean("use_bias", true),
    activation: activation(read, dialect),
  }),
  ...normalizationReaders,
  ...activationReaders,
  ...poolingReaders,
  ...resizingReaders,
  ...mergingReaders,
  ...shapeReaders,
  ...regularizationReaders,
  ...augmentationReaders,
};

/** Classes of Keras that can be read, in the order of their families. */
export const readableClasses: readonly string[] = [
  ...Object.keys(readers),
  "ThresholdedReLU",
  "AdaptiveAveragePooling1D",
  "AdaptiveAveragePooling2D",
  "AdaptiveMaxPooling1D",
  "AdaptiveMaxPooling2D",
];

/**
 * Turns what a Keras 2 or 3 file says of one layer into ours.
 *
 * @param kerasVersion version that wrote it, such as `2.15.0`; undefined if it is not known, which is read as Keras 3
 * @throws UnsupportedError naming layer and class, if we do not run the class or one of its settings
 * @throws InvalidModelError if a setting is not of the form that Keras writes
 */
export function readKerasLayer(
  className: string,
  name: string,
  config: JsonObject,
  kerasVersion?: string | undefined,
): LayerKind {
  const plainName = plainClassName(className);
  const read = configReader(className, name, config);
  if (plainName === "ThresholdedReLU") {
    checkForm(plainName, read);
    return { className: "ReLU", config: readThresholdedReLU(read) };
  }
  if (!Object.hasOwn(readers, plainName)) {
    throw new UnsupportedError(
      `Layer "${name}" of the Keras model is a ${className}, which cannot be run here. Supported: ${readableClasses.join(", ")}. Say with \`customLayers\` what it computes, cut the model before that layer in Python, or replace the layer.`,
    );
  }
  checkForm(plainName, read);
  const dialect: KerasDialect = {
    keras2: kerasVersion !== undefined && isBefore(kerasVersion, 3, 0),
    before316: kerasVersion === undefined || isBefore(kerasVersion, 3, 16),
  };
  const reader = readers[plainName as keyof typeof readers] as (read: ConfigReader, dialect: KerasDialect) => unknown;
  return { className: plainName, config: reader(read, dialect) } as LayerKind;
}

/** Without what versions of TensorFlow put behind or before a class's name: `BatchNormalizationV1`, `Custom>LayerScale`. */
export function plainClassName(className: string): string {
  const plain = className.replace(/^.*>/, "").replace(/V[12]$/, "");
  return plain === "SyncBatchNormalization" ? "BatchNormalization" : plain;
}

/** Checks what concerns every kind of layer. */
function checkForm(className: string, read: ConfigReader): void {
  const pixels = className === "InputLayer" || className.startsWith("Random");
  const dtypes = pixels ? ["float32", "uint8"] : ["float32"];
  if (!dtypes.includes(String(dtypeName(read)))) read.unsupported("dtype", dtypes.join(", "));
  // Old Keras writes null for its default, which is channels_last everywhere but on Theano.
  read.word("data_format", ["channels_last"], "channels_last");
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

function readInput(read: ConfigReader): InputConfigs["InputLayer"] {
  if (read.get("sparse") === true) read.unsupported("sparse", "false");
  if (read.get("ragged") === true) read.unsupported("ragged", "false");
  const shape = declaredShape(read) ?? read.malformed("batch_shape", "a list of sizes");
  return { shape, dtype: dtypeName(read) === "uint8" ? "uint8" : "float32" };
}
