import { UnsupportedError } from "../errors.js";
import { isJsonList, isJsonObject, type JsonObject, show } from "./config-reader.js";
import type { Json } from "./layer-config.js";

/** A layer by class and config. */
interface ClassAndConfig {
  readonly className: string;
  readonly config: JsonObject;
}

/** Classes of Keras 1 that have another name later. */
export const keras1Classes: ReadonlyMap<string, string> = new Map([
  ["Convolution1D", "Conv1D"],
  ["Convolution2D", "Conv2D"],
  ["AtrousConvolution2D", "Conv2D"],
  ["SeparableConvolution2D", "SeparableConv2D"],
]);

/** What the modes of Keras 1's Merge are later. */
export const mergeClasses: ReadonlyMap<string, string> = new Map([
  ["sum", "Add"],
  ["mul", "Multiply"],
  ["ave", "Average"],
  ["max", "Maximum"],
  ["concat", "Concatenate"],
]);

/** Settings that Keras 2 has under another name and else the same. */
const settings: ReadonlyMap<string, string> = new Map([
  ["nb_filter", "filters"],
  ["filter_length", "kernel_size"],
  ["border_mode", "padding"],
  ["subsample", "strides"],
  ["subsample_length", "strides"],
  ["atrous_rate", "dilation_rate"],
  ["pool_length", "pool_size"],
  ["stride", "strides"],
  ["bias", "use_bias"],
  ["output_dim", "units"],
  ["p", "rate"],
  ["sigma", "stddev"],
  ["length", "size"],
  ["input_dtype", "dtype"],
  ["W_regularizer", "kernel_regularizer"],
  ["b_regularizer", "bias_regularizer"],
]);

/** Settings that tell Keras 1 from Keras 2, with those that become another form. */
const old: ReadonlySet<string> = new Set([...settings.keys(), "nb_row", "nb_col", "dim_ordering", "concat_axis"]);

/**
 * A layer of Keras 1 as Keras 2 would write it; one of Keras 2 or 3 as it is.
 *
 * Source: `get_config` of the layers of Keras 1.2.2, and `keras.legacy` of Keras 2.
 *
 * @throws UnsupportedError for what later versions do not have
 */
export function modernLayer(className: string, name: string, config: JsonObject): ClassAndConfig {
  const isOld =
    keras1Classes.has(className) || className === "Merge" || Object.keys(config).some((key) => old.has(key));
  const refuse = (key: string): never => {
    throw new UnsupportedError(
      `Layer "${name}" (${className}) of the Keras model has \`${key}\` ${show(config[key])}, which Keras 2 and 3 do not have and which cannot be run here.`,
    );
  };
  if (className === "BatchNormalization" && config.mode !== undefined) {
    if (config.mode !== 0) refuse("mode");
    return { className, config };
  }
  if (!isOld) return { className, config };
  if (className === "Merge") {
    const merged = mergeClasses.get(String(config.mode));
    if (merged === undefined) return refuse("mode");
    return { className: merged, config: { name, axis: config.concat_axis ?? -1 } };
  }
  const entries = Object.entries(config).map(([key, value]): [string, Json] => {
    if (key === "dim_ordering") return ["data_format", value === "th" ? "channels_first" : "channels_last"];
    // The length of a one-dimensional enlarging; elsewhere there is no such setting.
    return [settings.get(key) ?? key, key === "W_regularizer" || key === "b_regularizer" ? penalty(value) : value];
  });
  const modern: { [key: string]: Json } = Object.fromEntries(entries);
  const { nb_row: rows, nb_col: columns, padding } = modern;
  if (rows !== undefined && columns !== undefined) modern.kernel_size = [rows, columns];
  if (className === "ZeroPadding2D" && isJsonList(padding) && padding.length === 4) {
    const [top = 0, bottom = 0, left = 0, right = 0] = padding;
    modern.padding = [
      [top, bottom],
      [left, right],
    ];
  }
  return { className: keras1Classes.get(className) ?? className, config: modern };
}

function penalty(value: Json): Json {
  if (!isJsonObject(value)) return value;
  return { class_name: "L1L2", config: { l1: value.l1 ?? 0, l2: value.l2 ?? 0 } };
}
