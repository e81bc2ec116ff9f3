import { UnsupportedError } from "../errors.js";
import type { LayerClassName } from "../network/layer.js";
import type { Topology } from "../network/network.js";

// The kinds of layer that backends run; every other is refused when a network is loaded.
const known: Readonly<Partial<Record<LayerClassName, true>>> = {
  InputLayer: true,
  PreprocessInput: true,
  Conv2D: true,
  DepthwiseConv2D: true,
  Dense: true,
  BatchNormalization: true,
  Activation: true,
  ReLU: true,
  MaxPooling2D: true,
  AveragePooling2D: true,
  GlobalAveragePooling2D: true,
  GlobalMaxPooling2D: true,
  ZeroPadding2D: true,
  Concatenate: true,
  Add: true,
  Flatten: true,
  Reshape: true,
  Dropout: true,
};

/**
 * Checks that a backend knows every layer's kind. The types say so already, but a network may come from a caller in
 * plain JavaScript, from a file of a later version, or from another copy of the library.
 *
 * @throws UnsupportedError naming the first layer of an unknown kind
 */
export function checkLayers(topology: Topology, backend: string): void {
  for (const { name, className } of topology.layers) {
    if (Object.hasOwn(known, className)) continue;
    throw new UnsupportedError(
      `The backend "${backend}" cannot run the layer "${name}" of the network "${topology.name}": it has no ${className}. ` +
        `Known are ${Object.keys(known).join(", ")}. Choose \`outputs\` before that layer, or build it of these.`,
    );
  }
}
