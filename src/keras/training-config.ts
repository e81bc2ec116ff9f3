import type { OptimizerConfig } from "../backends/backend.js";
import type { Json } from "./layer-config.js";

/** How a saved model is compiled, so that `fit` goes on in Keras. */
export interface CompileConfig {
  readonly loss: "categorical_crossentropy";
  readonly optimizer: OptimizerConfig;
}

/** Writes the `training_config` of a legacy Keras file, with every key that some Keras version insists on. */
export function toTrainingConfig({ loss, optimizer }: CompileConfig): Json {
  return {
    loss,
    metrics: ["accuracy"],
    weighted_metrics: null,
    loss_weights: null,
    sample_weight_mode: null,
    optimizer_config: {
      class_name: "Adam",
      config: {
        name: "Adam",
        learning_rate: optimizer.learningRate,
        beta_1: optimizer.beta1,
        beta_2: optimizer.beta2,
        epsilon: optimizer.epsilon,
        amsgrad: false,
      },
    },
  };
}
