import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import type { Network, NetworkWeights, Topology } from "./network.js";

/**
 * Checks that a topology from outside the type system is one at all; what is in it, `checkGraph` looks at.
 *
 * @throws InvalidArgumentError if it is none, such as the promise of one
 */
export function checkTopology(parameter: string, value: unknown): asserts value is Topology {
  const topology = value as Partial<Topology> | null | undefined;
  if ([topology?.layers, topology?.inputs, topology?.outputs].every(Array.isArray)) return;
  throw new InvalidArgumentError(
    `\`${parameter}\` is ${describeValue(value)}: expected a network, such as createNetwork or loadKeras gives.${hintOf(value)}`,
  );
}

/**
 * Checks that a network from outside the type system is one at all.
 *
 * @throws InvalidArgumentError if it is none, or has no weights
 */
export function checkNetwork(parameter: string, value: unknown): asserts value is Network {
  checkTopology(parameter, value);
  if (typeof (value as Partial<Network>).weights?.get === "function") return;
  throw new InvalidArgumentError(
    `\`${parameter}\` is a network without weights: expected one with \`weights\`, a Map by layer. \`randomWeights\` makes some.`,
  );
}

/** @throws InvalidArgumentError if weights from outside the type system are no Map */
export function checkWeightsMap(parameter: string, value: unknown): asserts value is NetworkWeights {
  const weights = value as Partial<NetworkWeights> | null | undefined;
  if (typeof weights?.get === "function" && typeof weights.keys === "function") return;
  throw new InvalidArgumentError(
    `\`${parameter}\` is ${describeValue(value)}: expected a Map from names of layers to their weights, such as the \`weights\` of a network.`,
  );
}

function hintOf(value: unknown): string {
  return value instanceof Promise ? " Await the promise first." : "";
}
