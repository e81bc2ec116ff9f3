import { availableParallelism } from "node:os";
import { ClosedError } from "../errors.js";
import { loadSharp } from "./load-sharp.node.js";
import { type PicturePreparation, type PictureSettings, type PictureTask, prepareHere } from "./picture-preparation.js";
import { PictureThread } from "./picture-thread.node.js";

/** More would wait for each other: Node decodes in four threads unless told otherwise. */
const mostUseful = 8;

/** A batch that is filled, one ahead of it, two that are being computed. */
const mostRooms = 4;

/** As many threads as the machine runs at once, within reason. */
export function defaultWorkers(): number {
  return Math.min(availableParallelism(), mostUseful);
}

/**
 * Prepares pictures in threads, which start when they are first needed. A picture that fails there is prepared once more
 * here, so that its error is the one that it has without threads.
 *
 * @param workers number of threads; 0 prepares the pictures in the thread that calls
 * @param threadUrl the threads' program; another one only to test what happens when it breaks
 * @throws InvalidArgumentError if the size or the interpolation is wrong
 */
export function preparePictures(
  settings: PictureSettings,
  workers: number,
  threadUrl = new URL("./picture-worker.mjs", import.meta.url),
): PicturePreparation {
  const here = prepareHere(settings);
  return workers === 0 ? here : new PictureThreads(settings, workers, threadUrl, here);
}

class PictureThreads implements PicturePreparation {
  readonly #settings: PictureSettings;
  readonly #workers: number;
  readonly #threadUrl: URL;
  readonly #here: PicturePreparation;
  /** Memory to be used again: that of all threads is freed late, and hundreds of megabytes would wait for it. */
  readonly #rooms: Uint8Array[] = [];
  #threads: readonly PictureThread[] = [];
  #closing: Promise<void> | undefined;

  constructor(settings: PictureSettings, workers: number, threadUrl: URL, here: PicturePreparation) {
    this.#settings = settings;
    this.#workers = workers;
    this.#threadUrl = threadUrl;
    this.#here = here;
  }

  allocate(bytes: number): Uint8Array {
    const at = this.#rooms.findIndex(({ byteLength }) => byteLength === bytes);
    const [room] = at < 0 ? [] : this.#rooms.splice(at, 1);
    return room ?? new Uint8Array(new SharedArrayBuffer(bytes));
  }

  release(room: Uint8Array): void {
    const isWhole = room.byteLength === room.buffer.byteLength && room.buffer instanceof SharedArrayBuffer;
    if (isWhole && this.#rooms.length < mostRooms) this.#rooms.push(room);
  }

  async prepare(task: PictureTask): Promise<void> {
    // A native library has to be loaded by the main thread before others do, or it is unloaded with the first of them.
    const hasDecoder = await loadSharp().then(
      () => true,
      () => false,
    );
    task.signal?.throwIfAborted();
    if (this.#closing !== undefined) throw new ClosedError("The threads that prepare pictures are closed.");
    if (hasDecoder && (await this.#idlestThread().prepare(task))) return;
    task.signal?.throwIfAborted();
    await this.#here.prepare(task);
  }

  close(): Promise<void> {
    this.#rooms.length = 0;
    this.#closing ??= Promise.all(this.#threads.map((thread) => thread.close())).then(() => {});
    return this.#closing;
  }

  /** The thread with the fewest pictures in hand; a new one while there may be more and all are busy. */
  #idlestThread(): PictureThread {
    this.#threads = this.#threads.filter((thread) => !thread.hasEnded);
    const [idlest] = [...this.#threads].sort((one, other) => one.inHand - other.inHand);
    if (idlest !== undefined && (idlest.inHand === 0 || this.#threads.length >= this.#workers)) return idlest;
    const thread = new PictureThread(this.#settings, this.#threadUrl);
    this.#threads = [...this.#threads, thread];
    return thread;
  }
}
