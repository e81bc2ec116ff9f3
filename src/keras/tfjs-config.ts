import { UnsupportedError } from "../errors.js";
import type { Layer, LayerClassName } from "../network/layer.js";
import type { Network } from "../network/network.js";
import { isJsonObject, type JsonObject } from "./config-reader.js";
import { kerasLayerOrder } from "./keras-order.js";
import { type Json, type KerasLayer, type KernelPenalty, toKerasLayer } from "./layer-config.js";
import { type LayerWriting, modelConfigParts } from "./model-config.js";

/** Why tfjs-layers cannot compute a layer as Keras does; undefined if it can. */
type Objection = (layer: Layer) => string | undefined;

const none: Objection = () => undefined;
const keepsNoAxes: Objection = ({ config }) =>
  "keepdims" in config && config.keepdims ? "it drops the axes that `keepdims` keeps" : undefined;
const hasNoGroups: Objection = ({ config }) =>
  "groups" in config && config.groups > 1 ? "it has no `groups`" : stridesWide(config);
const hasNoWideStrides: Objection = ({ config }) => stridesWide(config);

/**
 * The kinds of layer that tfjs-layers 4.22 has, with what of them it does not have or computes otherwise. All others would
 * be unknown to it.
 */
const known: { readonly [C in LayerClassName]?: Objection } = {
  InputLayer: ({ config }) =>
    "dtype" in config && config.dtype !== "float32" ? "an input of it is float32; give the pixels as such" : undefined,
  Conv1D: hasNoGroups,
  Conv2D: hasNoGroups,
  DepthwiseConv2D: hasNoWideStrides,
  SeparableConv2D: hasNoWideStrides,
  Conv2DTranspose: ({ config }) => {
    const padded = "outputPadding" in config && config.outputPadding !== null;
    const dilated = "dilationRate" in config && [config.dilationRate].flat().some((rate) => rate !== 1);
    return padded || dilated ? "it has no `output_padding` and no dilation" : undefined;
  },
  Dense: none,
  BatchNormalization: none,
  LayerNormalization: none,
  Rescaling: ({ config }) =>
    "scale" in config && (typeof config.scale === "object" || ("offset" in config && typeof config.offset === "object"))
      ? "it takes one scale and one offset for all channels"
      : undefined,
  Activation: none,
  Softmax: none,
  ReLU: ({ config }) =>
    "threshold" in config && (config.threshold !== 0 || (config.negativeSlope !== 0 && config.maxValue !== null))
      ? "it reads `max_value` of it and passes over the rest"
      : undefined,
  LeakyReLU: none,
  ELU: none,
  PReLU: none,
  MaxPooling1D: none,
  MaxPooling2D: none,
  AveragePooling1D: none,
  AveragePooling2D: none,
  GlobalAveragePooling1D: keepsNoAxes,
  GlobalAveragePooling2D: keepsNoAxes,
  GlobalMaxPooling1D: keepsNoAxes,
  GlobalMaxPooling2D: keepsNoAxes,
  ZeroPadding2D: none,
  Cropping2D: none,
  UpSampling2D: ({ config }) =>
    "interpolation" in config && config.interpolation !== "nearest" ? "it enlarges by another rule" : undefined,
  Concatenate: none,
  Add: none,
  Multiply: none,
  Average: none,
  Maximum: none,
  Minimum: none,
  Flatten: none,
  Reshape: none,
  Permute: none,
  RepeatVector: none,
  Dropout: none,
  SpatialDropout1D: none,
  GaussianDropout: none,
  GaussianNoise: none,
  AlphaDropout: none,
};

/** Activations by the names that tfjs reads in snake case. Those that are missing it does not have. */
const activations: Readonly<Record<string, string>> = {
  elu: "elu",
  gelu: "gelu",
  linear: "linear",
  log_softmax: "log_softmax",
  mish: "mish",
  relu: "relu",
  relu6: "relu6",
  selu: "selu",
  sigmoid: "sigmoid",
  silu: "swish",
  softmax: "softmax",
  softplus: "softplus",
  softsign: "softsign",
  tanh: "tanh",
};

/** How far a window reaches along each axis, and its strides. */
function windowOf(config: Layer["config"]): readonly (readonly [reach: number, stride: number])[] {
  if (!("kernelSize" in config) || !("strides" in config) || !("dilationRate" in config)) return [];
  const sizes = [config.kernelSize].flat();
  const strides = [config.strides].flat();
  const rates = [config.dilationRate].flat();
  return sizes.map((size, axis) => [(size - 1) * (rates[axis] ?? 1) + 1, strides[axis] ?? 1]);
}

/** tfjs-wasm pads such a convolution wrongly and says nothing. A window of 1 needs no padding at all. */
function stridesWide(config: Layer["config"]): string | undefined {
  const wide = windowOf(config).some(([reach, stride]) => reach > 1 && stride > reach);
  return wide && "padding" in config && config.padding === "same"
    ? 'its backend for WebAssembly takes padding "same" wrongly where strides are wider than the window'
    : undefined;
}

/**
 * Writes a network as the `modelTopology` of tfjs-layers, which computes the same with it.
 *
 * @throws UnsupportedError naming layer and class, for what tfjs-layers lacks or computes otherwise
 */
export function toTfjsTopology(network: Network, writing: LayerWriting): { readonly [key: string]: Json } {
  for (const layer of network.layers) checkLayer(layer);
  const parts = modelConfigParts({ ...network, layers: asTfjsApplies(network) }, writing, toTfjsLayer);
  return {
    class_name: "Model",
    config: {
      name: network.name,
      layers: parts.layers.map(({ class_name, config, name, nodes }) => ({
        class_name,
        config,
        name,
        inbound_nodes: nodes,
      })),
      input_layers: parts.inputs,
      output_layers: parts.outputs,
    },
    keras_version: "tfjs-layers 4.22.0",
    backend: "tensor_flow.js",
  };
}

/**
 * The applications of layers in the order in which tfjs makes them from a config: pass after pass over the layers, each time
 * those whose inputs are there. It counts a layer's applications in that order, and not in that of the config, so that a
 * config in another order would be wired wrongly without a word.
 */
function asTfjsApplies(network: Network): readonly Layer[] {
  const waiting = new Map<string, Layer[]>();
  for (const layer of network.layers) {
    const owner = layer.weightsOf ?? layer.name;
    waiting.set(owner, [...(waiting.get(owner) ?? []), layer]);
  }
  const made = new Map<string, Layer>();
  const owners = kerasLayerOrder(network);
  for (let before = -1; before < made.size; ) {
    before = made.size;
    for (const owner of owners) {
      for (const layer of waiting.get(owner) ?? []) {
        if (!made.has(layer.name) && layer.inputs.every((input) => made.has(input))) made.set(layer.name, layer);
      }
    }
  }
  return [...made.values()];
}

function checkLayer(layer: Layer): void {
  const { name, className, config } = layer;
  const objection = known[className];
  const refuse = (why: string): never => {
    throw new UnsupportedError(
      `Layer "${name}" (${className}) cannot be given to tfjs-layers as it is: ${why}. Use \`toLayersModel(network, tf)\`, which brings a layer of its own for that.`,
    );
  };
  const why = objection === undefined ? "tfjs-layers has no such layer" : objection(layer);
  if (why !== undefined) refuse(why);
  if (!("activation" in config)) return;
  const { activation } = config;
  if (typeof activation !== "string" || activations[activation] === undefined) {
    refuse(`tfjs-layers has no activation ${JSON.stringify(activation)}, or another one of that name`);
  }
}

function toTfjsLayer(layer: Layer, penalty: KernelPenalty): KerasLayer {
  const { class_name, config } = toKerasLayer(layer, penalty);
  const entries = Object.entries(config).map(([key, value]): [string, Json] => {
    // Both penalties in one class is how tfjs has them.
    if (isJsonObject(value) && value.class_name === "L2") {
      return [key, { class_name: "L1L2", config: { l1: 0, ...(value.config as JsonObject) } }];
    }
    if (key === "activation") return [key, activations[String(value)] ?? value];
    return [key, value];
  });
  const own: { [key: string]: Json } = Object.fromEntries(entries);
  if (layer.className === "ReLU" && layer.config.negativeSlope !== 0) {
    const { name = layer.name, trainable = true } = own;
    return { class_name: "LeakyReLU", config: { name, trainable, alpha: layer.config.negativeSlope } };
  }
  const window = windowOf(layer.config);
  if (window.length > 0 && window.every(([reach]) => reach === 1) && own.padding === "same") own.padding = "valid";
  return { class_name, config: own };
}

/** Name of a weight in tfjs: Keras's, but for the kernel of a depthwise convolution. */
export function tfjsWeightName(layer: Layer, weight: string): string {
  const own = layer.className === "DepthwiseConv2D" && weight === "kernel" ? "depthwise_kernel" : weight;
  return `${layer.name}/${own}`;
}
