import type { Worker } from "node:worker_threads";
import { BackendError, ClosedError } from "../../errors.js";
import type { NdArray } from "../../ndarray.js";
import type { AbortOptions } from "../backend.js";
import { ExitGuard } from "./exit-guard.node.js";
import { reasonOf, type SessionSettings, sessionOptions, startThread } from "./session-thread.node.js";

/** A model to start, with the names of its inputs and outputs in the order in which values go and come. */
export interface SessionModel {
  /** Bytes of the model. They move to the thread and are gone afterwards. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

interface Run {
  readonly id: number;
  readonly arrays: readonly { readonly data: Float32Array | Uint8Array; readonly shape: readonly number[] }[];
  readonly signal: AbortSignal | undefined;
  readonly resolve: (outputs: readonly NdArray<"float32">[]) => void;
  readonly reject: (reason: unknown) => void;
  readonly onAbort: () => void;
}

type Answer =
  | { readonly type: "loaded" }
  | {
      readonly type: "result";
      readonly id: number;
      readonly outputs: readonly { data: Float32Array; shape: number[] }[];
    }
  | { readonly type: "failed"; readonly id: number | undefined; readonly reason: string };

/** Runs handed to the thread: one that it computes, and one that it finds as soon as it is done with that. */
const mostInFlight = 2;

/**
 * An ONNX Runtime session in a thread of its own. The thread keeps the process alive only while something waits for it.
 */
export class Session {
  readonly #worker: Worker;
  readonly #guard: ExitGuard;
  readonly #exited: Promise<void>;
  readonly #waiting: Run[] = [];
  readonly #inFlight = new Map<number, Run>();
  #nextId = 0;
  #end: ClosedError | BackendError | undefined;
  #disposing: Promise<void> | undefined;

  private constructor(worker: Worker, guard: ExitGuard) {
    this.#worker = worker;
    this.#guard = guard;
    this.#exited = new Promise((resolve) => {
      worker.once("exit", () => {
        guard.watch(false);
        resolve();
      });
    });
  }

  /**
   * Starts the thread and loads the model in it.
   *
   * @param workerUrl the thread's program; another one only to test what happens when it breaks
   * @throws BackendError if ONNX Runtime refuses the model, or the thread does not start
   */
  static async start(
    model: SessionModel,
    settings: SessionSettings,
    workerUrl = new URL("./session-worker.mjs", import.meta.url),
  ): Promise<Session> {
    const guard = new ExitGuard();
    const worker = startThread(workerUrl, guard);
    const session = new Session(worker, guard);
    guard.watch(true);
    try {
      await session.#load(model, settings);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
    worker.on("message", (answer: Answer) => session.#receive(answer));
    worker.on("error", (error: unknown) => session.#stop(error));
    worker.on("exit", (code) => session.#stop(undefined, code));
    // After that: who listens to a thread anew keeps the process alive.
    session.#rest();
    return session;
  }

  /** Runs that are not done yet. */
  get inHand(): number {
    return this.#waiting.length + this.#inFlight.size;
  }

  /** @throws ClosedError after `dispose` @throws BackendError after the thread has ended by itself */
  throwIfEnded(): void {
    if (this.#end) throw this.#end;
  }

  /**
   * Runs one batch. The arrays are copied at once, so the caller may reuse them; those in a `SharedArrayBuffer` are not,
   * and must stay as they are until the promise settles.
   */
  run(inputs: readonly NdArray[], options: AbortOptions = {}): Promise<readonly NdArray<"float32">[]> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      this.throwIfEnded();
      const run: Run = {
        id: this.#nextId++,
        arrays: inputs.map(({ data, shape }) => ({
          data: (isShared(data.buffer) ? data : data.slice()) as Float32Array | Uint8Array,
          shape,
        })),
        signal,
        resolve,
        reject,
        onAbort: () => this.#abort(run),
      };
      signal?.addEventListener("abort", run.onAbort, { once: true });
      this.#waiting.push(run);
      this.#send();
    });
  }

  /** Frees the model and ends the thread, after the run that it computes. Waiting runs are rejected. Safe to call twice. */
  dispose(): Promise<void> {
    this.#disposing ??= this.#close();
    return this.#disposing;
  }

  async #close(): Promise<void> {
    if (this.#end instanceof BackendError) return;
    const closed = new ClosedError("The network was disposed of and cannot run again. Load it once more.");
    this.#rejectAll(closed);
    this.#work();
    this.#worker.postMessage({ type: "close" });
    await this.#exited;
  }

  async #load(model: SessionModel, settings: SessionSettings): Promise<void> {
    const { bytes, inputs, outputs } = model;
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.#worker.once("message", resolve);
      this.#worker.once("error", reject);
      this.#worker.once("exit", (code) => reject(new Error(`The thread ended with code ${code}.`)));
      this.#worker.postMessage(
        { type: "load", model: bytes, sessionOptions: sessionOptions(settings), inputs, outputs },
        [bytes.buffer],
      );
    }).catch((cause: unknown) => {
      throw new BackendError(
        `The thread of ONNX Runtime ended while it loaded a network: ${reasonOf(cause)}. Load the network again.`,
        { cause },
      );
    });
    this.#worker.removeAllListeners("message").removeAllListeners("error");
    if (answer.type === "failed") {
      throw new BackendError(
        `ONNX Runtime refused the network: ${answer.reason}. Another backend, such as "tfjs-wasm", may run it.`,
      );
    }
  }

  #send(): void {
    while (this.#inFlight.size < mostInFlight) {
      const run = this.#waiting.shift();
      if (!run) break;
      this.#inFlight.set(run.id, run);
      this.#work();
      const transfer = run.arrays.flatMap(({ data: { buffer } }) => (isShared(buffer) ? [] : [buffer]));
      this.#worker.postMessage({ type: "run", id: run.id, arrays: run.arrays }, transfer);
    }
  }

  /** From now on something waits for the thread. */
  #work(): void {
    this.#worker.ref();
    this.#guard.watch(true);
  }

  /** From now on nothing waits for the thread, which then does not keep the process from ending. */
  #rest(): void {
    this.#worker.unref();
    this.#guard.watch(false);
  }

  #receive(answer: Answer): void {
    if (answer.type === "loaded" || answer.id === undefined) return;
    const run = this.#inFlight.get(answer.id);
    if (!run) return;
    this.#inFlight.delete(answer.id);
    this.#send();
    if (this.#inFlight.size === 0 && !this.#disposing) this.#rest();
    run.signal?.removeEventListener("abort", run.onAbort);
    if (answer.type === "failed") {
      run.reject(new BackendError(`ONNX Runtime failed while it ran a batch: ${answer.reason}.`));
      return;
    }
    run.resolve(
      answer.outputs.map(({ data, shape }) => ({ dtype: "float32", shape: shape.map(Number), data }) as const),
    );
  }

  /** The caller learns at once; a run that is being computed cannot be stopped, its result is dropped. */
  #abort(run: Run): void {
    const position = this.#waiting.indexOf(run);
    if (position !== -1) this.#waiting.splice(position, 1);
    run.reject(run.signal?.reason);
  }

  #stop(error: unknown, code?: number): void {
    if (this.#end) return;
    const what = error === undefined ? `it exited with code ${code}` : reasonOf(error);
    this.#rejectAll(
      new BackendError(`The thread of ONNX Runtime ended: ${what}. Load the network again.`, { cause: error }),
    );
  }

  #rejectAll(end: ClosedError | BackendError): void {
    this.#end = end;
    for (const run of [...this.#inFlight.values(), ...this.#waiting.splice(0)]) {
      run.signal?.removeEventListener("abort", run.onAbort);
      run.reject(end);
    }
    this.#inFlight.clear();
  }
}

function isShared(buffer: ArrayBufferLike): buffer is SharedArrayBuffer {
  return buffer instanceof SharedArrayBuffer;
}
