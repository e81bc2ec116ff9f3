import type { OptimizerConfig } from "../trainable-backend.js";
import { adamStepSize } from "./adam-step-size.js";

/** How an optimizer's kernel is called. */
export interface OptimizerUpdate {
  readonly kernel: "sgd" | "rmsprop" | "adam";
  /**
   * Keras's names of the running values in the order in which the kernel takes them, each of the weight's shape and 0 at
   * first; undefined for what this optimizer does not keep.
   */
  readonly kernelSlots: readonly (string | undefined)[];
  /** The names of the running values that it keeps. */
  readonly slots: readonly string[];
  /** What the kernel takes behind the addresses. */
  numbers(settings: UpdateSettings): readonly number[];
}

/** What may differ from step to step. */
export interface UpdateSettings {
  /** That of the weight. */
  readonly learningRate: number;
  /** 1 for the first step. */
  readonly step: number;
}

/** The update that an optimizer makes. */
export function optimizerUpdate(config: OptimizerConfig): OptimizerUpdate {
  switch (config.name) {
    case "sgd": {
      const { momentum, nesterov } = config;
      return update("sgd", [momentum === 0 ? undefined : "momentum"], ({ learningRate }) => [
        learningRate,
        momentum,
        nesterov ? 1 : 0,
      ]);
    }
    case "rmsprop": {
      const { rho, momentum, epsilon, centered } = config;
      return update(
        "rmsprop",
        ["velocity", momentum === 0 ? undefined : "momentum", centered ? "average_gradient" : undefined],
        ({ learningRate }) => [learningRate, rho, 1 - rho, epsilon, momentum],
      );
    }
    case "adam":
    case "adamw": {
      const { beta1, beta2, epsilon } = config;
      const weightDecay = config.name === "adamw" ? config.weightDecay : 0;
      return update("adam", ["momentum", "velocity"], (settings) => [
        adamStepSize(config, settings),
        1 - beta1,
        1 - beta2,
        epsilon,
        settings.learningRate * weightDecay,
      ]);
    }
  }
}

function update(
  kernel: OptimizerUpdate["kernel"],
  kernelSlots: OptimizerUpdate["kernelSlots"],
  numbers: OptimizerUpdate["numbers"],
): OptimizerUpdate {
  return { kernel, kernelSlots, slots: kernelSlots.filter((slot) => slot !== undefined), numbers };
}
