// Trains with ONNX Runtime in a thread of its own, because `session.run` blocks the thread that calls it. The weights stay
// here. Plain JavaScript, so that a worker can start it both from the sources and from the bundle.
import { MessageChannel, parentPort, workerData } from "node:worker_threads";
import { blocksOf, stepInBlocks } from "./block-steps.mjs";
import { holdWeights, updateWeights } from "./weight-memory.mjs";

/**
 * @typedef {import("./training-thread.node.js").ThreadFeed} Feed
 * @typedef {import("./training-thread.node.js").ThreadStatistic} Statistic
 * @typedef {import("./training-thread.node.js").ThreadRequest} Request
 */

/**
 * The part of onnxruntime-node that is used.
 * @typedef {Float32Array | Uint8Array | BigInt64Array} Values
 * @typedef {{ data: Values, dims: readonly number[] }} Tensor
 * @typedef {Record<string, Tensor>} Tensors
 * @typedef {{
 *   run(feeds: Tensors, fetches: Record<string, Tensor | null>): Promise<Tensors>,
 *   release(): Promise<void>,
 * }} Session
 * @typedef {{
 *   Tensor: new (type: "float32" | "uint8" | "int64", data: Values, dims: readonly number[]) => Tensor,
 *   InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> },
 * }} Runtime
 */

const port = parentPort;
if (!port) throw new Error("training-worker.mjs runs as a worker thread only.");

/** Memory shared with ExitGuard: whether this thread is in native code, and whether the process ends. */
const cells = /** @type {Int32Array} */ (workerData);
const busy = 0;
const stopping = 1;

/** @type {Runtime} */
let runtime;
/** @type {Session | undefined} */
let training;
/** @type {Session | undefined} */
let inference;
/** Tensors that a step returns: the loss first. @type {readonly string[]} */
let results = [];
/** @type {import("./training-thread.node.js").ThreadUpdate} */
let update;
/** @type {import("./weight-memory.mjs").HeldWeight[]} */
let weights = [];
/** Computes blocks of gradients. @type {Session | undefined} */
let blockSession;
/** Weights whose gradients are computed in blocks, by their places among all.
 * @type {Map<number, { x: string, slope: string, blocks: import("./block-steps.mjs").Block[] }>} */
const inBlocks = new Map();
/** What a step computed for the blocks: the next writes it to the same place if its batch has the same shape. */
const factors = { batch: "", tensors: /** @type {Record<string, Tensor | null>} */ ({}) };
/** Whether a step has failed after some weights had changed. */
let torn = false;
/** Statistics as a step takes and returns them: memory that is read must not be written, or the results are wrong.
 * @type {{ values: Float32Array, next: Float32Array }[]} */
let statistics = [];
/** Weights and statistics by their names. @type {Tensors} */
const feeds = {};
/** Gradients and the next statistics. @type {Tensors} */
const fetches = {};
/** Weights and statistics that inference takes. @type {readonly string[]} */
let inferenceVariables = [];
/** @type {readonly string[]} */
let outputs = [];

/** @param {Extract<Request, { type: "load" }>} request */
async function load(request) {
  runtime = /** @type {Runtime} */ (/** @type {unknown} */ (await import("onnxruntime-node")));
  training = await runtime.InferenceSession.create(request.model, request.sessionOptions);
  free(request.model);
  ({ results, update } = request);
  weights = holdWeights(update, request.weights);
  if (request.blockModel) {
    blockSession = await runtime.InferenceSession.create(request.blockModel, request.sessionOptions);
  }
  request.weights.forEach(({ name, gradient, data, dims, slots }, at) => {
    const weight = /** @type {import("./weight-memory.mjs").HeldWeight} */ (weights[at]);
    feeds[name] = new runtime.Tensor("float32", weight.value, dims);
    if (typeof gradient === "string") fetches[gradient] = new runtime.Tensor("float32", weight.gradient, dims);
    else inBlocks.set(at, { ...gradient, blocks: blocksOf(runtime, weight, dims, gradient.rows) });
    for (const array of [data, ...slots]) if (array instanceof Float32Array) free(array);
  });
  statistics = request.statistics.map(({ name, next, data, dims }) => {
    const written = new Float32Array(data.length);
    feeds[name] = new runtime.Tensor("float32", data, dims);
    fetches[next] = new runtime.Tensor("float32", written, dims);
    return { values: data, next: written };
  });
  return [];
}

/** @param {Extract<Request, { type: "prepare" }>} request */
async function prepare(request) {
  inference = await runtime.InferenceSession.create(request.model, request.sessionOptions);
  free(request.model);
  inferenceVariables = request.variables;
  outputs = request.outputs;
  return [];
}

/**
 * Gives memory back now: there is another copy of the bytes, and the garbage collector of a thread that waits in native code does
 * not come by for a long time. What is sent to a closed port is dropped at once.
 *
 * @param {Uint8Array | Float32Array} bytes
 */
function free(bytes) {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.postMessage(null, [/** @type {ArrayBuffer} */ (bytes.buffer)]);
  port1.close();
}

/** @param {readonly Feed[]} given */
function tensorsOf(given) {
  /** @type {Tensors} */
  const tensors = {};
  for (const { name, data, dims } of given) {
    tensors[name] = new runtime.Tensor(data instanceof Float32Array ? "float32" : "uint8", data, dims);
  }
  return tensors;
}

/** @param {Extract<Request, { type: "step" }>} request */
async function step(request) {
  const given = tensorsOf(request.feeds);
  const wanted = {
    ...factorsFor(request.feeds),
    ...fetches,
    ...Object.fromEntries(results.map((name) => [name, null])),
  };
  const values = await /** @type {Session} */ (training).run({ ...given, ...feeds }, wanted);
  for (const name of Object.keys(factors.tensors)) factors.tensors[name] = values[name] ?? null;
  // Nothing has changed up to here, and from here on nothing is expected to fail.
  let penalties = 0;
  for (const [at, { x, slope, blocks }] of inBlocks) {
    const pair = /** @type {Tensors} */ ({ x: given[x] ?? values[x], slope: values[slope] });
    const numbers = /** @type {readonly number[]} */ (request.numbers[at]);
    for await (const penalty of stepInBlocks(/** @type {Session} */ (blockSession), update, blocks, pair, numbers)) {
      penalties += penalty;
      torn = true;
    }
  }
  const isWhole = (/** @type {unknown} */ _, /** @type {number} */ at) => !inBlocks.has(at);
  penalties += updateWeights(update, weights.filter(isWhole), request.numbers.filter(isWhole));
  for (const { values: now, next } of statistics) now.set(next);
  torn = false;
  const [loss, ...others] = results.map((name) => arrayOf(/** @type {Tensor} */ (values[name])));
  return [{ data: Float32Array.of(/** @type {number} */ (loss?.data[0]) + penalties), shape: [] }, ...others];
}

/**
 * The factors of gradients in blocks that the graph is to compute.
 *
 * @param {readonly Feed[]} given
 */
function factorsFor(given) {
  const batch = JSON.stringify(given.map(({ dims }) => dims));
  if (batch === factors.batch) return factors.tensors;
  const names = [...inBlocks.values()].flatMap(({ x, slope }) => [x, slope]);
  const own = names.filter((name) => !given.some((feed) => feed.name === name) && !results.includes(name));
  factors.batch = batch;
  factors.tensors = Object.fromEntries(own.filter((name) => !(name in fetches)).map((name) => [name, null]));
  return factors.tensors;
}

/** @param {Extract<Request, { type: "run" }>} request */
async function run(request) {
  const tensors = tensorsOf(request.feeds);
  for (const name of inferenceVariables) tensors[name] = /** @type {Tensor} */ (feeds[name]);
  const fetched = Object.fromEntries(outputs.map((name) => [name, null]));
  const values = await /** @type {Session} */ (inference).run(tensors, fetched);
  return outputs.map((name) => arrayOf(/** @type {Tensor} */ (values[name])));
}

/** All that a step changes. */
function variables() {
  return [...weights.flatMap(({ value, slots }) => [value, ...slots]), ...statistics.map(({ values }) => values)];
}

function read() {
  return variables().map((values) => ({ data: values.slice(), shape: [values.length] }));
}

/** @param {Extract<Request, { type: "write" }>} request */
function write({ values }) {
  variables().forEach((own, at) => {
    const data = values[at];
    if (data) own.set(data);
  });
  return [];
}

/** @param {Tensor} tensor */
function arrayOf({ data, dims }) {
  return { data: /** @type {Float32Array} */ (data), shape: dims };
}

/** @param {Request} request */
function answer(request) {
  if (torn) {
    throw new Error(
      "an earlier step failed after some weights had changed. Load the network again, with the last state that was read",
    );
  }
  switch (request.type) {
    case "load":
      return load(request);
    case "prepare":
      return prepare(request);
    case "step":
      return step(request);
    case "run":
      return run(request);
    case "read":
      return read();
    case "write":
      return write(request);
  }
}

/** @param {{ id: number, request: Request | { type: "close" } }} message */
async function serve({ id, request }) {
  Atomics.store(cells, busy, 1);
  try {
    if (Atomics.load(cells, stopping) === 1) return;
    if (request.type === "close") {
      try {
        await training?.release();
        await blockSession?.release();
        await inference?.release();
      } finally {
        // The thread ends with its port: whoever closes it waits for that.
        port?.close();
      }
      return;
    }
    const arrays = await answer(request);
    port?.postMessage(
      { id, arrays },
      arrays.map(({ data }) => /** @type {ArrayBuffer} */ (data.buffer)),
    );
  } catch (error) {
    port?.postMessage({ id, reason: /** @type {{ message?: string }} */ (error).message ?? String(error) });
  } finally {
    Atomics.store(cells, busy, 0);
    Atomics.notify(cells, busy);
  }
}

// One request at a time, in the order in which they came.
let last = Promise.resolve();
port.on("message", (/** @type {{ id: number, request: Request | { type: "close" } }} */ message) => {
  last = last.then(() => serve(message));
});
