import { weightShapes } from "../network/weight-shapes.js";
import { isJsonObject, type JsonObject } from "./config-reader.js";
import type { Json } from "./layer-config.js";
import type { FlatModel } from "./read-topology.js";
import { type CompileConfig, readCompileConfig } from "./training-config.js";

/** How a model was trained, as far as its file tells. */
export interface TrainingNotes {
  /** How it was compiled, where that can be said simply. */
  readonly compile?: CompileConfig | undefined;
  /** L2 penalty on the kernels while training: 0 if there is none, undefined if kernels differ or have another penalty. */
  readonly l2?: number | undefined;
  /** Layers whose weights stand still while training. */
  readonly frozen: readonly string[];
}

/** Finds in a model's config, and in how it was compiled, how it was trained. */
export function trainingNotes({ origins, topology, composed }: FlatModel, training: Json | undefined): TrainingNotes {
  const weighted = weightShapes(topology);
  const l2 = commonPenalty(origins.map(({ entry }) => entry.config));
  return {
    // What a custom layer puts on its kernels is not known.
    l2: l2 !== 0 && [...composed.values()].some(({ isOwn }) => isOwn) ? undefined : l2,
    compile: readCompileConfig(training),
    frozen: origins
      .filter(({ trainable }) => !trainable)
      .flatMap(({ name }) => composed.get(name)?.layers.map((part) => part.name) ?? [name])
      .filter((name) => weighted.has(name)),
  };
}

function commonPenalty(configs: readonly JsonObject[]): number | undefined {
  const kernels = configs.filter((config) => "units" in config || "kernel_size" in config);
  const penalties = new Set(kernels.map((config) => penaltyOf(config)));
  const others = configs.some((config) => (config.bias_regularizer ?? config.activity_regularizer ?? null) !== null);
  return penalties.size > 1 || others ? undefined : penalties.size === 0 ? 0 : [...penalties][0];
}

/** Strength of an L2 penalty on a layer's kernel, 0 for none, undefined for another kind. */
function penaltyOf(config: JsonObject): number | undefined {
  const regularizer = config.depthwise_regularizer ?? config.kernel_regularizer ?? null;
  if (regularizer === null) return 0;
  if (!isJsonObject(regularizer) || !isJsonObject(regularizer.config)) return undefined;
  const { l1 = 0, l2 = 0 } = regularizer.config;
  return typeof l2 === "number" && l1 === 0 ? l2 : undefined;
}
