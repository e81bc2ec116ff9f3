import type { Activation, Layer } from "../network/layer.js";
import type { Network, Weight } from "../network/network.js";

/**
 * The same network of layers that every Keras finds by itself and takes for the same: it computes what the network does.
 *
 * - `hard_sigmoid`, which is another function in Keras 2 than in Keras 3, becomes a Rescaling and a ReLU with the maximum
 *   1; an activation with a slope becomes a LeakyReLU.
 * - CustomScaleLayer and LayerScale, which are classes of Keras's applications, become a Rescaling with an Add, and a
 *   depthwise convolution with a window of 1.
 * - RandomHeight and RandomWidth, which Keras 3 has no more, and RandomCrop, which cuts in some versions where a network is
 *   run, become an Identity.
 *
 * A layer whose activation becomes a layer of its own keeps its name and weights; what took its value takes the
 * activation's, and so does the list of outputs. A network without any of these comes back as it is.
 */
export function withKerasLayers(network: Network): Network {
  const taken = new Set(network.layers.map(({ name }) => name));
  const weights = new Map(network.weights);
  /** Of layers whose value another layer has now, that layer. */
  const ends = new Map<string, string>();
  const layers = network.layers.flatMap((layer) => {
    const inputs = layer.inputs.map((input) => ends.get(input) ?? input);
    const parts = split({ ...layer, inputs }, taken);
    const end = parts.at(-1)?.name ?? layer.name;
    if (end !== layer.name) ends.set(layer.name, end);
    const [gamma] = network.weights.get(layer.name) ?? [];
    if (layer.className === "LayerScale" && gamma !== undefined) weights.set(layer.name, [asKernel(gamma)]);
    return parts;
  });
  if (layers.length === network.layers.length && layers.every((layer, at) => isSame(layer, network.layers[at]))) {
    return network;
  }
  return { ...network, layers, weights, outputs: network.outputs.map((output) => ends.get(output) ?? output) };
}

function isSame(layer: Layer, original: Layer | undefined): boolean {
  return layer.config === original?.config;
}

function split(layer: Layer, taken: Set<string>): readonly Layer[] {
  const { name, inputs } = layer;
  const [first, second] = inputs as [string, string];
  switch (layer.className) {
    case "CustomScaleLayer": {
      const scaled = freeName(`${name}_scaled`, taken);
      return [
        { className: "Rescaling", name: scaled, inputs: [second], config: { scale: layer.config.scale, offset: 0 } },
        { className: "Add", name, inputs: [first, scaled], config: {} },
      ];
    }
    case "LayerScale":
      return [
        {
          ...layer,
          className: "DepthwiseConv2D",
          config: {
            depthMultiplier: 1,
            kernelSize: [1, 1],
            strides: [1, 1],
            padding: "valid",
            dilationRate: [1, 1],
            useBias: false,
            activation: "linear",
          },
        },
      ];
    case "RandomCrop":
    case "RandomHeight":
    case "RandomWidth":
      return [{ ...layer, className: "Identity", config: {} }];
    case "Activation":
      return activationLayers(layer.config.activation, first, name, taken) ?? [layer];
    default: {
      if (!("activation" in layer.config)) return [layer];
      const { activation } = layer.config;
      if (!isSplit(activation)) return [layer];
      const linear = { ...layer, config: { ...layer.config, activation: "linear" } } as Layer;
      const end = freeName(`${name}_activation`, taken);
      return [linear, ...(activationLayers(activation, name, end, taken) ?? [])];
    }
  }
}

/** Slope and offset of what is cut off below 0 and above 1. */
const lines: Readonly<Partial<Record<string, { readonly scale: number; readonly offset: number }>>> = {
  hard_sigmoid: { scale: 1 / 6, offset: 0.5 },
  keras2_hard_sigmoid: { scale: 0.2, offset: 0.5 },
};

function isSplit(activation: Activation): boolean {
  return typeof activation === "object" || lines[activation] !== undefined;
}

function activationLayers(
  activation: Activation,
  input: string,
  name: string,
  taken: Set<string>,
): readonly Layer[] | undefined {
  if (typeof activation === "object") {
    const { negativeSlope } = activation;
    return [{ className: "LeakyReLU", name, inputs: [input], config: { negativeSlope } }];
  }
  const line = lines[activation];
  if (line === undefined) return undefined;
  const scaled = freeName(`${name}_scaled`, taken);
  return [
    { className: "Rescaling", name: scaled, inputs: [input], config: line },
    { className: "ReLU", name, inputs: [scaled], config: { maxValue: 1, negativeSlope: 0, threshold: 0 } },
  ];
}

function asKernel({ array }: Weight): Weight {
  return { name: "kernel", array: { ...array, shape: [1, 1, array.data.length, 1] } };
}

function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  while (taken.has(name)) name += "_";
  taken.add(name);
  return name;
}
