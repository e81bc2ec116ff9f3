import type { layers, SymbolicTensor } from "@tensorflow/tfjs-layers";
import { InvalidArgumentError } from "../../errors.js";
import { checkNetwork } from "../../network/check-network.js";
import type { Activation, Layer, LayerClassName } from "../../network/layer.js";
import type { RowShape } from "../../network/layer-shape.js";
import type { Network } from "../../network/network.js";
import { inferShapes } from "../../network/shapes.js";
import { validateNetwork } from "../../network/validate.js";
import { describeValue } from "../../options/check-option.js";
import { defineComposedLayer } from "./composed-layer.js";
import { stepsOverPixels } from "./convolution.js";
import { loadTfjs } from "./shared-tfjs.js";

/** What `toLayersModel` needs of `@tensorflow/tfjs-layers`, or of `@tensorflow/tfjs`, which contains it. */
export interface LayersLibrary<Model> {
  model(config: never): Model;
  input(config: never): unknown;
  readonly layers: object;
}

type TfjsLayers = typeof import("@tensorflow/tfjs-layers");
type TfjsLayer = layers.Layer;

/**
 * Turns a network into a `LayersModel` of TensorFlow.js, for an app to fine-tune, save or combine with tfjs itself. It
 * computes on whatever backend the app has made current, and the app disposes it.
 *
 * Layers are tfjs's own wherever those compute what Keras does. The others (PreprocessInput, grouped, dilated depthwise
 * and wide-stepping convolution, ReLU with slope or threshold, pooling that keeps its axes) are of one class of ours, `CnnTransferLayer`,
 * which this function registers with tfjs so that a saved model loads again. Inputs are float32; pixels 0..255 are given
 * as such.
 *
 * While it trains such a model, tfjs moves the variance of a BatchNormalization a little differently than Keras 3 does.
 *
 * @param layersLibrary the app's `@tensorflow/tfjs-layers` or `@tensorflow/tfjs`
 * @throws InvalidNetworkError if the network's graph or weights are not valid
 *
 * @example
 * import * as tf from "@tensorflow/tfjs-layers";
 * const model = await toLayersModel(network, tf); // a tf.LayersModel
 */
export async function toLayersModel<Model>(network: Network, layersLibrary: LayersLibrary<Model>): Promise<Model> {
  checkNetwork("network", network);
  validateNetwork(network);
  if (typeof (layersLibrary as { readonly model?: unknown } | null | undefined)?.model !== "function") {
    throw new InvalidArgumentError(
      `\`layersLibrary\` is ${describeValue(layersLibrary)}: expected the app's @tensorflow/tfjs-layers or @tensorflow/tfjs.`,
    );
  }
  const core = await loadTfjs();
  const tfl = layersLibrary as unknown as TfjsLayers;
  const ComposedLayer = defineComposedLayer(core, tfl);
  const shapes = inferShapes(network);
  const made = new Map<string, TfjsLayer>();
  const values = new Map<string, SymbolicTensor>();
  for (const layer of network.layers) {
    if (layer.className === "InputLayer") {
      values.set(layer.name, tfl.input({ shape: [...layer.config.shape], name: layer.name, dtype: "float32" }));
      continue;
    }
    const owner = layer.weightsOf ?? layer.name;
    const inputs = layer.inputs.map((name) => values.get(name) as SymbolicTensor);
    const own =
      made.get(owner) ??
      tfjsLayer(tfl, layer, shapes.get(layer.name) ?? []) ??
      new ComposedLayer({ name: layer.name, layer });
    made.set(owner, own);
    values.set(layer.name, own.apply(inputs.length === 1 ? (inputs[0] as SymbolicTensor) : inputs) as SymbolicTensor);
  }
  const model = tfl.model({
    name: network.name,
    inputs: network.inputs.map((name) => values.get(name) as SymbolicTensor),
    outputs: network.outputs.map((name) => values.get(name) as SymbolicTensor),
  });
  for (const [name, weights] of network.weights) {
    if (weights.length === 0) continue;
    // By position within the layer: names differ between versions, and tfjs passes over those that it does not know.
    const tensors = weights.map(({ array }) => core.tensor(array.data.slice(), [...array.shape], "float32"));
    made.get(name)?.setWeights(tensors);
    core.dispose(tensors);
  }
  return model as Model;
}

/** tfjs's own layer for one of ours, or undefined where it computes something else or has none. */
function tfjsLayer(tfl: TfjsLayers, layer: Layer, shape: RowShape): TfjsLayer | undefined {
  const make = makers[layer.className] as Maker<Layer> | undefined;
  return make?.(tfl, layer, shape);
}

/** Activations that tfjs's layers compute as Keras 3 does. */
const tfjsActivations = ["linear", "relu", "relu6", "sigmoid", "softmax", "tanh"] as const;

function isTfjsActivation(activation: Activation): activation is (typeof tfjsActivations)[number] {
  return (tfjsActivations as readonly Activation[]).includes(activation);
}

type Maker<L> = (tfl: TfjsLayers, layer: L, shape: RowShape) => TfjsLayer | undefined;

type Makers = { readonly [C in LayerClassName]?: Maker<Layer<C>> };

const makers: Makers = {
  Conv2D: (tfl, { name, config }) =>
    config.groups === 1 && !stepsOverPixels(config) && isTfjsActivation(config.activation)
      ? tfl.layers.conv2d({
          name,
          filters: config.filters,
          kernelSize: [...config.kernelSize],
          strides: [...config.strides],
          padding: config.padding,
          dilationRate: [...config.dilationRate],
          useBias: config.useBias,
          activation: config.activation,
          kernelInitializer: "zeros",
        })
      : undefined,
  // tfjs reads no dilation here.
  DepthwiseConv2D: (tfl, { name, config }) =>
    config.dilationRate.every((rate) => rate === 1) && !stepsOverPixels(config) && isTfjsActivation(config.activation)
      ? tfl.layers.depthwiseConv2d({
          name,
          depthMultiplier: config.depthMultiplier,
          kernelSize: [...config.kernelSize],
          strides: [...config.strides],
          padding: config.padding,
          useBias: config.useBias,
          activation: config.activation,
          depthwiseInitializer: "zeros",
        })
      : undefined,
  Dense: (tfl, { name, config: { activation, ...config } }) =>
    isTfjsActivation(activation)
      ? tfl.layers.dense({ name, ...config, activation, kernelInitializer: "zeros" })
      : undefined,
  BatchNormalization: (tfl, { name, config }) => tfl.layers.batchNormalization({ name, axis: -1, ...config }),
  Activation: (tfl, { name, config: { activation } }) =>
    isTfjsActivation(activation) ? tfl.layers.activation({ name, activation }) : undefined,
  // tfjs reads neither slope nor threshold.
  ReLU: (tfl, { name, config: { maxValue, negativeSlope, threshold } }) =>
    negativeSlope === 0 && threshold === 0
      ? tfl.layers.reLU({ name, ...(maxValue === null ? {} : { maxValue }) })
      : undefined,
  MaxPooling2D: (tfl, { name, config }) =>
    tfl.layers.maxPooling2d({
      name,
      poolSize: [...config.poolSize],
      strides: [...config.strides],
      padding: config.padding,
    }),
  AveragePooling2D: (tfl, { name, config }) =>
    tfl.layers.averagePooling2d({
      name,
      poolSize: [...config.poolSize],
      strides: [...config.strides],
      padding: config.padding,
    }),
  GlobalAveragePooling2D: (tfl, { name, config }) =>
    config.keepdims ? undefined : tfl.layers.globalAveragePooling2d({ name }),
  GlobalMaxPooling2D: (tfl, { name, config }) =>
    config.keepdims ? undefined : tfl.layers.globalMaxPooling2d({ name }),
  ZeroPadding2D: (tfl, { name, config: { padding } }) =>
    tfl.layers.zeroPadding2d({ name, padding: [[...padding[0]], [...padding[1]]] }),
  // tfjs takes every negative axis for the last one. Of ours, the batch is axis 0.
  Concatenate: (tfl, { name, inputs, config: { axis } }, shape) =>
    inputs.length > 1 ? tfl.layers.concatenate({ name, axis: axis < 0 ? shape.length + 1 + axis : axis }) : undefined,
  Add: (tfl, { name, inputs }) => (inputs.length > 1 ? tfl.layers.add({ name }) : undefined),
  // tfjs flattens known axes only, and infers nothing from -1.
  Flatten: (tfl, { name }, shape) => (shape.includes(null) ? undefined : tfl.layers.flatten({ name })),
  Reshape: (tfl, { name }, shape) =>
    shape.includes(null) ? undefined : tfl.layers.reshape({ name, targetShape: [...shape] }),
  Dropout: (tfl, { name, config }) => tfl.layers.dropout({ name, rate: config.rate }),
};
