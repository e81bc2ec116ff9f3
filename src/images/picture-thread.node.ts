import { setMaxListeners } from "node:events";
import { Worker } from "node:worker_threads";
import { ClosedError, UnsupportedError } from "../errors.js";
import { optionsForThread } from "../threads/thread-options.node.js";
import type { ImageInput } from "./image-source.js";
import type { PictureSettings, PictureTask } from "./picture-preparation.js";

/** What a thread is asked. */
export type PictureRequest =
  | { readonly type: "prepare"; readonly id: number; readonly image: ImageInput; readonly target: Uint8Array }
  | { readonly type: "close" };

/** What it answers. */
export interface PictureAnswer {
  readonly id: number;
  /** Whether the picture's pixels are where they were asked for. */
  readonly isReady: boolean;
}

interface InHand {
  readonly resolve: (isReady: boolean) => void;
  readonly reject: (reason: unknown) => void;
}

/** A thread that decodes and resizes pictures. It keeps the process alive only while one of them is waited for. */
export class PictureThread {
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #inHand = new Map<number, InHand>();
  #nextId = 0;
  #end: ClosedError | UnsupportedError | undefined;

  /** @throws UnsupportedError if the thread cannot be started */
  constructor(settings: PictureSettings, url: URL) {
    this.#worker = startWorker(url, settings);
    this.#worker.unref();
    this.#exited = new Promise((resolve) => this.#worker.once("exit", () => resolve()));
    this.#worker.on("message", (answer: PictureAnswer) => this.#take(answer.id)?.resolve(answer.isReady));
    this.#worker.on("error", (error) => this.#stop(ended(error.message, error)));
    this.#worker.on("exit", (code) => this.#stop(ended(`it exited with code ${code}`)));
  }

  /** Pictures that are not ready yet. */
  get inHand(): number {
    return this.#inHand.size;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /**
   * Prepares one picture. An abort rejects at once; the thread goes on with the picture, and nobody waits for it.
   *
   * @returns whether it could be prepared
   * @throws UnsupportedError if the thread ends by itself
   */
  prepare({ image, target, signal }: PictureTask): Promise<boolean> {
    const sent = forThread(image);
    if (sent === undefined) return Promise.resolve(false);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.#take(id)?.reject(signal?.reason);
      if (signal !== undefined) {
        // Every picture in hand listens to it, which is no leak.
        setMaxListeners(0, signal);
        signal.addEventListener("abort", onAbort, { once: true });
      }
      const settle = (): void => signal?.removeEventListener("abort", onAbort);
      this.#inHand.set(id, {
        resolve: (isReady) => {
          settle();
          resolve(isReady);
        },
        reject: (reason) => {
          settle();
          reject(reason);
        },
      });
      this.#worker.ref();
      const request: PictureRequest = { type: "prepare", id, image: sent.image, target };
      try {
        this.#worker.postMessage(request, sent.transfer);
      } catch {
        // Such as a Blob of a file on disk, which Node sends to no other thread.
        this.#take(id)?.resolve(false);
      }
    });
  }

  /** Ends the thread, after what it has in hand. Who waits for a picture gets a `ClosedError`. */
  async close(): Promise<void> {
    if (this.#end === undefined) {
      this.#stop(new ClosedError("The threads that prepare pictures were closed."));
      this.#worker.ref();
      this.#worker.postMessage({ type: "close" } satisfies PictureRequest);
    }
    await this.#exited;
  }

  #take(id: number): InHand | undefined {
    const picture = this.#inHand.get(id);
    this.#inHand.delete(id);
    if (this.#inHand.size === 0 && this.#end === undefined) this.#worker.unref();
    return picture;
  }

  #stop(end: ClosedError | UnsupportedError): void {
    this.#end ??= end;
    for (const id of [...this.#inHand.keys()]) this.#take(id)?.reject(this.#end);
  }
}

function startWorker(url: URL, settings: PictureSettings): Worker {
  try {
    return new Worker(url, {
      name: "cnn-transfer-pictures",
      workerData: settings,
      ...optionsForThread(process.execArgv),
    });
  } catch (cause) {
    throw ended(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function ended(why: string, cause?: unknown): UnsupportedError {
  return new UnsupportedError(
    `A thread that prepares pictures ended: ${why.replace(/\.$/, "")}. Pass \`workers: 0\` to prepare them without threads.`,
    { cause },
  );
}

/** A picture in a form that can be sent; `undefined` if it is none, which is then said as it is without threads. */
function forThread(image: ImageInput): { image: ImageInput; transfer: ArrayBuffer[] } | undefined {
  if (typeof image === "string" || image instanceof ArrayBuffer || image instanceof Blob)
    return { image, transfer: [] };
  // What is sent of a view is all of the memory that it is a part of, so that its own part is copied out.
  if (image instanceof Uint8Array) {
    const bytes = new Uint8Array(image);
    return { image: bytes, transfer: [bytes.buffer] };
  }
  if (typeof image !== "object" || image === null || !(image.data instanceof Uint8Array)) return undefined;
  const { dtype, shape } = image;
  const data = new Uint8Array(image.data);
  return Array.isArray(shape) ? { image: { dtype, shape: [...shape], data }, transfer: [data.buffer] } : undefined;
}
