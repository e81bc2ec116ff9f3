import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import type { Backend } from "./backend.js";
import type { TrainableBackend } from "./trainable-backend.js";

/**
 * Checks a backend that came from outside the type system.
 *
 * @param option how messages call it
 * @throws InvalidArgumentError if it is not a {@link Backend}, such as the name of one
 */
export function checkBackend(value: unknown, option = "backend"): asserts value is Backend {
  if (hasMethods(value, ["init", "load"])) return;
  const hint = typeof value === "function" ? " Call the function: what it gives back is the backend." : "";
  throw new InvalidArgumentError(
    `\`${option}\` is ${describeValue(value)}: expected a Backend, such as onnx() or tfjsWasm().${hint}`,
  );
}

/**
 * Checks a backend that is to train.
 *
 * @param option how messages call it
 * @throws InvalidArgumentError if it is not a {@link TrainableBackend}
 */
export function checkTrainableBackend(value: unknown, option = "backend"): asserts value is TrainableBackend {
  checkBackend(value, option);
  if (hasMethods(value, ["loadForTraining"])) return;
  throw new InvalidArgumentError(
    `\`${option}\` is the backend "${value.name}", which cannot train: expected one that can, such as tfjsWasm(), tfjsNode() or autoTrainable().`,
  );
}

function hasMethods(value: unknown, methods: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  return methods.every((method) => typeof (value as Readonly<Record<string, unknown>>)[method] === "function");
}
