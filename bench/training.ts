import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import {
  createRandom,
  isCnnTransferError,
  type Layer,
  type NdArray,
  type Network,
  onnx,
  randomWeights,
  type TrainableBackend,
  type TrainableNetwork,
  type TrainingOptions,
  tfjsNode,
  tfjsWasm,
} from "cnn-transfer";
import { median, printTable, type Row } from "./report.js";
import { watchMemory } from "./resident-memory.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const python = path.resolve(here, "../.venv/bin/python");
const builtTfjsNode = path.resolve(here, "../.tfjs-node/node_modules/@tensorflow/tfjs-node");
const classes = 3;

/** A network, how it is trained, and what its peer in Keras is called. */
interface Job {
  readonly title: string;
  readonly peer: string;
  readonly batchSize: number;
  readonly network: Network;
  readonly options: TrainingOptions;
}

/** Takes one step and resolves to its ms. */
type Step = () => Promise<number>;

/** Steps of a head on unpooled VGG16 features and of VGG16's last block: each backend and Keras in turns, and memory. */
export async function training({
  rounds,
  batches,
  quick,
}: {
  readonly rounds: number;
  readonly batches: number;
  readonly quick: boolean;
}): Promise<void> {
  const jobs = quick ? [headJob(32)] : [headJob(32), headJob(128), blockJob(8)];
  const keras = !quick && existsSync(python) ? startKeras() : undefined;
  try {
    for (const job of jobs) await compare(job, keras, rounds);
  } finally {
    keras?.stop();
  }
  if (!quick) await holdMemory(headJob(32), batches);
}

async function compare(job: Job, keras: ReturnType<typeof startKeras> | undefined, rounds: number): Promise<void> {
  const backends = [onnx(), existsSync(builtTfjsNode) ? tfjsNode({ module: builtTfjsNode }) : tfjsNode(), tfjsWasm()];
  const steps = new Map<string, Step>();
  const loaded: TrainableNetwork[] = [];
  for (const backend of backends) {
    const network = await load(backend, job);
    if (network === undefined) continue;
    loaded.push(network);
    steps.set(backend.description, stepOf(network, job));
  }
  if (keras !== undefined) steps.set("Keras on TensorFlow", () => keras.step(`${job.peer} ${job.batchSize}`));
  const times = new Map([...steps.keys()].map((name) => [name, [] as number[]]));
  for (const step of steps.values()) for (let warmUp = 0; warmUp < 2; warmUp++) await step();
  for (let round = 0; round < rounds; round++) {
    for (const [name, step] of steps) times.get(name)?.push(await step());
  }
  for (const network of loaded) await network.dispose();
  let first: number | undefined;
  const rows = [...times].map(([what, all]): Row => {
    const time = median(all);
    first ??= time;
    return { what, figure: `${time.toFixed(0)} ms/step`, ratio: `${(time / first).toFixed(2)}x` };
  });
  printTable(`${job.title}, batch ${job.batchSize}, medians of ${rounds} rounds in turns`, rows);
}

async function load(backend: TrainableBackend, { network, options }: Job): Promise<TrainableNetwork | undefined> {
  try {
    await backend.init();
  } catch (error) {
    if (isCnnTransferError(error, "BackendUnavailableError")) return undefined;
    throw error;
  }
  return backend.loadForTraining(network, options);
}

function stepOf(network: TrainableNetwork, { batchSize }: Job): Step {
  const random = createRandom(1);
  const [row = []] = network.inputShapes;
  const shape = [batchSize, ...row.map((size) => size as number)];
  const length = shape.reduce((product, size) => product * size, 1);
  const xs: NdArray = { dtype: "float32", shape, data: Float32Array.from({ length }, () => random.double()) };
  const ys = new Float32Array(batchSize * classes);
  for (let at = 0; at < batchSize; at++) ys[at * classes + random.integerBelow(classes)] = 1;
  return async () => {
    const start = performance.now();
    await network.step(xs, { dtype: "float32", shape: [batchSize, classes], data: ys });
    return performance.now() - start;
  };
}

/** Trains on tfjs-wasm for many batches and says how memory behaved. */
async function holdMemory(job: Job, batches: number): Promise<void> {
  const network = await load(tfjsWasm(), job);
  if (network === undefined) return;
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

function startKeras(): { step(job: string): Promise<number>; stop(): void } {
  const child: ChildProcess = spawn(python, [path.join(here, "training_peer.py")], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  return {
    async step(job) {
      child.stdin?.write(`${job}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`training_peer.py ended at "${job}".`);
      return Number(value);
    },
    stop: () => void child.stdin?.end(),
  };
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
