/** How far a download of weights is. */
export interface DownloadProgress {
  readonly fileName: string;
  readonly url: string;
  /** Bytes there by now, those of an earlier broken download included. */
  readonly receivedBytes: number;
  /** Bytes of the whole file; `undefined` where the server does not say. */
  readonly totalBytes: number | undefined;
}

/** Carries what a progress callback has thrown, as its cause, past everything that takes errors for a failed download. */
export class ProgressFailure extends Error {}

const leastMilliseconds = 100;

/**
 * Passes progress on at most ten times a second, but always the first and, told by `last`, the last. The function that it
 * gives throws a {@link ProgressFailure} where the callback throws.
 */
export function throttleProgress(
  onProgress: ((progress: DownloadProgress) => void) | undefined,
): (progress: DownloadProgress, last?: boolean) => void {
  let latest = Number.NEGATIVE_INFINITY;
  return (progress, last = false) => {
    const now = performance.now();
    if (onProgress === undefined || (!last && now - latest < leastMilliseconds)) return;
    latest = now;
    try {
      onProgress(progress);
    } catch (cause) {
      throw new ProgressFailure("The progress callback failed.", { cause });
    }
  };
}
