import { isShard, type Shard } from "./shard.js";

/** What a shard's file tells about itself and the job that it is a part of: its attribute `shard`. */
export interface ShardFacts extends Shard {
  /** Pictures of the whole job. */
  readonly images: number;
  /** CRC-32 of the names of all of them, in order. */
  readonly namesChecksum: number;
  /** CRC-32 of the labels of all of them, in order. */
  readonly labelsChecksum: number;
}

/** The facts as JSON: an object of numbers. */
export function encodeShardFacts(facts: ShardFacts): string {
  const { index, count, images, namesChecksum, labelsChecksum } = facts;
  return JSON.stringify({ index, count, images, names_crc32: namesChecksum, labels_crc32: labelsChecksum });
}

/** What {@link encodeShardFacts} made; `undefined` for everything else. */
export function decodeShardFacts(text: unknown): ShardFacts | undefined {
  let value: unknown;
  try {
    value = typeof text === "string" ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { index, count, images, names_crc32, labels_crc32 } = value as Readonly<Record<string, number>>;
  const facts = { index, count, images, namesChecksum: names_crc32, labelsChecksum: labels_crc32 } as ShardFacts;
  const whole = Object.values(facts).every((fact) => Number.isSafeInteger(fact) && (fact as number) >= 0);
  return whole && isShard(facts) ? facts : undefined;
}
