/** Tells how long the rest of some epochs should take. */
export interface EpochTimer {
  /** An epoch begins; the first call starts the clock. */
  start(index: number): void;
  /** Seconds that are left when a part of an epoch is done. */
  secondsLeft(index: number, part: number): number;
}

/** A timer for so many epochs, of which the first may have been trained by another process. */
export function createEpochTimer(epochs: number): EpochTimer {
  let begun: { readonly at: number; readonly index: number } | undefined;
  return {
    start(index) {
      begun ??= { at: performance.now(), index };
    },
    secondsLeft(index, part) {
      if (begun === undefined) return Number.NaN;
      const done = index + part;
      return ((performance.now() - begun.at) / 1000 / (done - begun.index)) * (epochs - done);
    },
  };
}
