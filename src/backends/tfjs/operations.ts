import type { Tensor1D, Tensor2D, Tensor4D } from "@tensorflow/tfjs-core";
import type { PreprocessMode } from "../../images/preprocess.js";
import type { Layer } from "../../network/layer.js";
import type { WeightShape } from "../../network/layer-rules.js";
import type { BinaryOperation, Operations, UnaryOperation } from "../operations.js";
import { convolve, convolveDepthwise, convolveTransposed, pool } from "./convolution.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";

/** What a layer needs while training, beyond its inputs and weights. */
export interface TrainingContext {
  /** Dropout's mask: 0 or 1 / (1 - rate) for each value of a tensor of this shape. */
  dropoutMask(shape: readonly number[], rate: number): Tensor;
  /** Takes the statistics of this batch that a BatchNormalization saw, to move its own towards them. */
  batchStatistics(layer: Layer<"BatchNormalization">, mean: Tensor, variance: Tensor): void;
}

/** The weights of one layer: what they are, and their tensors in the same order. */
export interface LayerWeights {
  readonly shapes: readonly WeightShape[];
  readonly tensors: readonly Tensor[];
}

/**
 * The operations of one layer on tfjs's tensors.
 *
 * @param training present while training; gradients flow through every operation used then
 */
export function tfjsOperations(tf: Tfjs, weights: LayerWeights, training?: TrainingContext): Operations<Tensor> {
  const binaries: Readonly<Record<BinaryOperation, (a: Tensor, b: Tensor) => Tensor>> = {
    add: tf.add,
    subtract: tf.sub,
    multiply: tf.mul,
    divide: tf.div,
    maximum: tf.maximum,
    minimum: tf.minimum,
  };
  const unaries: Readonly<Record<UnaryOperation, (x: Tensor) => Tensor>> = {
    relu: tf.relu,
    sigmoid: tf.sigmoid,
    tanh: tf.tanh,
    exp: tf.exp,
    erf: tf.erf,
    sqrt: tf.sqrt,
    abs: tf.abs,
    softplus: tf.softplus,
    negate: tf.neg,
    logSoftmax: (x) => tf.logSoftmax(x),
  };

  function weight(name: string): Tensor {
    return weights.tensors[weights.shapes.findIndex((candidate) => candidate.name === name)] as Tensor;
  }

  const rowOf = (x: Tensor, row: readonly (number | null)[]) =>
    row.map((size, at) => size ?? (x.shape[at + 1] as number));

  const parts = { tf, weight, training: training !== undefined };
  return {
    rank: (x) => x.rank,
    constant: (values, shape) => tf.tensor([...values], [...shape], "float32"),
    weight: ({ name, shape }) => tf.reshape(weight(name), [...shape]),
    unary: (operation, x) => unaries[operation](x),
    binary: (operation, a, b) => binaries[operation](a, b),
    clip: (x, min, max) => (min === 0 && max === 6 ? tf.relu6(x) : tf.clipByValue(x, min, max)),
    leakyRelu: (x, slope) => tf.leakyRelu(x, slope),
    greater: (x, than) => tf.cast(tf.greater(x, than), "float32"),
    softmax(x, axis) {
      if (axis === x.rank - 1) return tf.softmax(x);
      const order = Array.from({ length: x.rank }, (_, at) => at);
      [order[axis], order[x.rank - 1]] = [x.rank - 1, axis];
      return tf.transpose(tf.softmax(tf.transpose(x, order)), order);
    },
    reduce(operation, x, axes, keepdims) {
      const over = [...axes];
      if (operation === "mean") return tf.mean(x, over, keepdims);
      return operation === "max" ? tf.max(x, over, keepdims) : tf.sum(x, over, keepdims);
    },
    reshape: (x, row) => tf.reshape(x, [x.shape[0] as number, ...rowOf(x, row)]),
    expandDims: (x, axes) => axes.reduce<Tensor>((value, axis) => tf.expandDims(value, axis), x),
    squeeze: (x, axes) => tf.squeeze(x, [...axes]),
    transpose: (x, axes) => tf.transpose(x, [...axes]),
    pad: (x, row) => tf.pad(x, [[0, 0], ...row.map(([before, after]): [number, number] => [before, after])]),
    crop(x, row) {
      const starts = [0, ...row.map(([before]) => before)];
      const sizes = x.shape.map((size, axis) => {
        const [before, after] = row[axis - 1] ?? [0, 0];
        return size - before - after;
      });
      return tf.slice(x, starts, sizes);
    },
    concatenate: (xs, axis) => tf.concat([...xs], axis),
    repeat: (x, count) => tf.tile(x, [1, count, ...new Array<number>(x.rank - 2).fill(1)]),
    resize(x, to, interpolation) {
      const image = x as Tensor4D;
      const [height, width] =
        "size" in to ? to.size : to.scale.map((factor, axis) => factor * (image.shape[axis + 1] as number));
      const size: [number, number] = [height as number, width as number];
      return interpolation === "nearest"
        ? tf.image.resizeNearestNeighbor(image, size, false, true)
        : tf.image.resizeBilinear(image, size, false, true);
    },
    convolve: (x, settings, groups) => convolve(parts, x, settings, groups),
    convolveDepthwise: (x, settings) => convolveDepthwise(parts, x, settings),
    convolveTransposed: (x, settings) => convolveTransposed(parts, x, settings),
    pool: (operation, x, window) => pool(tf, operation, x, window),
    multiplyMatrix(x, kernel, bias, activation) {
      const matrix = weight(kernel.name);
      const offset = bias === undefined ? undefined : weight(bias.name);
      const flat = x.rank === 2 ? x : tf.reshape(x, [-1, x.shape.at(-1) as number]);
      let product: Tensor;
      if (training === undefined) {
        product = tf.fused.matMul({
          a: flat,
          b: matrix,
          activation,
          ...(offset === undefined ? {} : { bias: offset }),
        });
      } else {
        product = tf.matMul(flat, matrix);
        if (offset !== undefined) product = tf.add(product, offset);
        if (activation !== "linear") product = activation === "relu" ? tf.relu(product) : tf.relu6(product);
      }
      return x.rank === 2 ? product : tf.reshape(product, [...x.shape.slice(0, -1), matrix.shape[1] as number]);
    },
    multiplyMatrices: (a, b) => tf.matMul(a, b),
    batchNormalize: (x, layer) => batchNormalize(tf, x, weights.tensors, layer, training),
    preprocess: (x, mode) => preprocess(tf, x, mode),
    dropout: (x, rate) =>
      training === undefined || rate === 0 ? tf.clone(x) : tf.mul(x, training.dropoutMask(x.shape, rate)),
    identity: (x) => tf.clone(x),
  };
}

/** ImageNet's mean pixel, blue first, as the Caffe networks subtract it. */
const caffeMeans = [103.939, 116.779, 123.68];
/** Mean and deviation of ImageNet's pixels scaled to 0..1, red first, as the Torch networks use them. */
const torchMeans = [0.485, 0.456, 0.406];
const torchDeviations = [0.229, 0.224, 0.225];

function preprocess(tf: Tfjs, x: Tensor, mode: PreprocessMode): Tensor {
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

function batchNormalize(
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
