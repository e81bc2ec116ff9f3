import { InvalidArgumentError } from "../errors.js";
import { checkText, describeValue } from "../options/check-option.js";

/** Which part of a job one process does: part `index`, counted from 0, of `count` parts. */
export interface Shard {
  /** 0 to `count` - 1. */
  readonly index: number;
  /** Number of parts, at least 1. */
  readonly count: number;
}

/** @throws InvalidArgumentError if it is not `{ index, count }` with 0 <= index < count, both whole numbers */
export function checkShard(shard: Shard): void {
  if (typeof shard === "object" && shard !== null && isShard(shard)) return;
  const given =
    typeof shard === "object" && shard !== null
      ? `{ index: ${describeValue(shard.index)}, count: ${describeValue(shard.count)} }`
      : describeValue(shard);
  throw new InvalidArgumentError(
    `\`shard\` is ${given}: expected \`{ index, count }\`, with \`index\` from 0 to \`count\` - 1.`,
  );
}

/** Whether both are whole numbers with 0 <= index < count. */
export function isShard({ index, count }: Shard): boolean {
  return Number.isSafeInteger(index) && Number.isSafeInteger(count) && index >= 0 && index < count;
}

/**
 * The rows of a shard: a range of neighbours, as numpy's `array_split` cuts. Sizes differ by one at most, and the first
 * shards are the larger ones.
 *
 * @param length rows of the whole job
 * @returns `start` included, `end` not
 */
export function shardRange({ index, count }: Shard, length: number): { readonly start: number; readonly end: number } {
  const size = Math.floor(length / count);
  const larger = length % count;
  const start = index * size + Math.min(index, larger);
  return { start, end: start + size + (index < larger ? 1 : 0) };
}

/**
 * Name of a shard's file beside that of the whole: shard 2 of 16 of `animals.hdf5` is `animals-00002-of-00016.hdf5`.
 *
 * @throws InvalidArgumentError for a shard that does not exist
 *
 * @example
 * shardPath("features/animals.hdf5", { index: 0, count: 4 }); // "features/animals-00000-of-00004.hdf5"
 */
export function shardPath(path: string, shard: Shard): string {
  checkText("path", path, 'the path of a file, such as "animals.hdf5"');
  checkShard(shard);
  const digits = (value: number) => String(value).padStart(5, "0");
  const part = `-${digits(shard.index)}-of-${digits(shard.count)}`;
  const extension = /(?<=[^/\\])\.[^./\\]+$/u.exec(path)?.[0] ?? "";
  return `${path.slice(0, path.length - extension.length)}${part}${extension}`;
}

/**
 * Names of the files of all shards, in order: what {@link mergeShards} takes.
 *
 * @throws InvalidArgumentError if `count` is not a whole number of at least 1
 *
 * @example
 * shardPaths("animals.hdf5", 2); // ["animals-00000-of-00002.hdf5", "animals-00001-of-00002.hdf5"]
 */
export function shardPaths(path: string, count: number): readonly string[] {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new InvalidArgumentError(`\`count\` is ${describeValue(count)}: expected a number of shards, at least 1.`);
  }
  return Array.from({ length: count }, (_, index) => shardPath(path, { index, count }));
}
