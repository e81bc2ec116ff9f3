import type { GradientClipping, OptimizerConfig } from "../backends/trainable-backend.js";
import { isJsonList, isJsonObject } from "./config-reader.js";
import type { Json } from "./layer-config.js";
import { type LossConfig, readLossConfig, toLossConfig } from "./loss-config.js";

/** How a saved model is compiled, so that `fit` goes on in Keras. */
export interface CompileConfig extends LossConfig {
  readonly optimizer: OptimizerConfig;
  /** @default none */
  readonly clipping?: GradientClipping | undefined;
  /** Keras's names of metrics. Default `["accuracy"]`. */
  readonly metrics?: readonly string[] | undefined;
}

/** Writes the `training_config` of a legacy Keras file, with every key that some Keras version insists on. */
export function toTrainingConfig(compile: CompileConfig): Json {
  const { class_name, config } = toOptimizer(compile);
  return {
    loss: toLossConfig(compile),
    metrics: compile.metrics ?? ["accuracy"],
    weighted_metrics: null,
    loss_weights: null,
    sample_weight_mode: null,
    optimizer_config: { class_name, config: { name: class_name, ...config } },
  };
}

/** Writes the `compile_config` of a `.keras` file. */
export function toCompileConfig(compile: CompileConfig): Json {
  const { class_name, config } = toOptimizer(compile);
  return {
    optimizer: { module: "keras.optimizers", class_name, config, registered_name: null },
    loss: toLossConfig(compile),
    loss_weights: null,
    metrics: compile.metrics ?? ["accuracy"],
    weighted_metrics: null,
  };
}

interface KerasObject {
  readonly class_name: string;
  readonly config: { readonly [key: string]: Json };
}

function toOptimizer({ optimizer, clipping = {} }: CompileConfig): KerasObject {
  const { class_name, config } = toClass(optimizer);
  const { clipnorm, globalClipnorm, clipvalue } = clipping;
  return {
    class_name,
    config: {
      ...config,
      ...(clipnorm !== undefined && { clipnorm }),
      ...(globalClipnorm !== undefined && { global_clipnorm: globalClipnorm }),
      ...(clipvalue !== undefined && { clipvalue }),
    },
  };
}

function toClass(optimizer: OptimizerConfig): KerasObject {
  const learning_rate = optimizer.learningRate;
  switch (optimizer.name) {
    case "adam": {
      const { beta1, beta2, epsilon } = optimizer;
      return { class_name: "Adam", config: { learning_rate, beta_1: beta1, beta_2: beta2, epsilon, amsgrad: false } };
    }
    case "adamw": {
      const { beta1, beta2, epsilon, weightDecay: weight_decay } = optimizer;
      const config = { learning_rate, weight_decay, beta_1: beta1, beta_2: beta2, epsilon, amsgrad: false };
      return { class_name: "AdamW", config };
    }
    case "sgd": {
      const { momentum, nesterov } = optimizer;
      return { class_name: "SGD", config: { learning_rate, momentum, nesterov } };
    }
    case "rmsprop": {
      const { rho, momentum, epsilon, centered } = optimizer;
      return { class_name: "RMSprop", config: { learning_rate, rho, momentum, epsilon, centered } };
    }
  }
}

/**
 * How a model was compiled, from the `training_config` of a legacy file or the `compile_config` of a `.keras` one.
 * Undefined where that is more than a {@link CompileConfig} can say: losses of one's own or several of them, a schedule of
 * learning rates, another optimizer, weight decay of another than Adam. Of metrics only those that have a name are kept.
 */
export function readCompileConfig(training: Json | undefined): CompileConfig | undefined {
  if (!isJsonObject(training)) return undefined;
  const optimizer = readOptimizer(training.optimizer_config ?? training.optimizer);
  const loss = readLossConfig(training.loss);
  if (optimizer === undefined || loss === undefined) return undefined;
  const metrics = isJsonList(training.metrics) ? training.metrics : [];
  // Keras 2 wraps the list of a model's only output into another list.
  const names = (metrics.length === 1 && isJsonList(metrics[0]) ? metrics[0] : metrics).map(readName);
  const clipping = readClipping(training.optimizer_config ?? training.optimizer);
  return { ...loss, optimizer, ...(clipping && { clipping }), metrics: names.filter((name) => name !== undefined) };
}

/** The name of a metric; of one as an object, that in its config. */
function readName(value: Json | undefined): string | undefined {
  if (typeof value === "string") return value;
  if (!isJsonObject(value) || !isJsonObject(value.config)) return undefined;
  const { name, fn } = value.config;
  // A function of Keras by its name: {"class_name": "MeanMetricWrapper", "config": {"name": "accuracy", "fn": ...}}.
  if (value.class_name === "MeanMetricWrapper" && typeof name === "string") return name;
  return value.class_name === "function" && typeof fn === "string" ? fn : undefined;
}

function readClipping(value: Json | undefined): GradientClipping | undefined {
  const config = isJsonObject(value) && isJsonObject(value.config) ? value.config : {};
  const { clipnorm, global_clipnorm: globalClipnorm, clipvalue } = config;
  const clipping = Object.entries({ clipnorm, globalClipnorm, clipvalue }).filter(([, limit]) => isLimit(limit));
  return clipping.length === 0 ? undefined : Object.fromEntries(clipping);
}

/** Keras clips neither where the limit is null nor where it is 0. */
function isLimit(limit: Json | undefined): limit is number {
  return typeof limit === "number" && limit > 0;
}

function readOptimizer(value: Json | undefined): OptimizerConfig | undefined {
  if (!isJsonObject(value) || !isJsonObject(value.config) || typeof value.class_name !== "string") return undefined;
  const { config } = value;
  // Late versions of Keras 2 write their own optimizers as custom ones.
  const className = value.class_name.replace(/^Custom>/, "");
  if (config.amsgrad === true || (config.decay ?? 0) !== 0) return undefined;
  const weightDecay = config.weight_decay ?? null;
  const isAdam = className === "Adam" || className === "AdamW";
  if (weightDecay !== null && !(isAdam && typeof weightDecay === "number")) return undefined;
  const number = (name: string, fallback: number): number =>
    typeof config[name] === "number" ? (config[name] as number) : fallback;
  const learningRate = config.learning_rate ?? config.lr;
  if (typeof learningRate !== "number") return undefined;
  switch (className) {
    case "Adam":
    case "AdamW": {
      const adam = {
        learningRate,
        beta1: number("beta_1", 0.9),
        beta2: number("beta_2", 0.999),
        epsilon: number("epsilon", 1e-7),
      };
      return weightDecay === null ? { name: "adam", ...adam } : { name: "adamw", ...adam, weightDecay };
    }
    case "SGD":
      return { name: "sgd", learningRate, momentum: number("momentum", 0), nesterov: config.nesterov === true };
    case "RMSprop":
      return {
        name: "rmsprop",
        learningRate,
        rho: number("rho", 0.9),
        momentum: number("momentum", 0),
        epsilon: number("epsilon", 1e-7),
        centered: config.centered === true,
      };
    default:
      return undefined;
  }
}
