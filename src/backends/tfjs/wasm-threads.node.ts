import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { BackendUnavailableError } from "../../errors.js";
import { optionsForThread } from "../../threads/thread-options.node.js";
import type { Tfjs } from "./shared-tfjs.js";

/** Its inner files are used below, so no other will do. */
const knownVersion = "4.22.0";
/** Threads that the module has started before its first instruction; it takes the last ones first. */
const pooled = 8;

/** Most threads that can be asked for: those of the pool, and the caller's. */
export const mostThreads = pooled + 1;

const require = createRequire(import.meta.url);
const folder = "@tensorflow/tfjs-backend-wasm";
const glue = `${folder}/wasm-out/tfjs-backend-wasm-threaded-simd`;

/**
 * Lets the wasm backend that is started next compute with threads. tfjs 4.22 does not by itself in Node: it believes that
 * it cannot (tensorflow/tfjs#3830), starts its threads from a URL that Node refuses, and takes half of the processor's threads
 * at most. So its belief is corrected, and for the time of the start `globalThis.Worker` is one that starts its threads
 * from text, and `os.cpus()` lists as many as it wants to see.
 *
 * @returns to be called after the start, well or not: puts back what was changed but the belief, which stays where the start went well
 * @throws BackendUnavailableError if tfjs is another version than this is made for
 */
export function prepareThreads(tf: Tfjs, threads: number): () => void {
  const { version } = require(`${folder}/package.json`) as { readonly version: string };
  if (version !== knownVersion) {
    const reason = `threads in Node need @tensorflow/tfjs-backend-wasm ${knownVersion}, and ${version} is installed`;
    throw new BackendUnavailableError(
      `Cannot start tfjs-wasm with ${threads} threads: ${reason}. Install that version, or leave \`threads\` out.`,
      [{ backend: "tfjs-wasm", reason }],
    );
  }
  const restore = [replaceWorker(threads - 1), replaceProcessors(2 * threads)];
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", true);
  return () => {
    for (const each of restore) each();
    // Without threads it can start another time.
    if (tf.engine().registry.wasm === undefined) tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  };
}

/** Has `globalThis.Worker` start threads of the wasm module, `count` of them. Returns what puts back the one before. */
function replaceWorker(count: number): () => void {
  const { wasmWorkerContents } = require(`${glue}.worker.js`) as { readonly wasmWorkerContents: string };
  // A line break in it stands for one within a string, as tfjs itself takes it.
  const script = require.resolve(`${glue}.js`);
  const code = `global.__filename = ${JSON.stringify(script)};
    global.__dirname = require("node:path").dirname(__filename);
    ${wasmWorkerContents.replaceAll("\n", "\\n")}`;
  let made = 0;
  function start(): PooledThread {
    const used = made++ >= pooled - count;
    return used ? startThread(code, script) : idleThread();
  }
  const before = Object.getOwnPropertyDescriptor(globalThis, "Worker");
  // The module assigns the one of node:worker_threads, which would not do.
  Object.defineProperty(globalThis, "Worker", {
    configurable: true,
    get: () =>
      function Worker() {
        return start();
      },
    set: () => undefined,
  });
  return () => {
    if (before === undefined) Reflect.deleteProperty(globalThis, "Worker");
    else Object.defineProperty(globalThis, "Worker", before);
  };
}

/** Has `os.cpus()` list so many at least. Returns what puts back the one before. */
function replaceProcessors(count: number): () => void {
  const os = require("node:os") as { cpus(): readonly unknown[] };
  const before = os.cpus;
  const all = before.call(os);
  if (all.length >= count) return () => undefined;
  os.cpus = () => Array.from({ length: count }, (_, index) => all[index % all.length]);
  return () => {
    os.cpus = before;
  };
}

/** What the wasm module uses of a thread. */
interface PooledThread {
  on(event: string, listener: (message: unknown) => void): void;
  postMessage(message: { readonly cmd: string }): void;
  terminate(): void;
  ref(): void;
  unref(): void;
}

function startThread(code: string, script: string): PooledThread {
  const worker = new Worker(code, { eval: true, ...optionsForThread(process.execArgv) });
  return {
    on: (event, listener) => void worker.on(event, listener),
    postMessage(message) {
      // The thread reads the module's script from a file, not from the text that the module would send.
      worker.postMessage(message.cmd === "load" ? { ...message, urlOrBlob: script } : message);
    },
    terminate: () => void worker.terminate(),
    // A thread that waits for work must not keep the process.
    ref: () => undefined,
    unref: () => worker.unref(),
  };
}

/** Stands in for a thread of the pool that is never given work. */
function idleThread(): PooledThread {
  const listeners: ((message: unknown) => void)[] = [];
  return {
    on: (event, listener) => void (event === "message" && listeners.push(listener)),
    postMessage({ cmd }) {
      if (cmd !== "load") throw new Error(`A thread that was not started got "${cmd}".`);
      queueMicrotask(() => {
        for (const listener of listeners) listener({ cmd: "loaded" });
      });
    },
    terminate: () => undefined,
    ref: () => undefined,
    unref: () => undefined,
  };
}
