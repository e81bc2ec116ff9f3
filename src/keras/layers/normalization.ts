import type { NormalizationConfigs } from "../../network/layers/normalization.js";
import { type ConfigReader, isJsonList, type JsonObject } from "../config-reader.js";
import type { KindReaders } from "./kind-reader.js";
import { axes, numbers, plainNumber } from "./settings.js";

export const normalizationReaders: KindReaders<NormalizationConfigs> = {
  BatchNormalization(read) {
    const axis = read.get("axis") ?? -1;
    const [only, ...more] = isJsonList(axis) ? axis : [axis];
    // Whether a positive axis is the last one shows only in the graph: see `normalizedAxis`.
    if (more.length > 0 || !Number.isSafeInteger(only) || only === 0) read.unsupported("axis", "the last axis");
    return {
      epsilon: read.number("epsilon", 1e-3),
      momentum: read.number("momentum", 0.99),
      ...scaleAndCenter(read),
    };
  },
  LayerNormalization(read) {
    if (read.get("rms_scaling") === true) read.unsupported("rms_scaling", "false");
    return { axis: axes(read, "axis", [-1]), epsilon: read.number("epsilon", 1e-3), ...scaleAndCenter(read) };
  },
  GroupNormalization(read) {
    const [axis, ...more] = axes(read, "axis", [-1]);
    if (axis !== -1 || more.length > 0) read.unsupported("axis", "-1, the last axis");
    return { groups: read.number("groups", 32), epsilon: read.number("epsilon", 1e-3), ...scaleAndCenter(read) };
  },
  UnitNormalization: (read) => ({ axis: axes(read, "axis", [-1]) }),
  Rescaling: (read) => ({
    scale: oneOrMore(numbers(read, "scale", read.get("scale"))),
    offset: oneOrMore(numbers(read, "offset", read.get("offset") ?? 0)),
  }),
  Normalization(read) {
    const statistic = (key: "mean" | "variance") =>
      (read.get(key) ?? null) === null ? null : numbers(read, key, read.get(key));
    return {
      axis: read.get("axis") === null ? [] : axes(read, "axis", [-1]),
      mean: statistic("mean"),
      variance: statistic("variance"),
      invert: read.boolean("invert", false),
    };
  },
  LayerScale: (read) => ({
    initValues: plainNumber(read, "init_values"),
    projectionDim: read.integer("projection_dim"),
  }),
};

/** The axis of a BatchNormalization that Keras counts from the front (the batch is 0); undefined where it is the last. */
export function normalizedAxis(config: JsonObject): number | undefined {
  const axis = config.axis ?? -1;
  const only = isJsonList(axis) ? axis[0] : axis;
  return typeof only === "number" && only !== -1 ? only : undefined;
}

function scaleAndCenter(read: ConfigReader) {
  return { scale: read.boolean("scale", true), center: read.boolean("center", true) };
}

function oneOrMore(values: readonly number[]): number | readonly number[] {
  return values.length === 1 ? (values[0] as number) : values;
}
