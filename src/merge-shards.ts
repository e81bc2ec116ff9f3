import { FileAccessError, InvalidArgumentError, InvalidDatasetError, isCnnTransferError } from "./errors.js";
import { isSameFile } from "./files/existing-file.node.js";
import type { Compression } from "./hdf5/compression.js";
import type { RowDType } from "./hdf5/convert-rows.js";
import type { AttributeValue } from "./hdf5/dataset-attributes.js";
import type { FoundDataset } from "./hdf5/dataset-keys.js";
import { itemSize } from "./hdf5/typed-array.js";
import { HDF5DatasetWriter } from "./hdf5-dataset-writer.js";
import { type ChannelSums, createChannelSums } from "./images/channel-sums.js";
import { type NdArray, sizeOf } from "./ndarray.js";
import { checkText, checkTexts } from "./options/check-option.js";
import { checkOptions } from "./options/check-options.js";
import { checkOneJob, commonAttributes, isOfPictures } from "./shards/one-job.js";
import { openShardFile, type ShardDescription, type ShardFileKeys, type ShardRows } from "./shards/shard-file.js";

/** How shards are joined. */
export interface MergeShardsOptions {
  /** Dataset of the rows. @default `features` or `images`, or the only dataset that can be meant */
  readonly dataKey?: string | undefined;
  /** Dataset of the labels, where the shards' writers had a `labelKey`. @default "labels" */
  readonly labelKey?: string | undefined;
  /** Compresses the rows of the merged file, as in `HDF5DatasetWriter`. @default none */
  readonly compression?: Compression | undefined;
  /** Replaces a file that exists, once the new one is complete; drops an unfinished one. @default false */
  readonly overwrite?: boolean | undefined;
  /** Takes an unfinished target over from a process of another machine, as in `HDF5DatasetWriter`. @default false */
  readonly takeOver?: boolean | undefined;
  /** Called after each batch of rows. */
  readonly onProgress?: ((progress: MergeShardsProgress) => void) | undefined;
  /** Stops it; nothing of the merged file is left then. */
  readonly signal?: AbortSignal | undefined;
}

/** How far the joining of shards is. */
export interface MergeShardsProgress {
  /** File of the shard that is being read. */
  readonly path: string;
  /** Rows that are in the merged file. */
  readonly done: number;
  /** Rows of all shards. */
  readonly total: number;
}

/** What was joined. */
export interface MergeShardsSummary {
  readonly path: string;
  readonly shards: number;
  readonly rows: number;
  /** Pictures of the job that have no row, as they could not be decoded. */
  readonly skipped: number;
}

/** Read and written at once. */
const stepBytes = 4 * 1024 * 1024;
const greatestStepRows = 65_536;

/**
 * Joins the files of all shards of a job into one that has the rows in the order of the source, with their labels, names,
 * further columns and attributes: what a single process would have written. Memory stays constant.
 *
 * Before anything is written it checks that the files are complete shards of one job (the same pictures, network,
 * weights, layer, pooling and preparation) and that none is missing or comes twice; while it copies, that each holds
 * what was written, by the stored checksums. The target appears when all of this has passed. After an error nothing is
 * left of it; a merge that was killed leaves `X.partial`, which `overwrite: true` drops.
 *
 * @param paths files of the shards, in any order: what `shardPaths` gives
 * @throws FileAccessError if a shard is missing, the target exists, or cannot be written
 * @throws InvalidDatasetError naming the shard that is not complete, is damaged, is of another job or comes twice, or the
 *   shards that are missing
 * @throws InvalidArgumentError for an empty list, or a target that is one of the shards
 *
 * @example
 * await mergeShards(shardPaths("animals.hdf5", 4), "animals.hdf5", { onProgress: console.log });
 */
export async function mergeShards(
  paths: readonly string[],
  target: string,
  options: MergeShardsOptions = {},
): Promise<MergeShardsSummary> {
  checkOptions("mergeShards", options, {
    dataKey: true,
    labelKey: true,
    compression: true,
    overwrite: true,
    takeOver: true,
    onProgress: true,
    signal: true,
  });
  const { onProgress, signal } = options;
  checkTexts("paths", paths, '["animals-00000-of-00002.hdf5", "animals-00001-of-00002.hdf5"]');
  checkText("target", target, 'the path of a file, such as "animals.hdf5"');
  const [firstPath, ...otherPaths] = paths;
  if (firstPath === undefined) throw new InvalidArgumentError("Cannot merge: no shards were given. Pass all of a job.");
  const isTarget = await Promise.all(paths.map(async (path) => path === target || (await isSameFile(path, target))));
  if (isTarget.includes(true)) {
    throw new InvalidArgumentError(`Cannot merge into "${target}": it is one of the shards. Choose another name.`);
  }
  const described: [ShardDescription, ...ShardDescription[]] = [await describe(firstPath, options)];
  for (const path of otherPaths) {
    signal?.throwIfAborted();
    described.push(await describe(path, options));
  }
  const shards = checkOneJob(described);
  const total = shards.reduce((sum, { data }) => sum + (data.shape[0] as number), 0);
  const sums = isOfPictures(shards[0]) ? createChannelSums() : undefined;
  const writer = await createWriter(target, shards, total, options);
  try {
    for (const shard of shards) {
      await copyRows(shard, options, async (rows) => {
        signal?.throwIfAborted();
        await addRows(writer, shard, rows, sums);
        onProgress?.({ path: shard.path, done: writer.rowsWritten, total });
      });
    }
    signal?.throwIfAborted();
    if (sums) await writer.storeAttributes({ channel_means: sums.means() });
    await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return { path: target, shards: shards.length, rows: total, skipped: shards[0].facts.images - total };
}

async function describe(path: string, keys: ShardFileKeys): Promise<ShardDescription> {
  const file = await openShardFile(path, keys);
  await file.close();
  return file.description;
}

/** Opens each shard again when its turn comes: there may be more of them than files that may be open. */
async function copyRows(
  shard: ShardDescription,
  keys: ShardFileKeys,
  take: (rows: ShardRows) => Promise<void>,
): Promise<void> {
  const { path, data } = shard;
  const file = await openShardFile(path, keys);
  try {
    const [now, before] = [file.description, shard].map(({ attributes, ...rest }) =>
      JSON.stringify([rest, [...attributes]]),
    );
    if (now !== before) {
      throw new InvalidDatasetError(path, `The shard "${path}" was replaced while shards were merged. Merge again.`);
    }
    const rowBytes = sizeOf(data.shape.slice(1)) * itemSize(data.dtype as RowDType);
    const batchRows = Math.max(1, Math.min(greatestStepRows, Math.floor(stepBytes / rowBytes)));
    let refused: unknown;
    for await (const rows of file.read(batchRows)) {
      if (refused !== undefined) continue;
      try {
        await take(rows);
      } catch (error) {
        if (!isCnnTransferError(error, "InvalidArgumentError")) throw error;
        // A label that no class has is damage, of which the checksum behind the last row tells better.
        refused = error;
      }
    }
    if (refused !== undefined) throw refused;
  } finally {
    await file.close();
  }
}

async function createWriter(
  target: string,
  shards: readonly [ShardDescription, ...ShardDescription[]],
  rows: number,
  { compression, overwrite, takeOver, labelKey }: MergeShardsOptions,
): Promise<HDF5DatasetWriter> {
  // Without rows a file has no datasets of labels and columns.
  const model = shards.find(({ data }) => data.shape[0] !== 0) ?? shards[0];
  const { data, labels, columns, classLabels } = model;
  try {
    return await HDF5DatasetWriter.create(target, {
      rows,
      rowShape: data.shape.slice(1),
      dtype: data.dtype as RowDType,
      dataKey: data.path,
      labelKey: labels?.path ?? labelKey,
      labelShape: labels?.shape.slice(1),
      labelDtype: labels?.dtype as "int32" | "uint8" | undefined,
      columns: Object.fromEntries(
        columns.map(({ path, dtype, shape }) => [path, { dtype: dtype as RowDType | "string", shape: shape.slice(1) }]),
      ),
      classLabels,
      compression,
      overwrite,
      takeOver,
      attributes: mergedAttributes(model),
    });
  } catch (error) {
    if (!isCnnTransferError(error, "FileAccessError") || error.reason !== "exists") throw error;
    throw new FileAccessError(
      `Cannot merge into "${target}": it exists already, or an unfinished "${target}.partial" does. Choose another name, or pass \`overwrite: true\`; a merge always begins anew.`,
      { path: target, reason: "exists" },
      { cause: error },
    );
  }
}

/** Those of the whole. The means of pictures are stored in the end. */
function mergedAttributes(shard: ShardDescription): Readonly<Record<string, AttributeValue>> {
  return {
    ...Object.fromEntries(commonAttributes(shard)),
    ...(isOfPictures(shard) ? { image_list_crc32: shard.facts.namesChecksum } : {}),
  };
}

async function addRows(
  writer: HDF5DatasetWriter,
  { data, labels, names, columns }: ShardDescription,
  { values }: ShardRows,
  sums: ChannelSums | undefined,
): Promise<void> {
  const numbers = (found: FoundDataset) => values.get(found.path) as NdArray;
  const texts = (found: FoundDataset) => values.get(found.path)?.data as readonly string[];
  const rows = numbers(data);
  if (rows.dtype === "uint8") sums?.add(rows.data);
  await writer.add(rows, labels && numbers(labels), {
    ...(names ? { names: texts(names) } : {}),
    columns: Object.fromEntries(
      columns.map((found) => [found.path, found.dtype === "string" ? texts(found) : numbers(found)]),
    ),
  });
}
