import * as tf from "@tensorflow/tfjs-core";
import {
  createRandom,
  type Layer,
  type NdArray,
  type Network,
  randomWeights,
  type TrainableNetwork,
  type TrainingOptions,
  tfjsWasm,
} from "cnn-transfer";
import { installedBackends } from "./backends.js";
import { gigaflopsOf, type PeakMeter } from "./peak.js";
import { type PythonPeer, startPython } from "./python.js";
import { compare, inTurns, type Lane, printTable, timed } from "./report.js";
import { watchMemory } from "./resident-memory.js";

const classes = 3;

/** A network, how it is trained, and what its peer in Keras is called. */
interface Job {
  readonly title: string;
  readonly peer: string;
  readonly batchSize: number;
  readonly network: Network;
  readonly options: TrainingOptions;
  /** Values that the optimizer keeps of each weight. */
  readonly moments: number;
}

/** Takes one step and resolves to its ms. */
type Step = () => Promise<number>;

interface TrainingBenchOptions {
  readonly rounds: number;
  /** Of the test of memory. */
  readonly batches: number;
  readonly quick: boolean;
  readonly peak: PeakMeter;
}

/** Steps of a head on unpooled VGG16 features and of VGG16's last block: each backend and Keras in turns, and memory. */
export async function training({ rounds, batches, quick, peak }: TrainingBenchOptions): Promise<void> {
  const jobs = quick ? [headJob(32)] : [headJob(32), headJob(128), blockJob(8)];
  const keras = startPython("training_peer.py");
  try {
    for (const job of jobs) await compareSteps(job, keras, rounds, peak);
  } finally {
    await keras?.stop();
  }
  if (!quick) await holdMemory(headJob(32), batches);
}

async function compareSteps(job: Job, keras: PythonPeer | undefined, rounds: number, peak: PeakMeter): Promise<void> {
  const steps = new Map<string, Step>();
  const loaded: TrainableNetwork[] = [];
  for (const backend of await installedBackends()) {
    const network = await backend.loadForTraining(job.network, job.options);
    loaded.push(network);
    steps.set(backend.description, stepOf(network, job));
  }
  if (keras) steps.set("Keras", () => keras.ask(`${job.peer} ${job.batchSize}`));
  for (const step of steps.values()) for (let warmUp = 0; warmUp < 2; warmUp++) await step();
  const [limit = [], ...figures] = await inTurns(rounds, [() => leastMilliseconds(job, peak), ...steps.values()]);
  for (const network of loaded) await network.dispose();
  const lanes = [...steps.keys()].map(
    (what, at): Lane => ({ what, role: what === "Keras" ? "peer" : "ours", figures: figures[at] ?? [] }),
  );
  printTable(
    `${job.title}, batch ${job.batchSize}, medians of ${rounds} rounds`,
    compare(
      [
        {
          what: "limit: the products at their peak, then the optimizer's pass over memory",
          role: "limit",
          figures: limit,
        },
        ...lanes,
      ],
      { name: "ms/step", faster: "less" },
    ),
  );
}

/**
 * What a step takes at least: a product for the outputs, one for the gradients of the weights and, behind the first layer
 * with weights, one for those of its inputs; then the optimizer reads weights, gradients and its moments, and writes all but
 * the gradients.
 */
async function leastMilliseconds({ network, batchSize, moments }: Job, peak: PeakMeter): Promise<number> {
  const first = network.layers.findIndex(({ name }) => network.weights.has(name));
  const beginning = {
    ...network,
    layers: network.layers.slice(0, first + 1),
    outputs: [network.layers[first]?.name ?? ""],
  };
  const ofFirst = gigaflopsOf(beginning);
  const gigaflop = batchSize * (3 * gigaflopsOf(network) - ofFirst);
  let parameters = 0;
  for (const weights of network.weights.values()) for (const { array } of weights) parameters += array.data.length;
  const gigabytes = (4 * parameters * (3 + 2 * moments)) / 1e9;
  return 1000 * (gigaflop / (await peak.gigaflops()) + gigabytes / (await peak.gigabytesPerSecond()));
}

function stepOf(network: TrainableNetwork, { batchSize }: Job): Step {
  const random = createRandom(1);
  const [row = []] = network.inputShapes;
  const shape = [batchSize, ...row.map((size) => size as number)];
  const length = shape.reduce((product, size) => product * size, 1);
  const xs: NdArray = { dtype: "float32", shape, data: Float32Array.from({ length }, () => random.double()) };
  const ys = new Float32Array(batchSize * classes);
  for (let at = 0; at < batchSize; at++) ys[at * classes + random.integerBelow(classes)] = 1;
  return () => timed(() => network.step(xs, { dtype: "float32", shape: [batchSize, classes], data: ys }));
}

/** Trains on tfjs-wasm for many batches and says how memory behaved. */
async function holdMemory(job: Job, batches: number): Promise<void> {
  const backend = tfjsWasm();
  await backend.init();
  const network = await backend.loadForTraining(job.network, job.options);
  const step = stepOf(network, job);
  const memory = watchMemory("resident memory");
  const heap = () => (tf.engine().registry.wasm as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.byteLength;
  const counts = () => [tf.memory().numTensors, tf.engine().registry.wasm?.numDataIds() ?? 0, heap() / 2 ** 20];
  await step();
  const before = counts();
  for (let batch = 1; batch < batches; batch++) {
    await step();
    memory.sample();
  }
  const after = counts();
  await network.dispose();
  printTable(`${job.title}, batch ${job.batchSize}, on tfjs-wasm: after 1 batch and after ${batches}`, [
    ...["tensors", "values in the wasm heap", "MiB of the wasm heap"].map((what, at) => ({
      what,
      figure: `${before[at]?.toFixed(0)} and ${after[at]?.toFixed(0)}`,
    })),
    ...memory.rows(),
  ]);
}

function headJob(batchSize: number): Job {
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

function blockJob(batchSize: number): Job {
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
