import { auto } from "../backends/auto.js";
import type { AbortOptions } from "../backends/backend.js";
import { checkBackend } from "../backends/check-backend.js";
import { checkInputs, expectedInputs } from "../backends/check-inputs.js";
import { type GradientBackend, isGradientBackend } from "../backends/gradient-backend.js";
import { describeBackend, type RunningBackend } from "../backends/running-backend.js";
import { BackendError, InvalidArgumentError, InvalidNetworkError } from "../errors.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import { checkNetwork } from "../network/check-network.js";
import type { Network } from "../network/network.js";
import { inferShapes } from "../network/shapes.js";
import { describeValue } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { predictedClasses } from "../training/metrics.js";
import { scoreNetwork, tailBehind } from "./score-network.js";

/** What {@link gradCam} looks at, and with what. */
export interface GradCamOptions extends AbortOptions {
  /** Runs and differentiates. @default `auto()`: the fastest that starts */
  readonly backend?: GradientBackend | undefined;
  /** A layer with height, width and channels. @default the last one that is larger than 1x1 */
  readonly layer?: string | undefined;
  /** The class that is asked about, for all pictures or for each. @default for each picture its best class */
  readonly classIndex?: number | readonly number[] | undefined;
}

/** Where in pictures a network sees a class. */
export interface GradCam {
  /** `[batch, height, width]` of the layer: 0 where nothing speaks for the class, 1 where most does; all 0 if nothing does. */
  readonly heatmaps: NdArray<"float32">;
  /** The layer that was looked at. */
  readonly layer: string;
  /** For each picture the index of the class that was asked about. */
  readonly classIndices: Int32Array;
  /** `[batch, classes]`: scores before softmax or sigmoid. */
  readonly scores: NdArray<"float32">;
  /** What it ran on. */
  readonly backend: RunningBackend;
}

/**
 * Grad-CAM: shows which places of a picture speak for a class. The channels of a layer are weighed by the mean gradient of
 * the class's score, before softmax or sigmoid, and summed; what speaks against the class is left out, and the greatest value is
 * scaled to 1. The network runs as in inference.
 *
 * Method: R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV
 * 2017, section 3.
 *
 * @param network a classifier: with one input, and as its only output a score or probability for each class
 * @param pixels `[batch, height, width, channels]` as the network takes them: prepared float32, or uint8 where it prepares them
 * @throws InvalidArgumentError if there is no such layer or class, or the layer has no height and width
 * @throws InvalidNetworkError if the network is no classifier with one input
 * @throws ShapeMismatchError if the network takes other pictures
 * @throws UnsupportedError if the backend cannot differentiate a layer behind the one that is looked at
 *
 * @example
 * const network = await loadKeras("my_model.keras");
 * const { heatmaps } = await gradCam(network, pixels, { layer: "block5_conv3" });
 */
export async function gradCam(network: Network, pixels: NdArray, options: GradCamOptions = {}): Promise<GradCam> {
  checkNetwork("network", network);
  checkOptions("gradCam", options, { backend: true, layer: true, classIndex: true, signal: true });
  const { backend = auto(), signal } = options;
  checkGradientBackend(backend);
  const scored = scoreNetwork(network);
  if (scored.inputs.length !== 1 || !Array.isArray(pixels?.shape)) {
    throw new InvalidNetworkError(
      `Grad-CAM looks at pictures, \`[batch, height, width, channels]\`: \`pixels\` is ${describeValue(pixels)}, and network "${network.name}" has ${network.inputs.length} inputs, expected 1.`,
    );
  }
  checkInputs(expectedInputs(scored), [pixels]);
  const [output = ""] = scored.outputs;
  const shapes = inferShapes(scored, [pixels.shape.slice(1)]);
  const layer = options.layer ?? lastMap(scored, shapes);
  const tail = tailBehind(scored, layer, (name) => shapes.get(name) ?? []);
  checkMap(network, layer, shapes.get(layer) ?? []);
  const [classes, ...more] = shapes.get(output) ?? [];
  if (typeof classes !== "number" || more.length > 0) {
    throw new InvalidNetworkError(
      `The output "${output}" of network "${network.name}" has rows of shape [${(shapes.get(output) ?? []).join(", ")}]: expected one score for each class.`,
    );
  }

  await backend.init();
  const loaded = await backend.load(scored, { outputs: [...new Set([...tail.inputs, output])], signal });
  let values: ReadonlyMap<string, NdArray<"float32">>;
  try {
    const found = await loaded.run([pixels], { signal });
    values = new Map(loaded.outputs.map((name, index) => [name, found[index] as NdArray<"float32">]));
  } finally {
    await loaded.dispose();
  }
  const takeValue = (name: string): NdArray<"float32"> => {
    const value = values.get(name);
    if (value !== undefined) return value;
    throw new BackendError(`Backend "${backend.name}" gave no value of layer "${name}", which it was asked for.`);
  };
  const scores = takeValue(output);
  const classIndices = chooseClasses(options.classIndex, scores);
  const seed = new Float32Array(scores.data.length);
  for (const [row, label] of classIndices.entries()) seed[row * classes + label] = 1;
  const gradient = await backend.inputGradient(
    tail,
    tail.inputs.map(takeValue),
    { dtype: "float32", shape: scores.shape, data: seed },
    { signal },
  );
  return {
    heatmaps: weigh(takeValue(layer), gradient),
    layer,
    classIndices,
    scores,
    backend: describeBackend(backend),
  };
}

function checkGradientBackend(value: unknown): asserts value is GradientBackend {
  checkBackend(value);
  if (isGradientBackend(value)) return;
  throw new InvalidArgumentError(
    `\`backend\` is the backend "${value.name}", which cannot differentiate: expected one that can, such as onnx() or tfjsWasm().`,
  );
}

/** The last layer whose value still has places. */
function lastMap(network: Network, shapes: ReadonlyMap<string, readonly (number | null)[]>): string {
  const isMap = (name: string) => {
    const [height, width, ...channels] = shapes.get(name) ?? [];
    return channels.length === 1 && (height ?? 2) * (width ?? 2) > 1;
  };
  const layer = network.layers.findLast(({ name, className }) => className !== "InputLayer" && isMap(name));
  if (layer !== undefined) return layer.name;
  throw new InvalidArgumentError(
    `Network "${network.name}" has no layer with height, width and channels: there are no places to look at.`,
  );
}

function checkMap(network: Network, layer: string, shape: readonly (number | null)[]): void {
  if (network.inputs.includes(layer)) {
    throw new InvalidArgumentError(`"${layer}" is the input of network "${network.name}": name a layer behind it.`);
  }
  if (shape.length === 3) return;
  throw new InvalidArgumentError(
    `Layer "${layer}" gives [${shape.join(", ")}] for each picture: expected one with height, width and channels, such as a convolution.`,
  );
}

function chooseClasses(asked: number | readonly number[] | undefined, scores: NdArray<"float32">): Int32Array {
  const [rows = 0, classes = 0] = scores.shape;
  if (asked === undefined) return predictedClasses(scores);
  const indices = typeof asked === "number" ? new Array<number>(rows).fill(asked) : asked;
  if (Array.isArray(indices) && indices.length === rows && indices.every((index) => isClass(index, classes))) {
    return Int32Array.from(indices);
  }
  throw new InvalidArgumentError(
    `\`classIndex\` is ${describeValue(asked)}: expected an index from 0 to ${classes - 1}, or one for each of the ${rows} pictures.`,
  );
}

function isClass(index: unknown, classes: number): boolean {
  return Number.isInteger(index) && (index as number) >= 0 && (index as number) < classes;
}

/** relu(sum over the channels of value * mean gradient), scaled so that the greatest place of each picture is 1. */
function weigh(value: NdArray<"float32">, gradient: NdArray<"float32">): NdArray<"float32"> {
  const [rows = 0, height = 0, width = 0, channels = 0] = value.shape;
  const places = height * width;
  const heatmaps = new Float32Array(sizeOf([rows, height, width]));
  for (let row = 0; row < rows; row++) {
    const first = row * places * channels;
    const weights = new Float64Array(channels);
    for (let at = 0; at < places * channels; at++) {
      const channel = at % channels;
      weights[channel] = (weights[channel] as number) + (gradient.data[first + at] as number) / places;
    }
    const sums = Float64Array.from({ length: places }, (_, place) => {
      let sum = 0;
      for (let channel = 0; channel < channels; channel++) {
        sum += (weights[channel] as number) * (value.data[first + place * channels + channel] as number);
      }
      return Math.max(0, sum);
    });
    const greatest = sums.reduce((most, sum) => Math.max(most, sum), 0);
    if (greatest > 0) for (const [place, sum] of sums.entries()) heatmaps[row * places + place] = sum / greatest;
  }
  return { dtype: "float32", shape: [rows, height, width], data: heatmaps };
}
