import { crc32 } from "../checksum/crc32.node.js";
import { InvalidDatasetError, isCnnTransferError } from "../errors.js";
import { openAuto } from "../hdf5/auto-engine.js";
import { type BatchColumn, type LocatingFile, openRowReader } from "../hdf5/column-reader.js";
import { type AttributeValue, numberAttribute, plainAttribute } from "../hdf5/dataset-attributes.js";
import { type FoundDataset, findDatasets } from "../hdf5/dataset-keys.js";
import { textChecksum } from "../hdf5/text-checksum.js";
import { storedBytes } from "../hdf5/verify-dataset.js";
import { decodeShardFacts, type ShardFacts } from "./shard-facts.js";

/** How the datasets of a shard's file are to be found. */
export interface ShardFileKeys {
  readonly dataKey?: string | undefined;
  readonly labelKey?: string | undefined;
}

/** What a shard's file holds. */
export interface ShardDescription {
  readonly path: string;
  readonly facts: ShardFacts;
  /** The rows, `[rows, ...rowShape]`. */
  readonly data: FoundDataset;
  /** Labels, where the shard has rows and these have labels. */
  readonly labels: FoundDataset | undefined;
  /** Names of the pictures, under the same condition. */
  readonly names: FoundDataset | undefined;
  /** Further columns, those of numbers in the order in which they lie in the file. */
  readonly columns: readonly FoundDataset[];
  readonly classLabels: readonly string[];
  /** Attributes of the file's root but for the library's own and `shard`. */
  readonly attributes: ReadonlyMap<string, AttributeValue>;
}

/** Some rows of a shard with what belongs to them. */
export interface ShardRows {
  readonly count: number;
  /** Values by the paths of the datasets. */
  readonly values: ReadonlyMap<string, BatchColumn>;
}

/** An open file of a shard. */
export interface ShardFile {
  readonly description: ShardDescription;
  /**
   * All rows in order, and behind the last one a comparison of everything that was read with the stored checksums.
   *
   * @param batchRows rows at once; each batch is valid until the next one is asked for
   * @throws InvalidDatasetError if a dataset does not hold what was written
   */
  read(batchRows: number): AsyncGenerator<ShardRows, void, undefined>;
  close(): Promise<void>;
}

/**
 * Opens the file of a shard.
 *
 * @throws FileAccessError if there is none
 * @throws InvalidDatasetError if it is not complete, is damaged, or is not the file of a shard
 */
export async function openShardFile(path: string, keys: ShardFileKeys): Promise<ShardFile> {
  const file = await openComplete(path);
  try {
    const description = await describe(file, path, keys);
    return {
      description,
      read: (batchRows) => readRows(file, description, batchRows),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openComplete(path: string): Promise<LocatingFile> {
  try {
    return await openAuto(path);
  } catch (error) {
    if (!isCnnTransferError(error, "FileAccessError") || error.reason !== "missing") throw error;
    const unfinished = await openAuto(`${path}.partial`).catch(() => undefined);
    await unfinished?.close();
    if (!unfinished) throw error;
    throw new InvalidDatasetError(
      path,
      `The shard "${path}" is not complete: there is only "${path}.partial". Let its process go on with \`resume: true\` and close it, then merge again.`,
    );
  }
}

async function describe(file: LocatingFile, path: string, keys: ShardFileKeys): Promise<ShardDescription> {
  const complete = await numberAttribute(file, "/", "complete");
  if (complete !== 1) {
    throw new InvalidDatasetError(
      path,
      complete === 0
        ? `The shard "${path}" was not completed: its writer has not been closed. Finish it with \`resume: true\`.`
        : `"${path}" is not the file of a shard: it was not made by HDF5DatasetWriter.`,
    );
  }
  const attributes = new Map<string, AttributeValue>();
  for (const name of await file.attributes("/")) {
    if (name === "complete" || name === "rows_written") continue;
    const value = await file.attribute("/", name);
    if (value) attributes.set(name, plainAttribute(value));
  }
  const facts = decodeShardFacts(attributes.get("shard"));
  attributes.delete("shard");
  if (!facts) {
    throw new InvalidDatasetError(
      path,
      `"${path}" is not the file of a shard: it does not tell which one. Create its writer with \`attributes: { ...extractor.attributes, ...images.attributes }\`, where \`images\` is what \`shardOf\` gave.`,
    );
  }
  const { data, others } = await findDatasets(file, path, { dataKey: keys.dataKey, labelKey: null });
  const at = (name: string) => others.find((found) => found.path === name);
  const labels = at(keys.labelKey ?? "labels");
  if (keys.labelKey !== undefined && !labels && data.shape[0] !== 0) {
    throw new InvalidDatasetError(path, `"${path}" has no dataset "${keys.labelKey}", which \`labelKey\` names.`);
  }
  const [names, labelNames] = [at("file_names"), at("label_names")];
  const columns = others.filter((found) => found !== labels && found !== names && found !== labelNames);
  const stray = [labels, names, ...columns].find((found) => found && found.shape[0] !== data.shape[0]);
  if (stray) {
    throw new InvalidDatasetError(
      path,
      `"${stray.path}" in "${path}" has shape [${stray.shape.join(", ")}], but "${data.path}" has ${data.shape[0]} rows: a value for each row was expected. A writer of the library does not make such a file.`,
    );
  }
  const classLabels = labelNames ? await file.readStrings(labelNames.path) : [];
  if (labelNames) await compare(file, path, labelNames, textChecksum(classLabels));
  return { path, facts, data, labels, names, columns: await inFileOrder(file, columns), classLabels, attributes };
}

/** Numbers by their place, so that a merged file has them where the file of a whole run has them; then texts. */
async function inFileOrder(file: LocatingFile, columns: readonly FoundDataset[]): Promise<readonly FoundDataset[]> {
  const numbers = await Promise.all(
    columns
      .filter(({ dtype }) => dtype !== "string")
      .map(async (found) => ({ found, position: (await file.locate?.(found.path))?.position ?? 0 })),
  );
  numbers.sort((a, b) => a.position - b.position);
  return [...numbers.map(({ found }) => found), ...columns.filter(({ dtype }) => dtype === "string")];
}

async function* readRows(
  file: LocatingFile,
  { path, data, labels, names, columns }: ShardDescription,
  batchRows: number,
): AsyncGenerator<ShardRows, void, undefined> {
  const rows = data.shape[0] as number;
  const found = [data, labels, names, ...columns].filter((one) => one !== undefined);
  const checksums = new Map<string, number>();
  const readers = new Map(await Promise.all(found.map(async (one) => [one.path, await readerOf(file, one)] as const)));
  for (let start = 0; start < rows; start += batchRows) {
    const end = Math.min(rows, start + batchRows);
    const values = new Map<string, BatchColumn>();
    for (const one of found) {
      const read = await readers.get(one.path)?.(start, end);
      if (!read) continue;
      values.set(one.path, read);
      const before = checksums.get(one.path) ?? 0;
      const after =
        read.dtype === "string" ? textChecksum(read.data, before) : crc32(storedBytes(read, one.dtype), before);
      checksums.set(one.path, after);
    }
    yield { count: end - start, values };
  }
  for (const one of found) await compare(file, path, one, checksums.get(one.path) ?? 0);
}

type RangeReader = (start: number, end: number) => Promise<BatchColumn>;

async function readerOf(file: LocatingFile, found: FoundDataset): Promise<RangeReader> {
  const { path, dtype } = found;
  if (dtype === "string") {
    return async (start, end) => {
      const data = await file.readStrings(path, { start, end });
      return { dtype, shape: [data.length], data };
    };
  }
  const reader = await openRowReader(file, found);
  let buffer: Awaited<ReturnType<typeof reader.read>> | undefined;
  return async (start, end) => {
    const values = await reader.read(
      Uint32Array.from({ length: end - start }, (_, i) => start + i),
      buffer,
    );
    buffer ??= values;
    return values;
  };
}

async function compare(file: LocatingFile, path: string, found: FoundDataset, checksum: number): Promise<void> {
  const expected = await numberAttribute(file, found.path, "crc32");
  if (expected === checksum) return;
  throw new InvalidDatasetError(
    path,
    `"${found.path}" in the shard "${path}" ${expected === undefined ? "has no checksum, and its writer stores one: it was made by something else" : "does not hold what was written: its checksum differs. The file is damaged"}. Make this shard again.`,
  );
}
