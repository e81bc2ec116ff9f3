import type { LossName } from "../trainable-backend.js";

/**
 * What may end a network for a loss that is computed from what goes into the end, and is the output then. Undefined for
 * a loss that takes any output.
 */
export function lossActivation(loss: LossName): "softmax" | "sigmoid" | undefined {
  switch (loss) {
    case "categorical_crossentropy":
      return "softmax";
    case "binary_crossentropy":
      return "sigmoid";
    case "mean_squared_error":
      return undefined;
  }
}
