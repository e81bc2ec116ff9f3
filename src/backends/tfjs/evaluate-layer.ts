import type { Tensor1D, Tensor2D, Tensor4D } from "@tensorflow/tfjs-core";
import { UnsupportedError } from "../../errors.js";
import type { Activation, Layer, LayerConfigs, Padding } from "../../network/layer.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";

/** What a layer needs while training, beyond its inputs and weights. */
export interface TrainingContext {
  /** Dropout's mask: 0 or 1 / (1 - rate) for each value of a tensor of this shape. */
  dropoutMask(shape: readonly number[], rate: number): Tensor;
  /** Takes the statistics of this batch that a BatchNormalization saw, to move its own towards them. */
  batchStatistics(layer: Layer<"BatchNormalization">, mean: Tensor, variance: Tensor): void;
}

/**
 * Value of one layer for a batch, as tfjs operations. Composes what tfjs lacks: grouped convolution, ReLU with slope
 * and threshold, preprocessing.
 *
 * @param inputs float32 tensors `[batch, ...row]`
 * @param weights in Keras's order, as `weightShapes` lists them
 * @param training present while training; gradients flow through every operation used then
 * @returns a tensor of its own, never one of the inputs
 */
export function evaluateLayer(
  tf: Tfjs,
  layer: Layer,
  inputs: readonly Tensor[],
  weights: readonly Tensor[],
  training?: TrainingContext,
): Tensor {
  const x = inputs[0] as Tensor;
  switch (layer.className) {
    case "InputLayer":
      return tf.clone(x);
    case "PreprocessInput":
      return preprocess(tf, x, layer.config);
    case "Conv2D":
      return convolve(tf, x, weights, layer.config, training !== undefined);
    case "DepthwiseConv2D":
      return convolveDepthwise(tf, x, weights, layer.config, training !== undefined);
    case "Dense":
      return multiply(tf, x, weights, layer.config, training !== undefined);
    case "BatchNormalization":
      return normalize(tf, x, weights, layer, training);
    case "Activation":
      return activate(tf, x, layer.config.activation);
    case "ReLU":
      return rectify(tf, x, layer.config);
    case "MaxPooling2D": {
      const { poolSize, strides, padding } = layer.config;
      return tf.maxPool(x as never, [...poolSize], [...strides], padding);
    }
    case "AveragePooling2D": {
      const { poolSize, strides, padding } = layer.config;
      return tf.avgPool(x as never, [...poolSize], [...strides], padding);
    }
    case "GlobalAveragePooling2D":
      return tf.mean(x, [1, 2], layer.config.keepdims);
    case "GlobalMaxPooling2D":
      return tf.max(x, [1, 2], layer.config.keepdims);
    case "ZeroPadding2D": {
      const [vertical, horizontal] = layer.config.padding;
      return tf.pad(x, [[0, 0], [...vertical], [...horizontal], [0, 0]]);
    }
    case "Concatenate": {
      const { axis } = layer.config;
      return tf.concat([...inputs], axis < 0 ? x.rank + axis : axis);
    }
    case "Add":
      return inputs.length === 1 ? tf.clone(x) : inputs.slice(1).reduce((sum, next) => tf.add(sum, next), x);
    case "Flatten":
      return tf.reshape(x, [batchOf(x), -1]);
    case "Reshape":
      return tf.reshape(x, [batchOf(x), ...layer.config.targetShape]);
    case "Dropout": {
      const { rate } = layer.config;
      return training === undefined || rate === 0 ? tf.clone(x) : tf.mul(x, training.dropoutMask(x.shape, rate));
    }
    default:
      throw new UnsupportedError(`TensorFlow.js cannot run the layer "${layer.name}": it has no ${layer.className}.`);
  }
}

function batchOf(x: Tensor): number {
  return x.shape[0] as number;
}

/** ImageNet's mean pixel, blue first, as the Caffe networks subtract it. */
const caffeMeans = [103.939, 116.779, 123.68];
/** Mean and deviation of ImageNet's pixels scaled to 0..1, red first, as the Torch networks use them. */
const torchMeans = [0.485, 0.456, 0.406];
const torchDeviations = [0.229, 0.224, 0.225];

function preprocess(tf: Tfjs, x: Tensor, { mode }: LayerConfigs["PreprocessInput"]): Tensor {
  switch (mode) {
    case "none":
      return tf.clone(x);
    case "tf":
      return tf.sub(tf.div(x, 127.5), 1);
    case "torch":
      return tf.div(tf.sub(tf.div(x, 255), torchMeans), torchDeviations);
    case "caffe":
      return tf.sub(tf.reverse(x, -1), caffeMeans);
  }
}

/** Activations that every backend can compute as part of a convolution or a matrix product. */
function fusable(activation: Activation): activation is "linear" | "relu" | "relu6" {
  return activation === "linear" || activation === "relu" || activation === "relu6";
}

function activate(tf: Tfjs, x: Tensor, activation: Activation): Tensor {
  switch (activation) {
    case "linear":
      return tf.clone(x);
    case "relu":
      return tf.relu(x);
    case "relu6":
      return tf.relu6(x);
    case "sigmoid":
      return tf.sigmoid(x);
    case "softmax":
      return tf.softmax(x);
    case "tanh":
      return tf.tanh(x);
    default:
      throw new UnsupportedError(`TensorFlow.js cannot compute the activation ${JSON.stringify(activation)}.`);
  }
}

/**
 * Pads an image for a convolution whose stride is larger than its window: there tfjs-wasm takes padding `same` wrongly
 * and gives other numbers without an error.
 */
function padWideStrides(
  tf: Tfjs,
  x: Tensor4D,
  config: LayerConfigs["Conv2D"] | LayerConfigs["DepthwiseConv2D"],
): { readonly input: Tensor4D; readonly padding: Padding } {
  const { strides, padding } = config;
  if (!hasWideStrides(config)) return { input: x, padding };
  const reach = reachOf(config);
  const [vertical, horizontal] = reach.map((size, axis): [number, number] => {
    const stride = strides[axis] as number;
    const length = x.shape[axis + 1] as number;
    const total = Math.max(0, (Math.ceil(length / stride) - 1) * stride + size - length);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  }) as [[number, number], [number, number]];
  return { input: tf.pad(x, [[0, 0], vertical, horizontal, [0, 0]]), padding: "valid" };
}

/** Whether a convolution with `same` padding steps over pixels, which tfjs pads wrongly on wasm. */
export function hasWideStrides(config: LayerConfigs["Conv2D"] | LayerConfigs["DepthwiseConv2D"]): boolean {
  return config.padding === "same" && reachOf(config).some((size, axis) => (config.strides[axis] as number) > size);
}

/** `[height, width]` that a kernel spans, its dilation included. */
function reachOf({
  kernelSize,
  dilationRate,
}: Pick<LayerConfigs["Conv2D"], "kernelSize" | "dilationRate">): readonly number[] {
  return kernelSize.map((size, axis) => (size - 1) * (dilationRate[axis] as number) + 1);
}

function convolve(
  tf: Tfjs,
  x: Tensor,
  [kernel, bias]: readonly Tensor[],
  config: LayerConfigs["Conv2D"],
  training: boolean,
): Tensor {
  const { strides, dilationRate, groups, activation } = config;
  const { input, padding } = padWideStrides(tf, x as Tensor4D, config);
  const filter = kernel as Tensor4D;
  if (groups === 1 && !training) {
    const fused = tf.fused.conv2d({
      x: input,
      filter,
      strides: [...strides],
      pad: padding,
      dilations: [...dilationRate],
      activation: fusable(activation) ? activation : "linear",
      ...(bias === undefined ? {} : { bias }),
    });
    return fusable(activation) ? fused : activate(tf, fused, activation);
  }
  const convolveGroup = (group: Tensor4D, part: Tensor4D) =>
    tf.conv2d(group, part, [...strides], padding, "NHWC", [...dilationRate]);
  // Group g reads its share of the channels and makes its share of the filters; the kernel is split by filters.
  const parts = groups > 1 ? (tf.split(filter, groups, 3) as Tensor4D[]) : [filter];
  const sum =
    groups > 1
      ? tf.concat(
          (tf.split(input, groups, 3) as Tensor4D[]).map((group, index) =>
            convolveGroup(group, parts[index] as Tensor4D),
          ),
          3,
        )
      : convolveGroup(input, filter);
  return activate(tf, bias === undefined ? sum : tf.add(sum, bias), activation);
}

function convolveDepthwise(
  tf: Tfjs,
  x: Tensor,
  [kernel, bias]: readonly Tensor[],
  config: LayerConfigs["DepthwiseConv2D"],
  training: boolean,
): Tensor {
  const { strides, dilationRate, activation } = config;
  const { input, padding } = padWideStrides(tf, x as Tensor4D, config);
  if (!training) {
    const fused = tf.fused.depthwiseConv2d({
      x: input,
      filter: kernel as Tensor4D,
      strides: [...strides],
      pad: padding,
      dilations: [...dilationRate],
      activation: fusable(activation) ? activation : "linear",
      ...(bias === undefined ? {} : { bias }),
    });
    return fusable(activation) ? fused : activate(tf, fused, activation);
  }
  const sum = tf.depthwiseConv2d(input, kernel as Tensor4D, [...strides], padding, "NHWC", [...dilationRate]);
  return activate(tf, bias === undefined ? sum : tf.add(sum, bias), activation);
}

function multiply(
  tf: Tfjs,
  x: Tensor,
  [kernel, bias]: readonly Tensor[],
  { units, activation }: LayerConfigs["Dense"],
  training: boolean,
): Tensor {
  const flat = x.rank === 2 ? x : tf.reshape(x, [-1, x.shape.at(-1) as number]);
  let product: Tensor;
  if (training) {
    product = tf.matMul(flat, kernel as Tensor);
    product = activate(tf, bias === undefined ? product : tf.add(product, bias), activation);
  } else {
    product = tf.fused.matMul({
      a: flat,
      b: kernel as Tensor,
      activation: fusable(activation) ? activation : "linear",
      ...(bias === undefined ? {} : { bias }),
    });
    if (!fusable(activation)) product = activate(tf, product, activation);
  }
  return x.rank === 2 ? product : tf.reshape(product, [...x.shape.slice(0, -1), units]);
}

function normalize(
  tf: Tfjs,
  x: Tensor,
  weights: readonly Tensor[],
  layer: Layer<"BatchNormalization">,
  training: TrainingContext | undefined,
): Tensor {
  const { scale, center, epsilon } = layer.config;
  const gamma = scale ? weights[0] : undefined;
  const beta = center ? weights[scale ? 1 : 0] : undefined;
  const flat = tf.reshape(x, [-1, x.shape.at(-1) as number]) as Tensor2D;
  if (training === undefined) {
    const [mean, variance] = weights.slice(-2) as Tensor1D[];
    return tf.reshape(
      tf.batchNorm(
        flat,
        mean as Tensor1D,
        variance as Tensor1D,
        beta as Tensor1D | undefined,
        gamma as Tensor1D | undefined,
        epsilon,
      ),
      x.shape,
    );
  }
  const { mean, variance } = tf.moments(flat, 0);
  training.batchStatistics(layer, mean, variance);
  let normalized: Tensor = tf.mul(tf.sub(flat, mean), tf.rsqrt(tf.add(variance, epsilon)));
  if (gamma !== undefined) normalized = tf.mul(normalized, gamma);
  if (beta !== undefined) normalized = tf.add(normalized, beta);
  return tf.reshape(normalized, x.shape);
}

/** Step by step as Keras computes it: values equal to the threshold count as below it, where the threshold is not 0. */
function rectify(tf: Tfjs, x: Tensor, { maxValue, negativeSlope, threshold }: LayerConfigs["ReLU"]): Tensor {
  if (threshold === 0 && negativeSlope === 0) {
    if (maxValue === null) return tf.relu(x);
    if (maxValue === 6) return tf.relu6(x);
  }
  let above: Tensor = threshold === 0 ? tf.relu(x) : tf.mul(x, tf.cast(tf.greater(x, threshold), "float32"));
  if (maxValue !== null) above = tf.clipByValue(above, 0, maxValue);
  if (negativeSlope === 0) return above;
  return tf.sub(above, tf.mul(tf.relu(tf.sub(threshold, x)), negativeSlope));
}
