import type { OptimizerConfig } from "../backends/trainable-backend.js";
import { InvalidArgumentError } from "../errors.js";
import { checkOneOf, describeValue } from "../options/check-option.js";

type Settings<O> = O extends OptimizerConfig ? Pick<O, "name"> & Partial<Omit<O, "name">> : never;

/**
 * An optimizer by its name, or with settings that differ from Keras's defaults, such as
 * `{ name: "sgd", momentum: 0.9, nesterov: true }`.
 */
export type OptimizerOptions = OptimizerConfig["name"] | Settings<OptimizerConfig>;

/** Keras's defaults. */
const defaults: { readonly [N in OptimizerConfig["name"]]: Extract<OptimizerConfig, { readonly name: N }> } = {
  sgd: { name: "sgd", learningRate: 0.01, momentum: 0, nesterov: false },
  rmsprop: { name: "rmsprop", learningRate: 1e-3, rho: 0.9, momentum: 0, epsilon: 1e-7, centered: false },
  adam: { name: "adam", learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
  adamw: { name: "adamw", learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.004 },
};

/**
 * An optimizer with all of its settings.
 *
 * @param learningRate instead of that of the optimizer
 * @throws InvalidArgumentError for an unknown optimizer or setting, or two learning rates
 */
export function resolveOptimizer(options: OptimizerOptions = "adam", learningRate?: number): OptimizerConfig {
  const given: { readonly name: OptimizerConfig["name"]; readonly learningRate?: number } =
    typeof options === "string" ? { name: options } : options;
  if (typeof given !== "object" || given === null) {
    throw new InvalidArgumentError(
      `\`optimizer\` is ${describeValue(given)}: expected a name, such as "adam", or { name: "sgd", momentum: 0.9 }.`,
    );
  }
  checkOneOf("optimizer", given.name, ["sgd", "rmsprop", "adam", "adamw"]);
  const base = defaults[given.name];
  const settings = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const unknown = Object.keys(settings).find((key) => !(key in base));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(
      `\`optimizer\` has a setting \`${unknown}\`, which "${given.name}" has not: expected ${Object.keys(base).join(", ")}.`,
    );
  }
  if (learningRate !== undefined && given.learningRate !== undefined) {
    throw new InvalidArgumentError(
      "`learningRate` and `optimizer.learningRate` were both given: expected one of them.",
    );
  }
  return checkRate({
    ...base,
    ...settings,
    ...(learningRate === undefined ? {} : { learningRate }),
  } as OptimizerConfig);
}

function checkRate(optimizer: OptimizerConfig): OptimizerConfig {
  const { learningRate } = optimizer;
  if (learningRate > 0 && Number.isFinite(learningRate)) return optimizer;
  throw new InvalidArgumentError(
    `\`learningRate\` is ${describeValue(learningRate)}: expected a number above 0, such as 0.001.`,
  );
}
