import type { NormalizationConfigs } from "../../network/layers/normalization.js";
import type { ConfigReader } from "../config-reader.js";
import type { KindReaders } from "./kind-reader.js";
import { axes, numbers, plainNumber } from "./settings.js";

export const normalizationReaders: KindReaders<NormalizationConfigs> = {
  BatchNormalization(read) {
    requireLastAxis(read);
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
    requireLastAxis(read);
    return { groups: read.number("groups", 32), epsilon: read.number("epsilon", 1e-3), ...scaleAndCenter(read) };
  },
  RMSNormalization: (read) => ({ axis: axes(read, "axis", [-1]), epsilon: read.number("epsilon", 1e-6) }),
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

/** One other axis is moved to the end before a layer is read: see `laidOut`. */
function requireLastAxis(read: ConfigReader): void {
  const [axis, ...more] = axes(read, "axis", [-1]);
  if (axis !== -1 || more.length > 0) read.unsupported("axis", "one axis");
}

function scaleAndCenter(read: ConfigReader) {
  return { scale: read.boolean("scale", true), center: read.boolean("center", true) };
}

function oneOrMore(values: readonly number[]): number | readonly number[] {
  return values.length === 1 ? (values[0] as number) : values;
}
