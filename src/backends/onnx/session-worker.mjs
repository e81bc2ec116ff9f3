// Runs one ONNX Runtime session in a thread of its own, because `session.run` blocks the thread that calls it.
// Plain JavaScript, so that a worker can start it both from the sources and from the bundle.
import { MessageChannel, parentPort, workerData } from "node:worker_threads";

/**
 * @typedef {{ data: Float32Array | Uint8Array, shape: readonly number[] }} Array_
 * @typedef {{ type: "load", model: Uint8Array, sessionOptions: object, inputs: string[], outputs: string[] }
 *   | { type: "run", id: number, arrays: Array_[] }
 *   | { type: "close" }} Request
 */

/**
 * The part of onnxruntime-node that is used.
 * @typedef {{ data: Float32Array | Uint8Array, dims: readonly number[] }} Tensor
 * @typedef {{ run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>, release(): Promise<void> }} Session
 * @typedef {{
 *   Tensor: new (type: "float32" | "uint8", data: Float32Array | Uint8Array, dims: readonly number[]) => Tensor,
 *   InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> },
 * }} Runtime
 */

const port = parentPort;
if (!port) throw new Error("session-worker.mjs runs as a worker thread only.");

/** Memory shared with ExitGuard: whether this thread is in native code, and whether the process ends. */
const cells = /** @type {Int32Array} */ (workerData);
const busy = 0;
const stopping = 1;

/** @type {Runtime | undefined} */
let runtime;
/** @type {Session | undefined} */
let session;
/** @type {string[]} */
let inputNames = [];
/** @type {string[]} */
let outputNames = [];

/** @param {Extract<Request, { type: "load" }>} request */
async function load(request) {
  runtime = /** @type {Runtime} */ (/** @type {unknown} */ (await import("onnxruntime-node")));
  session = await runtime.InferenceSession.create(request.model, request.sessionOptions);
  free(request.model);
  inputNames = request.inputs;
  outputNames = request.outputs;
  return { message: { type: "loaded" }, transfer: [] };
}

/**
 * Gives memory back now: half a gigabyte for VGG16, of which the session has its own copy. The garbage collector of a
 * thread that waits in native code does not come by for a long time. What is sent to a closed port is dropped at once.
 *
 * @param {Uint8Array} bytes
 */
function free(bytes) {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.postMessage(null, [/** @type {ArrayBuffer} */ (bytes.buffer)]);
  port1.close();
}

/** @param {Extract<Request, { type: "run" }>} request */
async function run({ id, arrays }) {
  if (!runtime || !session) throw new Error("The session is not loaded.");
  /** @type {Record<string, Tensor>} */
  const feeds = {};
  const { Tensor } = runtime;
  arrays.forEach(({ data, shape }, i) => {
    // ONNX Runtime refuses memory that threads share.
    const own = data.buffer instanceof SharedArrayBuffer ? data.slice() : data;
    feeds[inputNames[i] ?? ""] = new Tensor(own instanceof Float32Array ? "float32" : "uint8", own, shape);
  });
  const results = await session.run(feeds);
  const outputs = outputNames.map((name) => {
    const { data, dims } = /** @type {Tensor} */ (results[name]);
    return { data, shape: dims };
  });
  return { message: { type: "result", id, outputs }, transfer: outputs.map(({ data }) => data.buffer) };
}

/** @param {Request} request */
async function serve(request) {
  Atomics.store(cells, busy, 1);
  try {
    if (Atomics.load(cells, stopping) === 1) return;
    if (request.type === "close") {
      await session?.release();
      session = undefined;
      port?.close();
      return;
    }
    const { message, transfer } = await (request.type === "load" ? load(request) : run(request));
    port?.postMessage(message, /** @type {ArrayBuffer[]} */ (transfer));
  } catch (error) {
    const { message, code } = /** @type {{ message?: string, code?: string }} */ (error);
    const id = request.type === "run" ? request.id : undefined;
    port?.postMessage({ type: "failed", id, reason: message ?? String(error), code });
  } finally {
    Atomics.store(cells, busy, 0);
    Atomics.notify(cells, busy);
  }
}

// One request at a time, in the order in which they came.
let last = Promise.resolve();
port.on("message", (/** @type {Request} */ request) => {
  last = last.then(() => serve(request));
});
