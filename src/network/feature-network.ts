import { InvalidArgumentError, InvalidNetworkError } from "../errors.js";
import { type PreprocessMode, preprocessModes } from "../images/preprocess.js";
import { checkOneOf } from "../options/check-option.js";
import { cut } from "./cut.js";
import type { Layer } from "./layer.js";
import type { Network } from "./network.js";
import { inferShapes } from "./shapes.js";

/**
 * How a layer's `[height, width, channels]` values become features: `avg` and `max` take the mean or greatest value of
 * each channel (Keras's `pooling`), `flatten` puts them into one row (channels last), `none` leaves them.
 */
export type Pooling = "avg" | "max" | "flatten" | "none";

/** What {@link featureNetwork} is to build. */
export interface FeatureNetworkOptions {
  /** Names of the layers whose values are the features. */
  readonly layers: readonly string[];
  /** Default: `avg` for a layer with a height and a width, else `none`. */
  readonly pooling?: Pooling | undefined;
  readonly preprocess: PreprocessMode;
  /** `[height, width]` of the pictures. */
  readonly imageSize: readonly [number, number];
}

/** A network that computes features, with the name of the output that stands for each layer asked for. */
export interface FeatureNetwork {
  readonly network: Network;
  /** For each layer asked for, in order: the output layer's name and the shape of one picture's features. */
  readonly features: readonly { readonly layer: string; readonly output: string; readonly shape: readonly number[] }[];
  /** The pooling that is used, for each layer asked for. */
  readonly pooling: readonly Pooling[];
}

/** Every pooling that {@link Pooling} names. */
const poolings: readonly Pooling[] = ["avg", "max", "flatten", "none"];

const poolingLayers = {
  avg: { className: "GlobalAveragePooling2D", config: { keepdims: false } },
  max: { className: "GlobalMaxPooling2D", config: { keepdims: false } },
  flatten: { className: "Flatten", config: {} },
} as const;

/**
 * Turns a network for prepared float pixels into one that takes raw uint8 RGB pixels and ends in pooled features, so
 * that a backend does everything between the decoded picture and the stored row in one pass.
 *
 * @throws InvalidArgumentError for a layer that does not exist, an unknown `pooling` or `preprocess`, or a pooling that
 *   does not fit the layer
 * @throws InvalidNetworkError if the network does not take one batch of RGB pictures
 */
export function featureNetwork(network: Network, options: FeatureNetworkOptions): FeatureNetwork {
  if (options.pooling !== undefined) checkOneOf("pooling", options.pooling, poolings);
  checkOneOf("preprocess", options.preprocess, preprocessModes);
  const names = new Set(network.layers.map((layer) => layer.name));
  const prepared = freeName("preprocess_input", names);
  const withPixels = takePixels(cut(network, options.layers), prepared, options);
  const shapes = inferShapes(withPixels);
  const added: Layer[] = [];
  const used: Pooling[] = [];

  const features = options.layers.map((layer) => {
    const shape = shapes.get(layer);
    if (shape === undefined || network.inputs.includes(layer)) {
      throw new InvalidArgumentError(`"${layer}" is the input of network "${network.name}": name a layer behind it.`);
    }
    const pooling = options.pooling ?? (shape.length === 3 ? "avg" : "none");
    used.push(pooling);
    if (pooling === "none") return { layer, output: layer };
    if (shape.length !== 3 && pooling !== "flatten") {
      throw new InvalidArgumentError(
        `\`pooling: "${pooling}"\` needs a layer with height, width and channels, but "${layer}" gives [${shape.join(", ")}]. ` +
          'Pass `pooling: "none"`.',
      );
    }
    const output = freeName(`${layer}_${pooling}`, names);
    added.push({ ...poolingLayers[pooling], name: output, inputs: [layer] } as Layer);
    return { layer, output };
  });

  const complete: Network = {
    ...withPixels,
    layers: [...withPixels.layers, ...added],
    outputs: features.map((feature) => feature.output),
  };
  const finalShapes = inferShapes(complete);
  return {
    network: complete,
    pooling: used,
    features: features.map((feature) => ({
      ...feature,
      shape: (finalShapes.get(feature.output) ?? []).map((axis) => {
        if (axis === null) {
          throw new InvalidNetworkError(`The size of layer "${feature.layer}" depends on the picture.`, {
            layer: feature.layer,
          });
        }
        return axis;
      }),
    })),
  };
}

/** The network with its input fixed to uint8 RGB pictures of one size, which a layer of name `prepared` prepares. */
function takePixels(network: Network, prepared: string, options: FeatureNetworkOptions): Network {
  const [input] = network.inputs;
  const layer = network.layers.find((candidate) => candidate.name === input);
  if (network.inputs.length !== 1 || layer?.className !== "InputLayer") {
    throw new InvalidNetworkError(
      `Features are computed from one picture, but network "${network.name}" has ${network.inputs.length} inputs.`,
    );
  }
  const pixels = [...options.imageSize, 3];
  const { shape } = layer.config;
  if (shape.length !== 3 || shape.some((axis, at) => axis !== null && axis !== pixels[at])) {
    throw new InvalidNetworkError(
      `Network "${network.name}" takes [${shape.map((axis) => axis ?? "any").join(", ")}], ` +
        `not RGB pictures of [${pixels.join(", ")}]. Pass the \`imageSize\` that it was made for.`,
      { layer: layer.name },
    );
  }
  const layers = network.layers.flatMap((candidate): Layer[] => {
    if (candidate === layer) {
      return [
        { ...layer, config: { shape: pixels, dtype: "uint8" } },
        { className: "PreprocessInput", name: prepared, inputs: [layer.name], config: { mode: options.preprocess } },
      ];
    }
    return [{ ...candidate, inputs: candidate.inputs.map((name) => (name === layer.name ? prepared : name)) }];
  });
  return { ...network, layers };
}

function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let i = 1; taken.has(name); i++) name = `${wanted}_${i}`;
  taken.add(name);
  return name;
}
