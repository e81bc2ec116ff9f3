import type { OptimizerConfig } from "../trainable-backend.js";
import { adamRule, adamWRule } from "./adam.js";
import { rmspropRule } from "./rmsprop.js";
import { sgdRule } from "./sgd.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";

/** A trained weight, and what its optimizer keeps about it. */
export interface WeightState {
  readonly value: Tensor;
  /** In the order of the rule's `slots`. */
  readonly slots: readonly Tensor[];
}

/** What may differ from step to step. */
export interface StepSettings {
  /** That of this weight. */
  readonly learningRate: number;
  /** 1 for the first step. */
  readonly step: number;
}

/** How an optimizer steps. */
export interface OptimizerRule {
  /** Keras's names of the running values, each of the weight's shape and 0 at first. */
  readonly slots: readonly string[];
  /** Greatest number of tensors of the weight's shape that a step holds beside the old values, the new ones and the gradient. */
  readonly intermediates: number;
  /**
   * One step on one weight. Returns new tensors, and holds no more of the intermediate ones at a time than it needs, as
   * each is as large as the weight. Frees none of its arguments.
   */
  next(tf: Tfjs, weight: WeightState, gradient: Tensor, settings: StepSettings): WeightState;
}

/** The rule of an optimizer. */
export function optimizerRule(config: OptimizerConfig): OptimizerRule {
  switch (config.name) {
    case "sgd":
      return sgdRule(config);
    case "rmsprop":
      return rmspropRule(config);
    case "adam":
      return adamRule(config);
    case "adamw":
      return adamWRule(config);
  }
}
