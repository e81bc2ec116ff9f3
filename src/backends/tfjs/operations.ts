import type { Tensor1D, Tensor2D, Tensor4D } from "@tensorflow/tfjs-core";
import type { PreprocessMode } from "../../images/preprocess.js";
import type { Layer, Size2D } from "../../network/layer.js";
import type { WeightShape } from "../../network/layer-rules.js";
import type { BinaryOperation, Operations, UnaryOperation } from "../operations.js";
import { convolve, convolveDepthwise, convolveTransposed, pool } from "./convolution.js";
import { type LayerNoise, perturb } from "./perturb.js";
import type { Tensor, Tfjs } from "./shared-tfjs.js";

/** What one layer needs while training, beyond its inputs and weights. */
export interface TrainingContext {
  /** Whether gradients are to flow through the layer, which they do not through all fused operations. */
  readonly differentiated: boolean;
  readonly noise: LayerNoise;
  /**
   * Takes the statistics of this batch that a BatchNormalization saw, to move its own towards them. Undefined for one that
   * is not trained, which normalises as in inference.
   */
  readonly batchStatistics?: ((layer: Layer<"BatchNormalization">, mean: Tensor, variance: Tensor) => void) | undefined;
}

/** The weights of one layer: what they are, and their tensors in the same order. */
export interface LayerWeights {
  readonly shapes: readonly WeightShape[];
  readonly tensors: readonly Tensor[];
}

/**
 * The operations of one layer on tfjs's tensors.
 *
 * @param training present while training
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

  const differentiated = training?.differentiated ?? false;
  const parts = { tf, weight, differentiated };
  return {
    rank: (x) => x.rank,
    constant: (values, shape) => tf.tensor([...values], [...shape], "float32"),
    weight: ({ name, shape }) => tf.reshape(weight(name), [...shape]),
    unary: (operation, x) => unaries[operation](x),
    binary: (operation, a, b) => binaries[operation](a, b),
    clip: (x, min, max) => (min === 0 && max === 6 ? tf.relu6(x) : tf.clipByValue(x, min, max)),
    leakyRelu: (x, slope) => tf.leakyRelu(x, slope),
    // Not tf.greater, which has no gradient. The difference is 0 for equal numbers only.
    greater: (x, than) => tf.step(tf.sub(x, than)),
    softmax(x, axis) {
      if (axis === x.rank - 1) return tf.softmax(x);
      const order = Array.from({ length: x.rank }, (_, at) => at);
      [order[axis], order[x.rank - 1]] = [x.rank - 1, axis];
      return tf.transpose(tf.softmax(tf.transpose(x, order)), order);
    },
    reduce(operation, x, axes, keepdims) {
      const over = [...axes];
      if (operation === "mean") return tf.mean(x, over, keepdims);
      if (operation === "sum") return tf.sum(x, over, keepdims);
      return differentiated ? greatest(tf, x, over, keepdims) : tf.max(x, over, keepdims);
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
      if (differentiated && "scale" in to && interpolation === "nearest") return repeatPixels(tf, x, to.scale);
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
    pool: (operation, x, window) => pool(parts, operation, x, window),
    multiplyMatrix(x, kernel, bias, activation) {
      const matrix = weight(kernel.name);
      const offset = bias === undefined ? undefined : weight(bias.name);
      const flat = x.rank === 2 ? x : tf.reshape(x, [-1, x.shape.at(-1) as number]);
      let product: Tensor;
      if (!differentiated) {
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
    perturb: (x, perturbation) => (training === undefined ? tf.clone(x) : perturb(tf, x, perturbation, training.noise)),
    identity: (x) => tf.clone(x),
  };
}

/** Each pixel several times along height and width, with a gradient that is right on every backend. */
function repeatPixels(tf: Tfjs, x: Tensor, [down, right]: Size2D): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const repeat = (value: Tensor, outer: number, count: number, inner: number): Tensor =>
    tf.mul(tf.reshape(value, [outer, 1, inner]), tf.ones([1, count, 1]));
  const rows = repeat(x, batch * height, down, width * channels);
  const both = repeat(rows, batch * height * down * width, right, channels);
  return tf.reshape(both, [batch, height * down, width * right, channels]);
}

/** The greatest value, whose gradient goes to all that are equal to it in equal parts, as in TensorFlow. */
function greatest(tf: Tfjs, x: Tensor, axes: number[], keepdims: boolean): Tensor {
  const ofAxes = tf.customGrad((value, save) => {
    const all = value as Tensor;
    const max = tf.max(all, axes, true);
    (save as (tensors: Tensor[]) => void)([all, max]);
    return {
      value: keepdims ? max : tf.squeeze(max, axes),
      gradFunc: (dy, saved) => {
        const [values, top] = saved as [Tensor, Tensor];
        // Not a cast, whose result tfjs-webgpu cannot transpose to sum it.
        const equal = tf.where(tf.equal(values, top), tf.onesLike(values), tf.zerosLike(values));
        return tf.mul(equal, tf.div(tf.reshape(dy, top.shape), tf.sum(equal, axes, true)));
      },
    };
  });
  return ofAxes(x);
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
  if (training?.batchStatistics === undefined) {
    const [mean, variance] = weights.slice(-2) as Tensor1D[];
    if (training?.differentiated) {
      // As factors and offsets, through which gradients take one multiplication.
      const inverse = tf.rsqrt(tf.add(variance as Tensor1D, epsilon));
      const factor = gamma === undefined ? inverse : tf.mul(inverse, gamma);
      const shift = tf.mul(mean as Tensor1D, factor);
      return tf.add(tf.mul(x, factor), beta === undefined ? tf.neg(shift) : tf.sub(beta, shift));
    }
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
