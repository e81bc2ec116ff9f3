/** How far work runs ahead of its consumer. */
export interface RunAheadOptions {
  /** Most tasks that run at the same time. */
  readonly concurrency: number;
  /** Most tasks that run or are finished and not yet taken. */
  readonly ahead: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a task for each item and yields the results in the items' order. Tasks run ahead while the consumer is busy,
 * within the bounds of `options`. A task's failure is thrown when its turn comes. Leaving the loop, a failure, or an
 * abort stops the work: no further task is started, the signal that tasks got is aborted, and those that run are
 * awaited.
 */
export async function* runAhead<T, R>(
  items: AsyncIterable<T>,
  task: (item: T, signal: AbortSignal) => Promise<R>,
  options: RunAheadOptions,
): AsyncGenerator<R, void, undefined> {
  const { concurrency, ahead } = options;
  options.signal?.throwIfAborted();
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(options.signal?.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  const { signal } = stop;
  const queue: Promise<R>[] = [];
  let running = 0;
  let ended = false;
  let waiting: (() => void)[] = [];
  const change = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
  const changed = (): void => {
    const resolved = waiting;
    waiting = [];
    for (const resolve of resolved) resolve();
  };
  signal.addEventListener("abort", changed, { once: true });

  function start(item: T): void {
    running++;
    const result = task(item, signal).finally(() => {
      running--;
      changed();
    });
    // Thrown when its turn comes; until then it must not count as unhandled.
    result.catch(() => {});
    queue.push(result);
    changed();
  }

  async function feed(): Promise<void> {
    try {
      for await (const item of items) {
        while (!signal.aborted && (running >= concurrency || queue.length >= ahead)) await change();
        if (signal.aborted) return;
        start(item);
      }
    } catch (error) {
      const failure = Promise.reject(error);
      failure.catch(() => {});
      queue.push(failure);
    } finally {
      ended = true;
      changed();
    }
  }

  try {
    // Not awaited: a source that never answers must not hold up whoever leaves the loop.
    void feed();
    for (;;) {
      while (queue.length === 0 && !ended && !signal.aborted) await change();
      options.signal?.throwIfAborted();
      const next = queue[0];
      if (next === undefined) return;
      const result = await next;
      options.signal?.throwIfAborted();
      queue.shift();
      changed();
      yield result;
    }
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
    stop.abort();
    await Promise.allSettled(queue);
  }
}
