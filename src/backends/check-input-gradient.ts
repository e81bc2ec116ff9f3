import { InvalidNetworkError, ShapeMismatchError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { checkNetwork } from "../network/check-network.js";
import type { Network } from "../network/network.js";
import { inferShapes } from "../network/shapes.js";
import { validateNetwork } from "../network/validate.js";
import { checkArray } from "../options/check-array.js";
import { checkInputs, expectedInputs } from "./check-inputs.js";
import { checkLayers } from "./check-layers.js";

/**
 * Checks what `inputGradient` of a backend is given, before anything is allocated.
 *
 * @returns the name of the network's output, and the number of rows
 * @throws InvalidArgumentError if one of them is none, such as the promise of a network
 * @throws UnsupportedError naming a layer that no backend knows
 * @throws InvalidNetworkError if the network is not valid, or has not exactly one output
 * @throws ShapeMismatchError if an input or the seed has another shape
 */
export function checkInputGradient(
  network: Network,
  backend: string,
  inputs: readonly NdArray<"float32">[],
  seed: NdArray<"float32">,
): { readonly output: string; readonly rows: number } {
  checkNetwork("network", network);
  checkArray("seed", seed, "the gradient with respect to the network's output");
  checkLayers(network, backend);
  validateNetwork(network);
  const rows = checkInputs(expectedInputs(network), inputs);
  const [output, ...others] = network.outputs;
  if (output === undefined || others.length > 0) {
    throw new InvalidNetworkError(
      `Cannot differentiate network "${network.name}": it has ${network.outputs.length} outputs, expected 1. Cut it to the one.`,
    );
  }
  const shapes = inferShapes(
    network,
    inputs.map(({ shape }) => shape.slice(1)),
  );
  const expected = [rows, ...(shapes.get(output) ?? [])];
  if (seed.shape.join() === expected.join()) return { output, rows };
  throw new ShapeMismatchError(
    `Cannot differentiate network "${network.name}": the seed has the shape [${seed.shape.join(", ")}], but its output "${output}" has [${expected.join(", ")}].`,
    { expected, received: seed.shape },
  );
}
