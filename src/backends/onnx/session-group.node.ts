import { setMaxListeners } from "node:events";
import { type NdArray, sizeOf } from "../../ndarray.js";
import type { AbortOptions } from "../backend.js";
import { Session, type SessionModel } from "./session.node.js";
import type { SessionSettings } from "./session-thread.node.js";

/**
 * Input values of one run, per thread that computes it: four pictures of 224 x 224. The values between the layers of more
 * no longer fit in the processor's caches: docs/performance.md.
 */
const valuesPerThread = 4 * 224 * 224 * 3;

/** Larger models are held once, smaller ones by several sessions: in bytes. */
const largestShared = 32 * 2 ** 20;

/** Each session takes memory for the weights and for the values between layers. */
const mostSessions = 4;

/**
 * How a model is spread over threads. A run in several threads waits after each layer for the slowest of them, which is
 * long where a layer takes less than a thread that decodes pictures may keep the processor. So a small model is held by
 * several sessions, each of which computes pictures of its own.
 */
export function planSessions(modelBytes: number, threads: number): { sessions: number; threadsPerSession: number } {
  const sessions = modelBytes <= largestShared ? Math.min(threads, mostSessions) : 1;
  return { sessions, threadsPerSession: Math.floor(threads / sessions) };
}

/** Sessions of one model. A batch is cut into parts, which they compute side by side. */
export class SessionGroup {
  readonly #sessions: readonly Session[];
  readonly #valuesPerRun: number;
  /** Settles with the batch that came last. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(sessions: readonly Session[], valuesPerRun: number) {
    this.#sessions = sessions;
    this.#valuesPerRun = valuesPerRun;
  }

  /** @throws BackendError as `Session.start` */
  static async start(model: SessionModel, settings: SessionSettings): Promise<SessionGroup> {
    const { sessions, threadsPerSession } = planSessions(model.bytes.length, settings.threads);
    const each = { ...settings, threads: threadsPerSession };
    // Each moves the bytes to its thread, so that all but the last get a copy.
    const starts = Array.from({ length: sessions }, (_, i) =>
      Session.start(i < sessions - 1 ? { ...model, bytes: model.bytes.slice() } : model, each),
    );
    const started = await Promise.allSettled(starts);
    const failure = started.find((start) => start.status === "rejected");
    const running = started.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
    if (failure === undefined) return new SessionGroup(running, valuesPerThread * threadsPerSession);
    await Promise.all(running.map((session) => session.dispose()));
    throw failure.reason;
  }

  /** @throws ClosedError after `dispose` @throws BackendError after a thread has ended by itself */
  throwIfEnded(): void {
    for (const session of this.#sessions) session.throwIfEnded();
  }

  /**
   * Runs one batch; batches resolve in the order in which they came. The arrays are copied at once, so the caller may reuse them; those in a `SharedArrayBuffer` are not,
   * and must stay as they are until the promise settles.
   */
  run(inputs: readonly NdArray[], options: AbortOptions): Promise<readonly NdArray<"float32">[]> {
    const before = this.#last;
    const done = this.#compute(inputs, options).then(async (outputs) => {
      await before;
      return outputs;
    });
    this.#last = done.catch(() => {});
    return done;
  }

  /** Frees the model and ends the threads. Safe to call twice. */
  async dispose(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.dispose()));
  }

  async #compute(inputs: readonly NdArray[], options: AbortOptions): Promise<readonly NdArray<"float32">[]> {
    const rows = inputs[0]?.shape[0] ?? 0;
    const values = inputs.reduce((sum, { data }) => sum + data.length, 0);
    const parts = Math.min(Math.max(Math.ceil(values / this.#valuesPerRun), this.#sessions.length), rows);
    if (parts <= 1) return this.#idlest().run(inputs, options);
    options.signal?.throwIfAborted();
    const stop = new AbortController();
    // Every part listens to it, which is no leak.
    setMaxListeners(0, stop.signal);
    const onAbort = (): void => stop.abort(options.signal?.reason);
    options.signal?.addEventListener("abort", onAbort, { once: true });
    let joined: readonly NdArray<"float32">[] | undefined;
    try {
      await Promise.all(
        Array.from({ length: parts }, async (_, part) => {
          const [start, end] = [Math.floor((part * rows) / parts), Math.floor(((part + 1) * rows) / parts)];
          const computed = await this.#idlest().run(
            inputs.map((input) => rowsOf(input, start, end)),
            { signal: stop.signal },
          );
          joined ??= computed.map(({ shape }) => emptyRows([rows, ...shape.slice(1)]));
          computed.forEach(({ data }, i) => {
            joined?.[i]?.data.set(data, (data.length / (end - start)) * start);
          });
        }),
      );
    } catch (error) {
      stop.abort(error);
      throw error;
    } finally {
      options.signal?.removeEventListener("abort", onAbort);
    }
    return joined ?? [];
  }

  #idlest(): Session {
    return this.#sessions.reduce((idlest, session) => (session.inHand < idlest.inHand ? session : idlest));
  }
}

function rowsOf(array: NdArray, start: number, end: number): NdArray {
  const width = sizeOf(array.shape.slice(1));
  const shape = [end - start, ...array.shape.slice(1)];
  return { ...array, shape, data: array.data.subarray(start * width, end * width) } as NdArray;
}

function emptyRows(shape: readonly number[]): NdArray<"float32"> {
  return { dtype: "float32", shape, data: new Float32Array(sizeOf(shape)) };
}
