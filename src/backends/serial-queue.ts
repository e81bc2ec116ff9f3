/** Runs asynchronous tasks one at a time, in the order in which they came; a failed task does not stop the next. */
export interface SerialQueue {
  /** Resolves or rejects as the task does. */
  add<T>(task: () => Promise<T>): Promise<T>;
}

/** Makes an empty {@link SerialQueue}. */
export function createSerialQueue(): SerialQueue {
  let last: Promise<unknown> = Promise.resolve();
  return {
    add(task) {
      const done = last.then(task);
      last = done.catch(() => undefined);
      return done;
    },
  };
}
