import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import { type TrainableNetwork, tfjsWasm } from "cnn-transfer";
import { installedBackends } from "./backends.js";
import { gigaflopsOf } from "./operations.js";
import type { PeakMeter } from "./peak.js";
import { startPython } from "./python.js";
import { compare, inTurns, type Lane, printTable } from "./report.js";
import { watchMemory } from "./resident-memory.js";
import { blockJob, headJob, type Job, type Step, stepOf } from "./training-jobs.js";

/** Takes steps in another process. */
interface Peer {
  /** One step of a job, as `head 32`; resolves to its ms. */
  ask(job: string): Promise<number>;
  stop(): Promise<void>;
}

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
  const threaded = startThreadedWasm();
  try {
    for (const job of jobs) await compareSteps(job, keras, threaded, rounds, peak);
  } finally {
    await keras?.stop();
    await threaded.stop();
  }
  if (!quick) await holdMemory(headJob(32), batches);
}

async function compareSteps(
  job: Job,
  keras: Peer | undefined,
  threaded: Peer,
  rounds: number,
  peak: PeakMeter,
): Promise<void> {
  const steps = new Map<string, Step>();
  const loaded: TrainableNetwork[] = [];
  for (const backend of await installedBackends()) {
    const network = await backend.loadForTraining(job.network, job.options);
    loaded.push(network);
    steps.set(backend.description, stepOf(network, job));
  }
  steps.set("tfjs-wasm with 2 threads, in a process of its own", () => threaded.ask(`${job.peer} ${job.batchSize}`));
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

/** tfjs-wasm with 2 threads: its module is one for a process, so this has its own. */
function startThreadedWasm(): Peer {
  const child = fork(path.join(path.dirname(fileURLToPath(import.meta.url)), "training-threads.ts"), ["2"]);
  const ended = once(child, "exit").then(() => undefined);
  return {
    async ask(job) {
      child.send(job);
      const answer = await Promise.race([once(child, "message"), ended]);
      if (answer === undefined) throw new Error(`training-threads.ts ended at "${job}".`);
      return answer[0] as number;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
