import {
  createRandom,
  type Layer,
  type NdArray,
  type Network,
  randomWeights,
  type TrainableNetwork,
  type TrainingOptions,
} from "cnn-transfer";
import { timed } from "./report.js";

const classes = 3;

/** A network, how it is trained, and what its peer in Keras is called. */
export interface Job {
  readonly title: string;
  readonly peer: string;
  readonly batchSize: number;
  readonly network: Network;
  readonly options: TrainingOptions;
  /** Values that the optimizer keeps of each weight. */
  readonly moments: number;
}

/** Takes one step and resolves to its ms. */
export type Step = () => Promise<number>;

/** Steps of a network under training, on one batch of numbers. */
export function stepOf(network: TrainableNetwork, { batchSize }: Job): Step {
  const random = createRandom(1);
  const [row = []] = network.inputShapes;
  const shape = [batchSize, ...row.map((size) => size as number)];
  const length = shape.reduce((product, size) => product * size, 1);
  const xs: NdArray = { dtype: "float32", shape, data: Float32Array.from({ length }, () => random.double()) };
  const ys = new Float32Array(batchSize * classes);
  for (let at = 0; at < batchSize; at++) ys[at * classes + random.integerBelow(classes)] = 1;
  return () => timed(() => network.step(xs, { dtype: "float32", shape: [batchSize, classes], data: ys }));
}

/** A head on unpooled VGG16 features. */
export function headJob(batchSize: number): Job {
  const layers: readonly Layer[] = [
    { className: "InputLayer", name: "features", inputs: [], config: { shape: [25_088], dtype: "float32" } },
    {
      className: "Dense",
      name: "hidden",
      inputs: ["features"],
      config: { units: 256, useBias: true, activation: "relu" },
    },
    { className: "Dropout", name: "dropout", inputs: ["hidden"], config: { rate: 0.5 } },
    softmax("dropout"),
  ];
  const optimizer = { name: "adam", learningRate: 1e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } as const;
  return {
    title: "Head on 25,088 features: dense 256, dropout, softmax, Adam",
    peer: "head",
    batchSize,
    network: networkOf(layers),
    options: { loss: "categorical_crossentropy", optimizer, l2: 0, seed: 0 },
    moments: 2,
  };
}

/** VGG16's last block. */
export function blockJob(batchSize: number): Job {
  const convolution = (name: string, input: string): Layer => ({
    className: "Conv2D",
    name,
    inputs: [input],
    config: {
      filters: 512,
      kernelSize: [3, 3],
      strides: [1, 1],
      padding: "same",
      dilationRate: [1, 1],
      groups: 1,
      useBias: true,
      activation: "relu",
    },
  });
  const layers: readonly Layer[] = [
    { className: "InputLayer", name: "block4_pool", inputs: [], config: { shape: [14, 14, 512], dtype: "float32" } },
    convolution("block5_conv1", "block4_pool"),
    convolution("block5_conv2", "block5_conv1"),
    convolution("block5_conv3", "block5_conv2"),
    {
      className: "MaxPooling2D",
      name: "block5_pool",
      inputs: ["block5_conv3"],
      config: { poolSize: [2, 2], strides: [2, 2], padding: "valid" },
    },
    { className: "GlobalAveragePooling2D", name: "average", inputs: ["block5_pool"], config: { keepdims: false } },
    softmax("average"),
  ];
  const optimizer = { name: "sgd", learningRate: 1e-4, momentum: 0, nesterov: false } as const;
  return {
    title: "VGG16's block5 forward and backward, softmax, SGD",
    peer: "block5",
    batchSize,
    network: networkOf(layers),
    options: { loss: "categorical_crossentropy", optimizer, l2: 0, seed: 0 },
    moments: 0,
  };
}

function softmax(input: string): Layer {
  return {
    className: "Dense",
    name: "predictions",
    inputs: [input],
    config: { units: classes, useBias: true, activation: "softmax" },
  };
}

function networkOf(layers: readonly Layer[]): Network {
  const [first, last] = [layers[0]?.name ?? "", layers.at(-1)?.name ?? ""];
  const topology = { name: "bench", layers, inputs: [first], outputs: [last] };
  return { ...topology, weights: randomWeights(topology, 1) };
}
