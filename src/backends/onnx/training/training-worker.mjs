// Trains with ONNX Runtime in a thread of its own, because `session.run` blocks the thread that calls it. The weights stay
// here. Plain JavaScript, so that a worker can start it both from the sources and from the bundle.
import { MessageChannel, parentPort, workerData } from "node:worker_threads";

/**
 * @typedef {{ name: string, data: Float32Array | Uint8Array, dims: readonly number[] }} Feed
 * @typedef {{ name: string, next: string, start: number, count: number }} Part
 * @typedef {{ name: string, isInput: boolean, parts: Part[], data: Float32Array, dims: readonly number[] }} Variable
 * @typedef {{ type: "load", model: Uint8Array, sessionOptions: object, variables: Variable[], results: string[] }} Load
 * @typedef {{ type: "prepare", model: Uint8Array, sessionOptions: object, variables: string[], outputs: string[] }} Prepare
 * @typedef {{ type: "step", feeds: Feed[] } | { type: "run", feeds: Feed[] } | { type: "read" }
 *   | { type: "write", values: (Float32Array | undefined)[] } | { type: "close" }} Work
 */

/**
 * The part of onnxruntime-node that is used.
 * @typedef {{ data: Float32Array | Uint8Array, dims: readonly number[] }} Tensor
 * @typedef {Record<string, Tensor>} Tensors
 * @typedef {{
 *   run(feeds: Tensors, fetches: Record<string, Tensor | null>): Promise<Tensors>,
 *   release(): Promise<void>,
 * }} Session
 * @typedef {{
 *   Tensor: new (type: "float32" | "uint8", data: Float32Array | Uint8Array, dims: readonly number[]) => Tensor,
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
/** @type {string[]} */
let variables = [];
/** Tensors that a step returns besides the variables. @type {string[]} */
let results = [];
/** Variables that inference takes. @type {string[]} */
let inferenceVariables = [];
/** @type {string[]} */
let outputs = [];
/**
 * All variables: whole, as a step takes them, and as it returns them.
 * @typedef {{ wholes: Tensors, feeds: Tensors, fetches: Tensors }} VariableSet
 */

/**
 * Two sets of all variables: a step reads the first and writes the second, which then change places. Reading and writing
 * one set gives wrong weights without an error.
 * @type {[VariableSet, VariableSet]}
 */
let sets = [newSet(), newSet()];

/** @returns {VariableSet} */
function newSet() {
  return { wholes: {}, feeds: {}, fetches: {} };
}

/**
 * @param {VariableSet} set
 * @param {Variable} variable
 * @param {Float32Array} data
 */
function addVariable({ wholes, feeds, fetches }, { name, isInput, parts, dims }, data) {
  const whole = new runtime.Tensor("float32", data, dims);
  wholes[name] = whole;
  if (isInput) feeds[name] = whole;
  const rowSize = data.length / (dims[0] ?? 1);
  for (const part of parts) {
    if (parts.length === 1) {
      fetches[part.next] = whole;
      continue;
    }
    // The same memory as that of the whole.
    const rows = data.subarray(part.start * rowSize, (part.start + part.count) * rowSize);
    const tensor = new runtime.Tensor("float32", rows, [part.count, ...dims.slice(1)]);
    feeds[part.name] = tensor;
    fetches[part.next] = tensor;
  }
}

/** @param {Load} request */
async function load(request) {
  runtime = /** @type {Runtime} */ (/** @type {unknown} */ (await import("onnxruntime-node")));
  training = await runtime.InferenceSession.create(request.model, request.sessionOptions);
  free(request.model);
  variables = request.variables.map(({ name }) => name);
  results = request.results;
  for (const variable of request.variables) {
    addVariable(sets[0], variable, variable.data);
    addVariable(sets[1], variable, new Float32Array(variable.data.length));
  }
  return [];
}

/** @param {Prepare} request */
async function prepare(request) {
  inference = await runtime.InferenceSession.create(request.model, request.sessionOptions);
  free(request.model);
  inferenceVariables = request.variables;
  outputs = request.outputs;
  return [];
}

/**
 * Gives memory back now: the session has its own copy, and the garbage collector of a thread that waits in native code does
 * not come by for a long time. What is sent to a closed port is dropped at once.
 *
 * @param {Uint8Array} bytes
 */
function free(bytes) {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.postMessage(null, [/** @type {ArrayBuffer} */ (bytes.buffer)]);
  port1.close();
}

/** @param {Feed[]} feeds */
function tensorsOf(feeds) {
  /** @type {Tensors} */
  const tensors = {};
  for (const { name, data, dims } of feeds) {
    tensors[name] = new runtime.Tensor(data instanceof Float32Array ? "float32" : "uint8", data, dims);
  }
  return tensors;
}

/** @param {Feed[]} feeds */
async function step(feeds) {
  const [now, next] = sets;
  /** @type {Record<string, Tensor | null>} */
  const fetches = { ...next.fetches, ...Object.fromEntries(results.map((name) => [name, null])) };
  const values = await /** @type {Session} */ (training).run({ ...tensorsOf(feeds), ...now.feeds }, fetches);
  sets = [next, now];
  return results.map((name) => arrayOf(/** @type {Tensor} */ (values[name])));
}

/** @param {Feed[]} feeds */
async function run(feeds) {
  const tensors = tensorsOf(feeds);
  for (const name of inferenceVariables) tensors[name] = /** @type {Tensor} */ (sets[0].wholes[name]);
  const fetches = Object.fromEntries(outputs.map((name) => [name, null]));
  const values = await /** @type {Session} */ (inference).run(tensors, fetches);
  return outputs.map((name) => arrayOf(/** @type {Tensor} */ (values[name])));
}

function read() {
  return variables.map((name) => {
    const { data, dims } = /** @type {Tensor} */ (sets[0].wholes[name]);
    return { data: data.slice(), shape: dims };
  });
}

/** @param {(Float32Array | undefined)[]} values */
function write(values) {
  variables.forEach((name, i) => {
    const data = values[i];
    if (data) /** @type {Float32Array} */ (/** @type {Tensor} */ (sets[0].wholes[name]).data).set(data);
  });
  return [];
}

/** @param {Tensor} tensor */
function arrayOf({ data, dims }) {
  return { data, shape: dims };
}

/** @param {Load | Prepare | Exclude<Work, { type: "close" }>} request */
function answer(request) {
  switch (request.type) {
    case "load":
      return load(request);
    case "prepare":
      return prepare(request);
    case "step":
      return step(request.feeds);
    case "run":
      return run(request.feeds);
    case "read":
      return read();
    case "write":
      return write(request.values);
  }
}

/** @param {{ id: number, request: Load | Prepare | Work }} message */
async function serve({ id, request }) {
  Atomics.store(cells, busy, 1);
  try {
    if (Atomics.load(cells, stopping) === 1) return;
    if (request.type === "close") {
      await training?.release();
      await inference?.release();
      port?.close();
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
port.on("message", (/** @type {{ id: number, request: Load | Prepare | Work }} */ message) => {
  last = last.then(() => serve(message));
});
