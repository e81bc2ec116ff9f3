import { UnsupportedError } from "../errors.js";
import type { Layer } from "../network/layer.js";
import type { Topology } from "../network/network.js";
import { inferShapes } from "../network/shapes.js";
import { isJsonList } from "./config-reader.js";
import type { Json } from "./layer-config.js";
import type { ModelEntry, ModelTree } from "./model-tree.js";

/** Whether a model, or one inside of it, has a layer that takes pictures with their channels first. */
export function isChannelsFirst(tree: ModelTree): boolean {
  return tree.entries.some(({ model, config }) =>
    model === undefined ? config.data_format === "channels_first" : isChannelsFirst(model),
  );
}

/**
 * A model for pictures `[channels, height, width]` as one for `[height, width, channels]`: its inputs of three axes turn
 * theirs, and its layers work on the last axis. What that changes of the order of values is put right in
 * {@link withTurnedAxes}, when the layers' shapes are known.
 */
export function withChannelsLast(tree: ModelTree): ModelTree {
  return { ...tree, entries: tree.entries.map(turnEntry) };
}

function turnEntry(entry: ModelEntry): ModelEntry {
  const { className, config, model, name } = entry;
  if (model !== undefined) return { ...entry, model: withChannelsLast(model) };
  const changed: { [key: string]: Json } = { ...config };
  for (const key of ["batch_input_shape", "batch_shape"]) {
    const shape = config[key];
    if (className !== "InputLayer" || !isJsonList(shape) || shape.length !== 4) continue;
    const [batch = null, channels = null, height = null, width = null] = shape;
    changed[key] = [batch, height, width, channels];
  }
  if (config.data_format === "channels_first") changed.data_format = "channels_last";
  else if (config.data_format === "channels_last" && className !== "Flatten") {
    throw new UnsupportedError(
      `Layer "${name}" (${className}) of the Keras model has its channels last, but others have them first; a model with both cannot be run here.`,
    );
  }
  if (className.startsWith("BatchNormalization")) {
    // The channels, or the only axis of a row, are the last one now. Of a picture others are refused when ranks are known.
    changed.axis = -1;
  }
  return { ...entry, config: changed };
}

/** Layers that do the same to each value, wherever it stands. */
const elementwise: ReadonlySet<string> = new Set([
  "InputLayer",
  "Activation",
  "ReLU",
  "LeakyReLU",
  "ELU",
  "Identity",
  "Dropout",
  "GaussianNoise",
  "GaussianDropout",
  "AlphaDropout",
  "ActivityRegularization",
  "Add",
  "Subtract",
  "Multiply",
  "Average",
  "Maximum",
  "Minimum",
]);

/** Layers that work on height and width, with the channels where `data_format` has them. */
const spatial =
  /^(Conv2D|DepthwiseConv2D|SeparableConv2D|Conv2DTranspose|MaxPooling2D|AveragePooling2D|Global(Max|Average)Pooling2D|ZeroPadding2D|Cropping2D|UpSampling2D|SpatialDropout2D)$/;

/**
 * Puts the values into the order that they had with channels first, where that matters: before a Flatten or a Reshape of
 * a picture.
 *
 * @param axes the axis of each BatchNormalization and Concatenate, as the file has it
 * @throws UnsupportedError naming the layer, for one that works on another axis of a picture than the channels
 */
export function withTurnedAxes(topology: Topology, axes: ReadonlyMap<string, Json | undefined>): Topology {
  const taken = new Set(topology.layers.map(({ name }) => name));
  const refuse = (layer: Layer, why: string): never => {
    throw new UnsupportedError(
      `Layer "${layer.name}" (${layer.className}) of the Keras model ${why}; with channels first that cannot be run here.`,
    );
  };
  const turned = withConcatenatedChannels(topology);
  const shapes = inferShapes(turned);
  const layers = turned.layers.flatMap((layer): readonly Layer[] => {
    const [input = ""] = layer.inputs;
    const rank = shapes.get(input)?.length ?? 0;
    const { className } = layer;
    if (rank !== 3 || spatial.test(className)) return [layer];
    if (className === "BatchNormalization" || className === "Concatenate") {
      const axis = axes.get(layer.weightsOf ?? layer.name) ?? -1;
      const first = isJsonList(axis) ? axis[0] : axis;
      if (first !== 1) refuse(layer, `works on axis ${String(first)} of a picture`);
      return [layer];
    }
    if (className === "Activation" && /softmax/.test(String(layer.config.activation))) {
      return refuse(layer, "is a softmax over the width of a picture");
    }
    if (elementwise.has(className)) return [layer];
    if (className !== "Flatten" && className !== "Reshape") return refuse(layer, "takes a picture");
    if (className === "Reshape" && layer.config.targetShape.length > 1) {
      return refuse(layer, `gives a picture the shape [${layer.config.targetShape.join(", ")}]`);
    }
    const name = freeName(`${layer.name}_channels_first`, taken);
    return [
      { className: "Permute", name, inputs: layer.inputs, config: { dims: [3, 1, 2] } },
      { ...layer, inputs: [name] },
    ];
  });
  return { ...turned, layers };
}

/** Joins of axis 1, the channels or the only axis of a row, are joins of the last one now. */
function withConcatenatedChannels(topology: Topology): Topology {
  return {
    ...topology,
    layers: topology.layers.map((layer) =>
      layer.className === "Concatenate" && layer.config.axis === 1 ? { ...layer, config: { axis: -1 } } : layer,
    ),
  };
}

function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  while (taken.has(name)) name += "_";
  taken.add(name);
  return name;
}
