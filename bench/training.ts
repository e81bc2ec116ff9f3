import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import { onnx, type TrainableNetwork, tfjsNode, tfjsWasm } from "cnn-transfer";
import { median, printTable, type Row } from "./report.js";
import { watchMemory } from "./resident-memory.js";
import { blockJob, headJob, type Job, load, type Step, stepOf } from "./training-jobs.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const python = path.resolve(here, "../.venv/bin/python");
const builtTfjsNode = path.resolve(here, "../.tfjs-node/node_modules/@tensorflow/tfjs-node");
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
  const threaded = startThreadedWasm();
  try {
    for (const job of jobs) await compare(job, keras, threaded, rounds);
  } finally {
    keras?.stop();
    threaded.stop();
  }
  if (!quick) await holdMemory(headJob(32), batches);
}

async function compare(job: Job, keras: Peer | undefined, threaded: Peer, rounds: number): Promise<void> {
  const backends = [onnx(), existsSync(builtTfjsNode) ? tfjsNode({ module: builtTfjsNode }) : tfjsNode(), tfjsWasm()];
  const steps = new Map<string, Step>();
  const loaded: TrainableNetwork[] = [];
  for (const backend of backends) {
    const network = await load(backend, job);
    if (network === undefined) continue;
    loaded.push(network);
    steps.set(backend.description, stepOf(network, job));
  }
  steps.set("the same with 2 threads", () => threaded.step(`${job.peer} ${job.batchSize}`));
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

/** Takes steps in another process. */
interface Peer {
  /** One step of a job, as `head 32`; resolves to its ms. */
  step(job: string): Promise<number>;
  stop(): void;
}

/** tfjs-wasm with 2 threads: its module is one for a process, so this has its own. */
function startThreadedWasm(): Peer {
  const child = fork(path.join(here, "training-threads.ts"), ["2"]);
  const ended = once(child, "exit").then(() => undefined);
  return {
    async step(job) {
      child.send(job);
      const answer = await Promise.race([once(child, "message"), ended]);
      if (answer === undefined) throw new Error(`training-threads.ts ended at "${job}".`);
      return answer[0] as number;
    },
    stop: () => child.disconnect(),
  };
}

function startKeras(): Peer {
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
