import { InvalidNetworkError } from "../errors.js";
import type { PreprocessMode } from "../images/preprocess.js";
import { freeName } from "./free-name.js";
import type { Layer } from "./layer.js";
import type { Network, Topology } from "./network.js";

/**
 * Fixes a network's only input to RGB pictures of one size.
 *
 * @param imageSize `[height, width]`
 * @throws InvalidNetworkError if the network does not take one batch of RGB pictures of this size
 */
export function takePictures(network: Network, imageSize: readonly [number, number]): Network {
  const { layer, shape } = pictureInput(network, imageSize);
  return {
    ...network,
    layers: network.layers.map((each) => (each === layer ? { ...layer, config: { ...layer.config, shape } } : each)),
  };
}

/**
 * Makes a network for prepared pixels into one that takes raw RGB pixels 0..255 of one size: a PreprocessInput layer
 * stands behind its input.
 *
 * @param options `dtype` is that of the pixels
 * @throws InvalidNetworkError if the network does not take one batch of RGB pictures of this size
 */
export function takePixels(
  network: Network,
  options: {
    readonly preprocess: PreprocessMode;
    readonly imageSize: readonly [number, number];
    readonly dtype: "uint8" | "float32";
  },
): Network {
  const { layer: input, shape } = pictureInput(network, options.imageSize);
  const prepared = freeName("preprocess_input", new Set(network.layers.map(({ name }) => name)));
  const layers = network.layers.flatMap((layer): Layer[] => {
    if (layer === input) {
      return [
        { ...input, config: { shape, dtype: options.dtype } },
        { className: "PreprocessInput", name: prepared, inputs: [layer.name], config: { mode: options.preprocess } },
      ];
    }
    return [{ ...layer, inputs: layer.inputs.map((name) => (name === input.name ? prepared : name)) }];
  });
  return { ...network, layers };
}

function pictureInput(
  network: Network,
  imageSize: readonly [number, number],
): { readonly layer: Layer<"InputLayer">; readonly shape: readonly number[] } {
  const [input] = network.inputs;
  const layer = network.layers.find((candidate) => candidate.name === input);
  if (network.inputs.length !== 1 || layer?.className !== "InputLayer") {
    throw new InvalidNetworkError(
      `Features are computed from one picture, but network "${network.name}" has ${network.inputs.length} inputs.`,
    );
  }
  const shape = [...imageSize, 3];
  const own = layer.config.shape;
  if (own.length !== 3 || own.some((axis, at) => axis !== null && axis !== shape[at])) {
    throw new InvalidNetworkError(
      `Network "${network.name}" takes [${own.map((axis) => axis ?? "any").join(", ")}], ` +
        `not RGB pictures of [${shape.join(", ")}]. Pass the \`imageSize\` that it was made for.`,
      { layer: layer.name },
    );
  }
  return { layer, shape };
}

/** How a network prepares raw pixels: the mode of each of its PreprocessInput layers. */
export function preprocessModesOf(network: Topology): readonly PreprocessMode[] {
  return network.layers.flatMap((layer) => (layer.className === "PreprocessInput" ? [layer.config.mode] : []));
}
