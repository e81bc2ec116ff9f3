import type { SkippedImage } from "../images/load-images.js";

/** How far an extraction is. */
export interface ExtractionProgress {
  /** Pictures finished: rows made plus pictures skipped, those of an earlier run that is continued included. */
  readonly done: number;
  /** Pictures in the source. */
  readonly total: number;
  readonly skipped: number;
  readonly imagesPerSecond: number;
  /** Seconds left at this speed. */
  readonly etaSeconds: number;
  /** Name of the backend that runs. */
  readonly backend: string;
}

/** What an extraction did. */
export interface ExtractionSummary {
  /** Rows written by this run. */
  readonly rows: number;
  /** Pictures that this run left out, with the reason. */
  readonly skipped: readonly SkippedImage[];
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly backend: string;
}

/** Makes a function that is told of every finished batch and calls `onProgress` with the running totals. */
export function progressReporter(
  total: number,
  first: number,
  backend: string,
  onProgress: ((progress: ExtractionProgress) => void) | undefined,
): (rows: number, skipped: number) => void {
  const start = performance.now();
  let done = first;
  let left = 0;
  return (rows, skipped) => {
    done += rows + skipped;
    left += skipped;
    const imagesPerSecond = (done - first) / ((performance.now() - start) / 1000);
    onProgress?.({
      done,
      total,
      skipped: left,
      imagesPerSecond,
      etaSeconds: (total - done) / imagesPerSecond,
      backend,
    });
  };
}
