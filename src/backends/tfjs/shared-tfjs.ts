import type * as core from "@tensorflow/tfjs-core";
import { BackendError, BackendUnavailableError } from "../../errors.js";
import type { TfjsRuntime } from "./runtime.js";

/** What of tfjs-core is used: all of it, as the one shared instance of the process. */
export type Tfjs = typeof core;

/** A tensor of tfjs. Never leaves `backends/tfjs`. */
export type Tensor = core.Tensor;

/** Loads tfjs-core, the one instance that the app and every tfjs backend share. */
export async function loadTfjs(): Promise<Tfjs> {
  try {
    return await import("@tensorflow/tfjs-core");
  } catch (cause) {
    throw new BackendUnavailableError(
      'Cannot load "@tensorflow/tfjs-core", which every tfjs backend needs. Install it: npm install @tensorflow/tfjs-core @tensorflow/tfjs-layers',
      [{ backend: "tfjs", reason: messageOf(cause) }],
      { cause },
    );
  }
}

/** Loads tfjs-layers: it registers the gradients, which tfjs-core alone does not have in Node. */
export async function loadTfjsLayers(): Promise<typeof import("@tensorflow/tfjs-layers")> {
  try {
    return await import("@tensorflow/tfjs-layers");
  } catch (cause) {
    throw new BackendUnavailableError(
      'Cannot load "@tensorflow/tfjs-layers", which training and `toLayersModel` need. Install it: npm install @tensorflow/tfjs-layers',
      [{ backend: "tfjs", reason: messageOf(cause) }],
      { cause },
    );
  }
}

/** Text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// tfjs has one current backend for the whole process, and starting one goes through it. So starts run one after another,
// and nothing computes while one is under way.
let starting: Promise<unknown> = Promise.resolve();

/**
 * Starts a backend of tfjs without leaving it current where another was, and without what tfjs prints on loading.
 *
 * @param prepare imports what registers the backend
 * @throws whatever `prepare` throws; BackendUnavailableError if tfjs cannot start the backend
 */
export function startBackend(tf: Tfjs, backend: string, prepare: () => Promise<void>): Promise<void> {
  const started = starting.then(() => start(tf, backend, prepare));
  starting = started.catch(() => undefined);
  return started;
}

async function start(tf: Tfjs, backend: string, prepare: () => Promise<void>): Promise<void> {
  const previous = tf.getBackend();
  const quiet = tf.env().getBool("PROD");
  // In this mode tfjs keeps its greeting, and its warnings about kernels of a second copy, to itself.
  tf.env().set("PROD", true);
  try {
    await prepare();
    if (!(await tf.setBackend(backend))) throw await explainFailedStart(tf, backend);
    // The cpu backend greets at its first tensor.
    tf.dispose(tf.scalar(0));
  } finally {
    tf.env().set("PROD", quiet);
    if (previous && previous !== tf.getBackend() && tf.engine().registry[previous] !== undefined) {
      await tf.setBackend(previous);
    }
  }
}

/** Why a backend does not start: tfjs prints it and returns false; starting it by hand once more brings the error. */
export async function explainFailedStart(tf: Tfjs, backend: string): Promise<BackendUnavailableError> {
  let cause: unknown = new Error("it started at the second attempt; try again");
  try {
    await tf.findBackendFactory(backend)();
  } catch (error) {
    cause = error;
  }
  return new BackendUnavailableError(
    `tfjs could not start its backend "${backend}": ${messageOf(cause)}`,
    [{ backend, reason: messageOf(cause) }],
    { cause },
  );
}

/** What of a runtime says where it computes. */
type Computing = Pick<TfjsRuntime, "tf" | "backend" | "failures">;

/**
 * Runs synchronous work on one backend of tfjs. The process-wide current backend is set for the time of the work and
 * set back afterwards, so that two backends in one process, or an app that uses tfjs itself, do not meet each other.
 */
export async function onBackend<T>({ tf, backend, failures }: Computing, work: () => T): Promise<T> {
  for (let seen: unknown; seen !== starting; ) {
    seen = starting;
    await starting;
  }
  const watched = () => (failures === undefined ? work() : failures.during(work));
  const previous = tf.getBackend();
  if (previous === backend) return watched();
  switchTo(tf, backend);
  try {
    return watched();
  } finally {
    // A backend that did not start can have left its name there.
    if (previous && tf.engine().registry[previous] !== undefined) switchTo(tf, previous);
  }
}

// `setBackend` returns a promise, but for a backend that has been started it is done when it returns.
function switchTo(tf: Tfjs, backend: string): void {
  void tf.setBackend(backend);
  if (tf.getBackend() !== backend) throw new BackendError(`tfjs did not switch to its backend "${backend}".`);
}
