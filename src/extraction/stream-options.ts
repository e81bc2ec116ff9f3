import type { AbortOptions } from "../backends/backend.js";
import { InvalidArgumentError } from "../errors.js";
import type { OptionNames } from "../options/check-options.js";
import type { ExtractionProgress } from "./extraction-progress.js";

/** How a run over many pictures behaves. */
export interface StreamOptions extends AbortOptions {
  /** Pictures per pass through the network. @default 32 */
  readonly batchSize?: number | undefined;
  /** What a picture that cannot be decoded does. @default "throw" */
  readonly onError?: "throw" | "skip" | undefined;
  /** Called after every batch. */
  readonly onProgress?: ((progress: ExtractionProgress) => void) | undefined;
}

/** For `checkOptions`. */
export const streamOptionNames: OptionNames<StreamOptions> = {
  batchSize: true,
  onError: true,
  onProgress: true,
  signal: true,
};

/** How a run into a writer behaves. */
export interface ExtractToOptions extends StreamOptions {
  /**
   * Goes on behind the pictures whose rows the writer has already, `rowsWritten` and `rowsSkipped` of them. The source
   * must give the same pictures in the same order as before. @default false
   */
  readonly resume?: boolean | undefined;
}

/** @throws InvalidArgumentError if it is no integer of at least 1 */
export function checkBatchSize(batchSize = 32): number {
  if (Number.isInteger(batchSize) && batchSize >= 1) return batchSize;
  throw new InvalidArgumentError(`\`batchSize\` must be an integer of at least 1, received [${String(batchSize)}].`);
}
