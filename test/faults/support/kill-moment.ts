import type { Random } from "../../../src/random.js";

/** Calls `kill` at its moment, as told by the lines that a writing process prints. */
export type Moment = (line: string, flushes: number, kill: () => void) => void;

/** While the file is made, while rows come, or while it is completed; and then a little later. */
export function chooseMoment(random: Random): Moment {
  const choice = random.double();
  const later = random.double() * 4;
  const flush = random.integerBelow(200);
  let done = false;
  return (line, flushes, kill) => {
    const now =
      choice < 0.25 ? line === "ready" : choice < 0.8 ? flushes > flush || line === "closing" : line === "closing";
    if (!now || done) return;
    done = true;
    setTimeout(kill, choice < 0.25 ? later : later / 2);
  };
}
