import type { TrainingOptions } from "../../src/backends/trainable-backend.js";

/** Settings for training a small head in tests. */
export const headTraining: TrainingOptions = {
  loss: "categorical_crossentropy",
  optimizer: { name: "adam", learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
  l2: 0,
  seed: 1,
};
