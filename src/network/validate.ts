import { InvalidNetworkError } from "../errors.js";
import { sizeOf } from "../ndarray.js";
import { checkNetwork } from "./check-network.js";
import { formatShape } from "./layer-shape.js";
import type { Network } from "./network.js";
import { weightShapes } from "./weight-shapes.js";

/**
 * Checks that a network can be run: a valid graph, shapes that fit together, and for every layer the weights it needs,
 * in Keras's order and with the right shapes. Values are not looked at. Backends call this before they load.
 *
 * @throws InvalidNetworkError naming the first layer at fault, what was expected and what came
 */
export function validateNetwork(network: Network): void {
  checkNetwork("network", network);
  const needed = weightShapes(network);
  for (const layer of network.layers) {
    const expected = needed.get(layer.name) ?? [];
    const weights = network.weights.get(layer.name) ?? [];
    const describe = `layer "${layer.name}" (${layer.className}) of network "${network.name}"`;
    if (weights.length !== expected.length) {
      const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => `"${name}"`).join(", ");
      const shared = layer.weightsOf === undefined ? "" : ` It uses those of "${layer.weightsOf}".`;
      throw new InvalidNetworkError(
        `Wrong weights for ${describe}: expected [${names(expected)}], got [${names(weights)}].${shared}`,
        { layer: layer.name },
      );
    }
    for (const [index, { name, shape }] of expected.entries()) {
      const weight = weights[index];
      if (weight === undefined) continue;
      if (weight.name !== name) {
        throw new InvalidNetworkError(
          `Wrong weights for ${describe}: expected "${name}" at position ${index}, got "${weight.name}".`,
          { layer: layer.name },
        );
      }
      const { array } = weight;
      if (array.dtype !== "float32") {
        throw new InvalidNetworkError(
          `Weight "${name}" of ${describe} is ${String((array as { dtype: string }).dtype)}: expected float32.`,
          { layer: layer.name },
        );
      }
      if (array.shape.length !== shape.length || array.shape.some((axis, at) => axis !== shape[at])) {
        throw new InvalidNetworkError(
          `Weight "${name}" of ${describe} has the shape ${formatShape(array.shape)}: expected ${formatShape(shape)}.`,
          { layer: layer.name },
        );
      }
      if (array.data.length !== sizeOf(shape)) {
        throw new InvalidNetworkError(
          `Weight "${name}" of ${describe} has ${array.data.length} values: expected ${sizeOf(shape)} for ${formatShape(shape)}.`,
          { layer: layer.name },
        );
      }
    }
  }
  const names = new Set(network.layers.map((layer) => layer.name));
  for (const name of network.weights.keys()) {
    if (names.has(name)) continue;
    throw new InvalidNetworkError(
      `Network "${network.name}" has weights for a layer "${name}", which it does not have.`,
      {
        layer: name,
      },
    );
  }
}
