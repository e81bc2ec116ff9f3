import { InvalidArgumentError } from "../errors.js";
import { type AugmentOptions, augmentImages } from "../images/augment/augment-images.js";
import type { ImageTransform } from "../images/augment/image-transform.js";
import { checkBoolean, describeValue } from "../options/check-option.js";
import { checkOptions, type OptionNames } from "../options/check-options.js";
import { checkSeed } from "../training/split.js";

/**
 * Mixing rows in blocks, for disks and files where single rows are slow to read: blocks of neighbouring rows come in
 * random order, and the rows of as many blocks as the buffer holds are mixed. Each row still comes once per pass.
 */
export interface BlockShuffle {
  /** Neighbouring rows that are read together; for a chunked file a multiple of the rows of a chunk. @default 32 */
  readonly blockRows?: number | undefined;
  /** Rows that are mixed with each other. Two times as many may be in memory, as the next are read ahead. @default 1024 */
  readonly bufferRows?: number | undefined;
}

/** How rows are given out. */
export interface BatchOptions {
  /** @default 32 */
  readonly batchSize?: number | undefined;
  /**
   * A new random order of the rows for every pass: `true` mixes single rows over the whole file, {@link BlockShuffle}
   * is for where that is slow, which `warnings` tells. @default false
   */
  readonly shuffle?: boolean | BlockShuffle | undefined;
  /**
   * `"balanced"` gives each class equally often per pass: as often as the greatest class has rows, whose rows come once
   * each. The rows of a smaller class come round and round, each round in a new order, so that the numbers of times that
   * two of its rows come differ by at most one. Needs labels and `shuffle: true`. @default "each": every row once
   */
  readonly sampling?: "each" | "balanced" | undefined;
  /** Seed of the orders and splits. @default 0 */
  readonly seed?: number | undefined;
  /** Leaves out the rows that do not fill a last batch. @default false */
  readonly dropLast?: boolean | undefined;
  /** Batches that are read ahead while the receiver works. @default 1 */
  readonly prefetch?: number | undefined;
  /**
   * What each row goes through on its way, in this order. Rows come as uint8 if stored so, else as float32, whatever
   * `dtype` says; the last result is what `dtype` turns into a batch. @default []
   */
  readonly preprocessors?: readonly ImageTransform[] | undefined;
  /**
   * Random variation of images, before the `preprocessors`: another one for each row in each pass, the same again for
   * the same seed. Not done in the validation and test parts of splits.
   */
  readonly augment?: AugmentOptions | ImageTransform | undefined;
}

/** Names of {@link BatchOptions}. */
export const batchOptionNames: OptionNames<BatchOptions> = {
  batchSize: true,
  shuffle: true,
  sampling: true,
  seed: true,
  dropLast: true,
  prefetch: true,
  preprocessors: true,
  augment: true,
};

/** How one pass is to run. */
export interface PassOptions {
  /** Stops the pass between two batches; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Number of the pass, which decides its order. @default counted from 0 */
  readonly pass?: number | undefined;
  /**
   * Uses the memory of a batch again once the next is asked for, in later passes too; the view keeps it meanwhile.
   * @default false
   */
  readonly reuse?: boolean | undefined;
}

/** Sizes of the parts of a data set. A fraction of its rows (rounded up), or a number of rows. */
export interface PartOptions {
  readonly validation: number;
  readonly test?: number | undefined;
  /** Gives each part every class in proportion. @default false */
  readonly stratify?: boolean | undefined;
  /** @default the seed of the view */
  readonly seed?: number | undefined;
}

/** Options with their defaults filled in. */
export interface ResolvedBatchOptions {
  readonly batchSize: number;
  readonly shuffle: boolean | { readonly blockRows: number; readonly bufferRows: number };
  readonly sampling: "each" | "balanced";
  readonly seed: number;
  readonly dropLast: boolean;
  readonly prefetch: number;
  readonly preprocessors: readonly ImageTransform[];
  readonly augment: ImageTransform | undefined;
}

/** Fills in defaults and checks ranges. */
export function resolveBatchOptions(options: BatchOptions): ResolvedBatchOptions {
  const { batchSize = 32, sampling = "each", seed = 0, dropLast = false, prefetch = 1 } = options;
  checkRows("batchSize", batchSize);
  if (!Number.isSafeInteger(prefetch) || prefetch < 0 || prefetch > 64) {
    throw new InvalidArgumentError(`\`prefetch\` must be a number of batches from 0 to 64; received ${prefetch}.`);
  }
  checkBoolean("dropLast", dropLast);
  const shuffle = resolveShuffle(options.shuffle ?? false);
  if (sampling !== "each" && sampling !== "balanced") {
    throw new InvalidArgumentError(`\`sampling\` must be "each" or "balanced"; received "${String(sampling)}".`);
  }
  if (sampling === "balanced" && shuffle !== true) {
    throw new InvalidArgumentError(
      '`sampling: "balanced"` draws rows at random from the whole file: it needs `shuffle: true`.',
    );
  }
  const { preprocessors = [] } = options;
  if (!Array.isArray(preprocessors) || !preprocessors.every((step) => typeof step === "function")) {
    throw new InvalidArgumentError("`preprocessors` must be a list of functions from one row to another.");
  }
  const augment = typeof options.augment === "object" ? augmentImages(options.augment) : options.augment;
  return { batchSize, shuffle, sampling, seed: checkSeed(seed), dropLast, prefetch, preprocessors, augment };
}

function resolveShuffle(shuffle: boolean | BlockShuffle): ResolvedBatchOptions["shuffle"] {
  if (typeof shuffle === "boolean") return shuffle;
  if (typeof shuffle !== "object" || shuffle === null) {
    throw new InvalidArgumentError(
      `\`shuffle\` is ${describeValue(shuffle)}: expected true, false or { blockRows, bufferRows }.`,
    );
  }
  checkOptions("shuffle", shuffle, { blockRows: true, bufferRows: true });
  const { blockRows = 32, bufferRows = 1024 } = shuffle;
  checkRows("shuffle.blockRows", blockRows);
  checkRows("shuffle.bufferRows", bufferRows);
  if (bufferRows < blockRows) {
    throw new InvalidArgumentError(
      `\`shuffle.bufferRows\` is ${bufferRows}, less than one block of \`shuffle.blockRows\`, ${blockRows}: rows of several blocks are to be mixed in it.`,
    );
  }
  return { blockRows, bufferRows };
}

function checkRows(option: string, rows: number): void {
  if (!Number.isSafeInteger(rows) || rows < 1) {
    throw new InvalidArgumentError(`\`${option}\` must be a number of rows, at least 1; received ${rows}.`);
  }
}
