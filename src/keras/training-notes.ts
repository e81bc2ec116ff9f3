import { weightShapes } from "../network/weight-shapes.js";
import { isJsonObject, type JsonObject } from "./config-reader.js";
import type { Json } from "./layer-config.js";
import type { FlatModel } from "./read-topology.js";
import { type CompileConfig, readCompileConfig } from "./training-config.js";

/** How a model was trained, as far as its file tells. */
export interface TrainingNotes {
  /** How it was compiled, where that can be said simply. */
  readonly compile?: CompileConfig | undefined;
  /** L1 penalty on the kernels while training: 0 if there is none, undefined if kernels differ or have another penalty. */
  readonly l1?: number | undefined;
  /** L2 penalty on the kernels while training: 0 if there is none, undefined if kernels differ or have another penalty. */
  readonly l2?: number | undefined;
  /** Layers whose weights stand still while training. */
  readonly frozen: readonly string[];
}

/** Finds in a model's config, and in how it was compiled, how it was trained. */
export function trainingNotes({ origins, topology, composed }: FlatModel, training: Json | undefined): TrainingNotes {
  const weighted = weightShapes(topology);
  const common = commonPenalty(origins.map(({ entry }) => entry.config));
  const isOwn = [...composed.values()].some((layer) => layer.isOwn);
  const isNone = common?.l1 === 0 && common.l2 === 0;
  return {
    // What a custom layer puts on its kernels is not known.
    ...(isOwn && !isNone ? undefined : common),
    compile: readCompileConfig(training),
    frozen: origins
      .filter(({ trainable }) => !trainable)
      .flatMap(({ name }) => composed.get(name)?.layers.map((part) => part.name) ?? [name])
      .filter((name) => weighted.has(name)),
  };
}

function commonPenalty(configs: readonly JsonObject[]): { readonly l1: number; readonly l2: number } | undefined {
  const kernels = configs.filter((config) => "units" in config || "kernel_size" in config);
  const penalties = kernels.map(penaltyOf);
  const others = configs.some((config) => (config.bias_regularizer ?? config.activity_regularizer ?? null) !== null);
  const first = penalties.length === 0 ? { l1: 0, l2: 0 } : penalties[0];
  const same = penalties.every((penalty) => penalty?.l1 === first?.l1 && penalty?.l2 === first?.l2);
  return same && !others ? first : undefined;
}

/** Strengths of the penalties on a layer's kernel, 0 for none, undefined for another kind. */
function penaltyOf(config: JsonObject): { readonly l1: number; readonly l2: number } | undefined {
  const regularizer = config.depthwise_regularizer ?? config.kernel_regularizer ?? null;
  if (regularizer === null) return { l1: 0, l2: 0 };
  if (!isJsonObject(regularizer) || !isJsonObject(regularizer.config)) return undefined;
  const { l1 = 0, l2 = 0 } = regularizer.config;
  if (!["L1", "L2", "L1L2"].includes(String(regularizer.class_name))) return undefined;
  return typeof l1 === "number" && typeof l2 === "number" ? { l1, l2 } : undefined;
}
