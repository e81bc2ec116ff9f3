import { setImmediate } from "node:timers/promises";

/** Resolves in the event loop's next turn, after timers, input and output had theirs. */
export function nextTurn(): Promise<void> {
  return setImmediate();
}
