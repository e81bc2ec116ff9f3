import { UnsupportedError } from "../errors.js";
import { activationNames } from "../network/activation.js";
import { layerClassNames } from "../network/layer-shape.js";
import type { Topology } from "../network/network.js";

/**
 * Checks that a backend knows every layer's kind and activation. The types say so already, but a network may come from a
 * caller in plain JavaScript, from a file of a later version, or from another copy of the library.
 *
 * @throws UnsupportedError naming the first layer of an unknown kind or activation
 */
export function checkLayers(topology: Topology, backend: string): void {
  for (const { name, className, config } of topology.layers) {
    const where = `The backend "${backend}" cannot run the layer "${name}" of the network "${topology.name}"`;
    if (!layerClassNames.includes(className)) {
      throw new UnsupportedError(
        `${where}: it has no ${className}. Known are ${layerClassNames.join(", ")}. ` +
          "Choose `outputs` before that layer, or build it of these.",
      );
    }
    if (!("activation" in config) || isActivation(config.activation)) continue;
    throw new UnsupportedError(
      `${where}: it has no activation ${JSON.stringify(config.activation)}. Known are ${activationNames.join(", ")}, ` +
        'and { name: "leaky_relu", negativeSlope }.',
    );
  }
}

function isActivation(activation: unknown): boolean {
  if (typeof activation === "string") return (activationNames as readonly string[]).includes(activation);
  const { name, negativeSlope } = (activation ?? {}) as { readonly name?: unknown; readonly negativeSlope?: unknown };
  return name === "leaky_relu" && typeof negativeSlope === "number";
}
