import type { OptimizerConfig } from "../../trainable-backend.js";
import { adamStepSize } from "../../training/adam-step-size.js";
import type { GraphWriter } from "./graph-writer.js";

/** Numbers of a step that the weights of one learning rate share. */
export type RateName = "learning_rate" | "step_size";

/** A weight's tensors before or after a step. */
export interface WeightNodes {
  readonly value: string;
  /** In the order of the rule's `slots`. */
  readonly slots: readonly string[];
}

/** How an optimizer steps, as nodes of a graph. Formulas and order of computation are those of `keras.optimizers`. */
export interface OptimizerNodes {
  /** Keras's names of the running values, each of the weight's shape and 0 at first. */
  readonly slots: readonly string[];
  readonly rates: readonly RateName[];
  /** Adds one step on one weight. */
  next(w: GraphWriter, weight: WeightNodes, gradient: string, rate: (name: RateName) => string): WeightNodes;
}

/** The rule of an optimizer. */
export function optimizerNodes(config: OptimizerConfig): OptimizerNodes {
  switch (config.name) {
    case "sgd":
      return sgd(config);
    case "rmsprop":
      return rmsprop(config);
    case "adam":
      return adam(config);
    case "adamw":
      return adamW(config);
  }
}

/**
 * A number of a step.
 *
 * @param step 1 for the first
 */
export function rateOf(name: RateName, config: OptimizerConfig, learningRate: number, step: number): number {
  if (name === "learning_rate" || !("beta1" in config)) return learningRate;
  return adamStepSize(config, { learningRate, step });
}

type ConfigOf<Name> = Extract<OptimizerConfig, { readonly name: Name }>;

function sgd({ momentum, nesterov }: ConfigOf<"sgd">): OptimizerNodes {
  return {
    slots: momentum === 0 ? [] : ["momentum"],
    rates: ["learning_rate"],
    next(w, { value, slots: [moving] }, gradient, rate) {
      const change = w.node("Mul", [gradient, rate("learning_rate")]);
      if (moving === undefined) return { value: w.node("Sub", [value, change]), slots: [] };
      const pushed = (by: string) => w.node("Sub", [w.scaled(by, momentum), change]);
      const next = pushed(moving);
      return { value: w.node("Add", [value, nesterov ? pushed(next) : next]), slots: [next] };
    },
  };
}

function rmsprop({ rho, momentum, epsilon, centered }: ConfigOf<"rmsprop">): OptimizerNodes {
  const hasMomentum = momentum > 0;
  return {
    slots: ["velocity", ...(hasMomentum ? ["momentum"] : []), ...(centered ? ["average_gradient"] : [])],
    rates: ["learning_rate"],
    next(w, { value, slots }, gradient, rate) {
      const mixed = (running: string, current: string) =>
        w.node("Add", [w.scaled(running, rho), w.scaled(current, 1 - rho)]);
      const velocity = mixed(slots[0] as string, w.node("Mul", [gradient, gradient]));
      const average = centered ? mixed(slots.at(-1) as string, gradient) : undefined;
      const spread = average === undefined ? velocity : w.node("Sub", [velocity, w.node("Mul", [average, average])]);
      const root = w.node("Sqrt", [w.node("Add", [spread, w.scalar(epsilon)])]);
      const change = w.node("Div", [w.node("Mul", [gradient, rate("learning_rate")]), root]);
      const averages = average === undefined ? [] : [average];
      if (!hasMomentum) return { value: w.node("Sub", [value, change]), slots: [velocity, ...averages] };
      const moving = w.node("Add", [w.scaled(slots[1] as string, momentum), change]);
      return { value: w.node("Sub", [value, moving]), slots: [velocity, moving, ...averages] };
    },
  };
}

function adam({ beta1, beta2, epsilon }: Omit<ConfigOf<"adam">, "name">): OptimizerNodes {
  return {
    slots: ["momentum", "velocity"],
    rates: ["step_size"],
    next(w, { value, slots }, gradient, rate) {
      const moved = (running: string, current: string, share: number) =>
        w.node("Add", [running, w.scaled(w.node("Sub", [current, running]), share)]);
      const momentum = moved(slots[0] as string, gradient, 1 - beta1);
      const velocity = moved(slots[1] as string, w.node("Mul", [gradient, gradient]), 1 - beta2);
      const divisor = w.node("Add", [w.node("Sqrt", [velocity]), w.scalar(epsilon)]);
      const change = w.node("Div", [w.node("Mul", [momentum, rate("step_size")]), divisor]);
      return { value: w.node("Sub", [value, change]), slots: [momentum, velocity] };
    },
  };
}

function adamW(config: ConfigOf<"adamw">): OptimizerNodes {
  const { slots, rates, next } = adam(config);
  return {
    slots,
    rates: [...rates, "learning_rate"],
    next(w, weight, gradient, rate) {
      const lost = w.node("Mul", [w.scaled(weight.value, config.weightDecay), rate("learning_rate")]);
      return next(w, { ...weight, value: w.node("Sub", [weight.value, lost]) }, gradient, rate);
    },
  };
}
