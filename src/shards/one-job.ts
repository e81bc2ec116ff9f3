import { InvalidDatasetError } from "../errors.js";
import type { AttributeValue } from "../hdf5/dataset-attributes.js";
import type { FoundDataset } from "../hdf5/dataset-keys.js";
import { shardRange } from "./shard.js";
import type { ShardDescription } from "./shard-file.js";

/** Whether a file is one of `writeImages`: pictures, with facts about those in the file. */
export function isOfPictures({ attributes, data }: ShardDescription): boolean {
  return attributes.has("image_list_crc32") && data.dtype === "uint8" && data.shape.at(-1) === 3;
}

/** Attributes that all shards of a job have in common: without those that are of the pictures in one file. */
export function commonAttributes(shard: ShardDescription): readonly (readonly [string, AttributeValue])[] {
  const ofPart = isOfPictures(shard) ? ["channel_means", "image_list_crc32"] : [];
  return [...shard.attributes].filter(([name]) => !ofPart.includes(name));
}

/**
 * Checks that files are all shards of one job, each once.
 *
 * @returns them in the order of their indices
 * @throws InvalidDatasetError naming the file that does not belong to the others, or comes twice, or the missing shards
 */
export function checkOneJob(
  shards: readonly [ShardDescription, ...ShardDescription[]],
): readonly [ShardDescription, ...ShardDescription[]] {
  const [first] = shards;
  const { count } = first.facts;
  const byIndex = new Map<number, ShardDescription>();
  // Without rows there are no datasets of labels and columns either.
  const model = shards.find(({ data }) => data.shape[0] !== 0) ?? first;
  for (const shard of shards) {
    const { index } = shard.facts;
    checkSame(shard, first, wholeJob);
    if (shard.data.shape[0] !== 0) checkSame(shard, model, withRows);
    checkRowCount(shard);
    const before = byIndex.get(index);
    if (before) {
      throw new InvalidDatasetError(
        shard.path,
        `Cannot merge: "${before.path}" and "${shard.path}" are both shard ${index} of ${count}. Pass each shard once.`,
      );
    }
    byIndex.set(index, shard);
  }
  const missing = count - byIndex.size;
  if (missing > 0) {
    // No list of all: a damaged file may tell any number.
    const shown: number[] = [];
    for (let index = 0; shown.length < Math.min(missing, 10); index++) if (!byIndex.has(index)) shown.push(index);
    throw new InvalidDatasetError(
      first.path,
      `Cannot merge: of ${count} shards ${missing} are missing: ${shown.join(", ")}${missing > 10 ? ", ..." : ""}. Pass the files of all of them.`,
    );
  }
  const [zero, ...others] = [...shards].sort((a, b) => a.facts.index - b.facts.index);
  return [zero as ShardDescription, ...others];
}

/** What all files of a job must agree on, as texts to be shown. */
function wholeJob(shard: ShardDescription): ReadonlyMap<string, string> {
  const { facts, data, classLabels, attributes } = shard;
  return new Map([
    ["number of shards", String(facts.count)],
    ["number of images of the job", String(facts.images)],
    ["checksum of the names of the job's images", String(facts.namesChecksum)],
    ["checksum of the labels of the job's images", String(facts.labelsChecksum)],
    ["form of the rows", form(data)],
    ["names of classes", JSON.stringify(classLabels)],
    ...commonAttributes(shard).map(([name, value]): [string, string] => [
      `attribute "${name}"`,
      JSON.stringify([value].flat().map(String)),
    ]),
    ["attributes", JSON.stringify([...attributes.keys()])],
  ]);
}

/** What those must agree on that have rows. */
function withRows({ labels, names, columns }: ShardDescription): ReadonlyMap<string, string> {
  return new Map([
    ["labels", labels ? form(labels) : "none"],
    ["names of the images", names ? "given" : "none"],
    ["further columns", columns.map(form).join(", ")],
  ]);
}

function form({ path, dtype, shape }: FoundDataset): string {
  return `"${path}" ${dtype} [${["rows", ...shape.slice(1)].join(", ")}]`;
}

function checkSame(
  shard: ShardDescription,
  first: ShardDescription,
  facts: (shard: ShardDescription) => ReadonlyMap<string, string>,
): void {
  const theirs = facts(shard);
  for (const [what, expected] of facts(first)) {
    const given = theirs.get(what) ?? "missing";
    if (given === expected) continue;
    throw new InvalidDatasetError(
      shard.path,
      `Cannot merge: "${shard.path}" is not of the same job as "${first.path}": its ${what} is ${given} and not ${expected}. Pass the shards of one job, or make this one again.`,
    );
  }
}

function checkRowCount({ path, data, facts }: ShardDescription): void {
  const { index, count, images } = facts;
  const { start, end } = shardRange(facts, images);
  const rows = data.shape[0] as number;
  if (rows <= end - start) return;
  throw new InvalidDatasetError(
    path,
    `Cannot merge: "${path}" has ${rows} rows, but shard ${index} of ${count} of ${images} images has ${end - start} images. Make this shard again.`,
  );
}
