import type { Worker } from "node:worker_threads";
import { BackendError } from "../../../errors.js";
import type { GradientClipping } from "../../trainable-backend.js";
import type { OptimizerUpdate } from "../../training/optimizer-update.js";
import { ExitGuard } from "../exit-guard.node.js";
import { reasonOf, startThread } from "../session-thread.node.js";
import type { GradientBlocks } from "./gradient-blocks.js";

/** Values that come back from the thread. */
export interface ThreadArray {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Values that go to the thread under the name of a graph's input. */
export interface ThreadFeed {
  readonly name: string;
  readonly data: Float32Array | Uint8Array;
  readonly dims: readonly number[];
}

/** A weight that the optimizer changes, with the values that it starts from. */
export interface ThreadWeight {
  /** The graph's input. */
  readonly name: string;
  /** The graph's output, or how it is computed from the graph's inputs and outputs. */
  readonly gradient: string | GradientBlocks;
  readonly data: Float32Array;
  readonly dims: readonly number[];
  /** In the order in which the optimizer's kernel takes them; undefined for what the optimizer does not keep. */
  readonly slots: readonly (Float32Array | "zeros" | undefined)[];
  /** Strengths of its penalties. */
  readonly l1: number;
  readonly l2: number;
}

/** A statistic that the graph itself computes anew, with the values that it starts from. */
export interface ThreadStatistic {
  /** The graph's input and output. */
  readonly name: string;
  readonly next: string;
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** How the weights are changed by their gradients. */
export interface ThreadUpdate {
  /** The compiled kernels, and the name of the optimizer's. */
  readonly module: WebAssembly.Module;
  readonly kernel: OptimizerUpdate["kernel"];
  readonly clipping: GradientClipping;
}

/** What the thread can be asked for. */
export type ThreadRequest =
  | {
      readonly type: "load";
      readonly model: Uint8Array;
      /** The model that computes a block of a gradient, if any is computed in blocks. */
      readonly blockModel: Uint8Array | undefined;
      readonly sessionOptions: object;
      readonly update: ThreadUpdate;
      readonly weights: readonly ThreadWeight[];
      readonly statistics: readonly ThreadStatistic[];
      /** Outputs that a step returns: the loss first. */
      readonly results: readonly string[];
    }
  | {
      readonly type: "prepare";
      readonly model: Uint8Array;
      readonly sessionOptions: object;
      /** Weights and statistics that inference takes. */
      readonly variables: readonly string[];
      readonly outputs: readonly string[];
    }
  | {
      readonly type: "step";
      readonly feeds: readonly ThreadFeed[];
      /** For each weight, the numbers that the kernel takes. */
      readonly numbers: readonly (readonly number[])[];
    }
  | { readonly type: "run"; readonly feeds: readonly ThreadFeed[] }
  /** Reading and writing: each weight and its running values, then the statistics. */
  | { readonly type: "read" }
  | { readonly type: "write"; readonly values: readonly (Float32Array | undefined)[] };

interface Waiting {
  readonly resolve: (arrays: readonly ThreadArray[]) => void;
  readonly reject: (reason: unknown) => void;
}

type Answer = { readonly id: number; readonly arrays?: readonly ThreadArray[]; readonly reason?: string };

/**
 * A thread that holds the weights of a training and takes its steps. It keeps the process alive only while something
 * waits for it.
 */
export class TrainingThread {
  readonly #worker: Worker;
  readonly #guard = new ExitGuard();
  readonly #exited: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #end: BackendError | undefined;

  /** @throws BackendError if the thread does not start */
  constructor() {
    this.#worker = startThread(new URL("./training-worker.mjs", import.meta.url), this.#guard);
    this.#exited = new Promise((resolve) => this.#worker.once("exit", () => resolve()));
    this.#worker.unref();
    this.#worker.on("message", (answer: Answer) => this.#receive(answer));
    this.#worker.on("error", (error: unknown) => this.#stop(reasonOf(error), error));
    this.#worker.on("exit", (code) => this.#stop(`it exited with code ${code}`));
  }

  /**
   * Asks the thread for something. Requests are served in order. The buffers go to the thread and are gone afterwards.
   *
   * @param what what is being done, for the message of an error
   * @throws BackendError if ONNX Runtime fails, or the thread ends
   */
  request(what: string, request: ThreadRequest, buffers: readonly ArrayBufferLike[]): Promise<readonly ThreadArray[]> {
    if (this.#end) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#waiting.set(id, {
        resolve,
        reject: (reason) => reject(typeof reason === "string" ? new BackendError(`${what}: ${reason}.`) : reason),
      });
      this.#worker.ref();
      this.#guard.watch(true);
      this.#worker.postMessage({ id, request }, buffers as ArrayBuffer[]);
    });
  }

  /** Frees the weights and ends the thread. */
  async close(): Promise<void> {
    if (this.#end) return;
    this.#worker.ref();
    this.#guard.watch(true);
    this.#worker.postMessage({ id: this.#nextId++, request: { type: "close" } });
    await this.#exited;
  }

  #receive({ id, arrays, reason }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) {
      this.#worker.unref();
      this.#guard.watch(false);
    }
    if (arrays !== undefined) waiting?.resolve(arrays);
    else waiting?.reject(reason ?? "no reason came");
  }

  #stop(reason: string, cause?: unknown): void {
    this.#guard.watch(false);
    this.#end ??= new BackendError(
      `The thread that trains with ONNX Runtime ended: ${reason}. Load the network again, with the last state that was read.`,
      { cause },
    );
    for (const { reject } of this.#waiting.values()) reject(this.#end);
    this.#waiting.clear();
  }
}
