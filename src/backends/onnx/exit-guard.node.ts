/** Cells of the memory that a thread and its owner share. */
const busy = 0;
const stopping = 1;

/** Longest time in ms for which the end of the process waits for a batch. */
const longestWait = 60_000;

/**
 * Holds back the end of the process while a thread is in native code: when Node ends a thread in there, onnxruntime-node
 * aborts the whole process with SIGABRT, and the exit code that the app chose is lost. So `process.exit` and an uncaught
 * error wait for the batch that is being computed; the thread starts no other.
 */
export class ExitGuard {
  /** To be sent to the thread, which says in it when it enters and leaves native code. */
  readonly cells = new Int32Array(new SharedArrayBuffer(8));
  #watching = false;
  readonly #onExit = (): void => {
    Atomics.store(this.cells, stopping, 1);
    Atomics.wait(this.cells, busy, 1, longestWait);
  };

  /** Watches the process's end from now on, or no more. */
  watch(wanted: boolean): void {
    if (wanted === this.#watching) return;
    this.#watching = wanted;
    // Many threads at work are no leak, and Node would print a warning for the eleventh. 0 is no limit.
    const limit = process.getMaxListeners();
    if (limit !== 0) process.setMaxListeners(limit + (wanted ? 1 : -1));
    if (wanted) process.on("exit", this.#onExit);
    else process.off("exit", this.#onExit);
  }
}
