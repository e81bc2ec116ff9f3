import { type Activation, activationNames } from "../../network/activation.js";
import type { ActivationConfigs } from "../../network/layers/activation.js";
import { type ConfigReader, isJsonObject } from "../config-reader.js";
import type { Json } from "../layer-config.js";
import type { KerasDialect, KindReaders } from "./kind-reader.js";
import { axes, plainNumber } from "./settings.js";

/** Slope of Keras's `leaky_relu` function. */
const functionSlope = 0.2;

/** Other names of the same functions. `gelu_new` is of TensorFlow.js. */
const synonyms: ReadonlyMap<string, Activation> = new Map<string, Activation>([
  ["swish", "silu"],
  ["hard_swish", "hard_silu"],
  ["celu", "elu"],
  ["gelu_new", "gelu_approximate"],
  ["leaky_relu", { name: "leaky_relu", negativeSlope: functionSlope }],
]);

const ours: ReadonlySet<string> = new Set(["gelu_approximate", "keras2_hard_sigmoid", "keras3_sparsemax"]);

const inFiles = [...activationNames.filter((name) => !ours.has(name)), ...synonyms.keys()];

/** The activation of a layer: by name, as a serialized function, or as a layer that takes its place. */
export function activation(read: ConfigReader, dialect: KerasDialect): Activation {
  return named(read.get("activation") ?? "linear", dialect) ?? read.unsupported("activation", inFiles.join(", "));
}

function named(value: Json, dialect: KerasDialect, depth = 0): Activation | undefined {
  if (isJsonObject(value)) return depth < 4 ? fromObject(value, dialect, depth) : undefined;
  if (typeof value !== "string") return undefined;
  if (value === "hard_sigmoid" && dialect.keras2) return "keras2_hard_sigmoid";
  if (value === "sparsemax" && dialect.before316) return "keras3_sparsemax";
  const synonym = synonyms.get(value);
  if (synonym !== undefined) return synonym;
  return ours.has(value) ? undefined : activationNames.find((name) => name === value);
}

function fromObject(
  { class_name: className, config, registered_name: registered }: { readonly [key: string]: Json },
  dialect: KerasDialect,
  depth: number,
): Activation | undefined {
  // A function of the user's own has its own registered name, in which a package stands first.
  if (className === "function") {
    return typeof registered === "string" && registered.includes(">")
      ? undefined
      : named(config ?? null, dialect, depth + 1);
  }
  const settings = isJsonObject(config) ? config : {};
  const is = (key: string, ...allowed: readonly (Json | undefined)[]) => allowed.includes(settings[key]);
  switch (className) {
    case "Activation":
      return named(settings.activation ?? null, dialect, depth + 1);
    case "LeakyReLU": {
      const slope = settings.negative_slope ?? settings.alpha ?? 0.3;
      return typeof slope === "number" ? { name: "leaky_relu", negativeSlope: slope } : undefined;
    }
    case "ReLU":
      if (!is("threshold", undefined, 0) || !is("negative_slope", undefined, null, 0)) return undefined;
      if (is("max_value", undefined, null)) return "relu";
      return is("max_value", 6) ? "relu6" : undefined;
    case "ELU":
      return is("alpha", undefined, 1) ? "elu" : undefined;
    case "Softmax":
      return is("axis", undefined, -1) ? "softmax" : undefined;
    default:
      return undefined;
  }
}

export const activationReaders: KindReaders<ActivationConfigs> = {
  Activation: (read, dialect) => ({ activation: activation(read, dialect) }),
  Softmax(read) {
    const [axis, ...more] = axes(read, "axis", [-1]);
    return axis === undefined || more.length > 0 ? read.malformed("axis", "an integer") : { axis };
  },
  ReLU: (read) => ({
    maxValue:
      read.get("max_value") === null || read.get("max_value") === undefined ? null : plainNumber(read, "max_value"),
    negativeSlope: plainNumber(read, "negative_slope", 0),
    threshold: plainNumber(read, "threshold", 0),
  }),
  // Keras 2 says `alpha`, Keras 3 `negative_slope`; 0.3 is the default of both.
  LeakyReLU: (read) => ({
    negativeSlope:
      read.get("negative_slope") === undefined ? plainNumber(read, "alpha", 0.3) : plainNumber(read, "negative_slope"),
  }),
  ELU: (read) => ({ alpha: plainNumber(read, "alpha", 1) }),
  PReLU: (read) => ({ sharedAxes: axes(read, "shared_axes", []) }),
};

/** Of Keras 1 and 2: x where it is greater than theta, else 0. The same as ReLU with a threshold. */
export function readThresholdedReLU(read: ConfigReader): ActivationConfigs["ReLU"] {
  return { maxValue: null, negativeSlope: 0, threshold: plainNumber(read, "theta", 1) };
}
