import { InvalidArgumentError, InvalidNetworkError, ShapeMismatchError } from "../errors.js";
import type { Shape } from "../ndarray.js";
import { cut } from "../network/cut.js";
import { freeName } from "../network/free-name.js";
import { formatShape } from "../network/layer-shape.js";
import type { Network, Weight } from "../network/network.js";
import { checkPooling, type Pooling, poolingLayer } from "../network/pooling.js";
import { inferShapes } from "../network/shapes.js";
import { takePictures } from "../network/take-pixels.js";

/** A backbone cut down to what gives the features. */
export interface Base {
  /** Takes prepared float32 pixels `[height, width, 3]`; its only output is that of the features. */
  readonly network: Network;
  readonly pooling: Pooling;
  /** Shape of one picture's features. */
  readonly featureShape: Shape;
}

/** A base and a head as one network. */
export interface Assembly {
  readonly network: Network;
  /** Name of the first layer of the head. */
  readonly headFrom: string;
}

/**
 * Cuts a backbone behind a layer and pools what comes out there. Layers keep their names and weights.
 *
 * @throws InvalidArgumentError for a layer that does not exist, or a pooling that does not fit it
 * @throws InvalidNetworkError if the network does not take RGB pictures of this size
 */
export function baseNetwork(
  backbone: Network,
  options: {
    readonly layer: string;
    readonly pooling?: Pooling | undefined;
    readonly imageSize: readonly [number, number];
  },
): Base {
  const { layer, imageSize } = options;
  checkPooling(options.pooling);
  const network = takePictures(cut(backbone, layer), imageSize);
  if (network.inputs.includes(layer)) {
    throw new InvalidArgumentError(`"${layer}" is the input of network "${network.name}": name a layer behind it.`);
  }
  const names = new Set(network.layers.map(({ name }) => name));
  const shape = inferShapes(network).get(layer) ?? [];
  const pooled = poolingLayer({ name: layer, shape }, options.pooling, names);
  const output = pooled.layer?.name ?? layer;
  const complete: Network = {
    ...network,
    layers: pooled.layer === undefined ? network.layers : [...network.layers, pooled.layer],
    outputs: [output],
  };
  const featureShape = (inferShapes(complete).get(output) ?? []).map((axis) => {
    if (axis !== null) return axis;
    throw new InvalidNetworkError(`The size of layer "${layer}" depends on the picture.`, { layer });
  });
  return { network: complete, pooling: pooled.pooling, featureShape };
}

/**
 * Puts a head behind a base: its layers follow, without its input. Where the base has a layer of the same name already,
 * the head's gets a number behind its name.
 *
 * @throws ShapeMismatchError if the head takes features of another shape
 * @throws InvalidNetworkError if the head has not one input and one output
 */
export function assembleNetwork(base: Base, head: Network, name: string): Assembly {
  const [input] = head.inputs;
  const inputLayer = head.layers.find((layer) => layer.name === input);
  const [output] = head.outputs;
  if (head.inputs.length !== 1 || head.outputs.length !== 1 || inputLayer?.className !== "InputLayer") {
    throw new InvalidNetworkError(
      `The head "${head.name}" has ${head.inputs.length} inputs and ${head.outputs.length} outputs: expected one of each.`,
    );
  }
  const wanted = inputLayer.config.shape;
  if (
    wanted.length !== base.featureShape.length ||
    wanted.some((axis, at) => ![null, base.featureShape[at]].includes(axis))
  ) {
    throw new ShapeMismatchError(
      `The head takes features of shape ${formatShape(wanted)}, but the backbone gives [${base.featureShape.join(", ")}]. Make the head for these, or choose the \`layer\` and \`pooling\` that its features came from.`,
      { expected: wanted, received: base.featureShape },
    );
  }
  const taken = new Set(base.network.layers.map((layer) => layer.name));
  const names = new Map<string, string>([[inputLayer.name, base.network.outputs[0] as string]]);
  const rename = (old: string): string => names.get(old) ?? old;
  const layers = head.layers
    .filter((layer) => layer !== inputLayer)
    .map((layer) => {
      names.set(layer.name, freeName(layer.name, taken));
      const owner = layer.weightsOf === undefined ? {} : { weightsOf: rename(layer.weightsOf) };
      return { ...layer, ...owner, name: rename(layer.name), inputs: layer.inputs.map(rename) } as typeof layer;
    });
  const [first] = layers;
  if (first === undefined) {
    throw new InvalidNetworkError(`The head "${head.name}" has no layers beside its input: expected at least one.`);
  }
  const headWeights = [...head.weights].map(([layer, own]): [string, readonly Weight[]] => [rename(layer), own]);
  return {
    network: {
      name,
      layers: [...base.network.layers, ...layers],
      inputs: base.network.inputs,
      outputs: [rename(output as string)],
      weights: new Map([...base.network.weights, ...headWeights]),
    },
    headFrom: first.name,
  };
}
