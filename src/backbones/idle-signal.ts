/** Ends something that shows no sign of life. */
export interface IdleSignal {
  /** Aborts when nothing has come for too long, or the caller aborts. */
  readonly signal: AbortSignal;
  /** A sign of life: the time begins anew. */
  touch(): void;
  /** Ends the watch. */
  stop(): void;
  /** The reason, if it was this that ended the connection. */
  expired(): Error | undefined;
}

/** Watches over something that must show a sign of life every `idleMilliseconds`; joined with the caller's signal. */
export function idleSignal(options: {
  readonly idleMilliseconds: number;
  readonly signal?: AbortSignal | undefined;
}): IdleSignal {
  const { idleMilliseconds, signal } = options;
  const controller = new AbortController();
  const expire = () => controller.abort(new Error(`nothing came for ${idleMilliseconds / 1000} seconds`));
  let timer = setTimeout(expire, idleMilliseconds);
  return {
    signal: signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]),
    touch() {
      clearTimeout(timer);
      timer = setTimeout(expire, idleMilliseconds);
    },
    stop: () => clearTimeout(timer),
    expired: () => (controller.signal.aborted ? (controller.signal.reason as Error) : undefined),
  };
}
