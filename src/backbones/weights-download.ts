import { WeightsDownloadError } from "../errors.js";
import type { WeightsFile } from "./backbone.js";

/** A weights file on its way from where it is published to where it belongs. */
export interface WeightsDownload {
  readonly file: WeightsFile;
  /** Where the finished file belongs; in a browser, where it would be kept. */
  readonly cachePath: string;
}

/** The error for a download that failed: what went wrong, and how to go on without the network. */
export function downloadError(
  { file, cachePath }: WeightsDownload,
  reason: WeightsDownloadError["reason"],
  fault: string,
  cause?: unknown,
): WeightsDownloadError {
  return new WeightsDownloadError(
    `Cannot download the weights "${file.fileName}" from ${file.url} to "${cachePath}": ${fault} To go on offline, get that file by other means and put it at "${cachePath}", or pass its path as \`weights\`; \`weights: "random"\` needs no file.`,
    { url: file.url, cachePath, reason },
    { cause },
  );
}
