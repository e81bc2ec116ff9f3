import { InvalidArgumentError } from "../errors.js";
import { createColumnWriter } from "./column-writer.js";
import { type CompressedRows, writeCompressedRows } from "./compressed-rows.js";
import type { CompressionFilter } from "./compression.js";
import { buildHead, type HeadDataset } from "./contiguous/head.js";
import type { PartialFile } from "./contiguous/partial-file.js";
import { checksumAttributes, type DatasetLayout, rootAttributes, slackBytes } from "./dataset-layout.js";
import type { HDF5Attribute } from "./engine.js";
import { decodeTexts, type RowColumn } from "./row-column.js";
import type { WriterSettings } from "./writer-settings.js";

/** What a file holds when all its rows are in it. */
export interface DatasetContent {
  readonly rows: number;
  readonly checksum: number;
  /** Which of the columns rows come with. */
  readonly present: readonly boolean[];
  readonly classLabels: readonly string[];
  readonly attributes: ReadonlyMap<string, HDF5Attribute>;
}

/** Writes the columns behind the rows, then the final head, and gives the file its name. */
export async function completeDataset(
  file: PartialFile,
  path: string,
  settings: WriterSettings,
  layout: DatasetLayout,
  content: DatasetContent,
): Promise<void> {
  const { rows, classLabels, present, checksum, attributes } = content;
  const { dataKey, dtype, rowShape, rowBytes, compression } = settings;
  const { dataPosition } = layout;
  const data = compression && (await compress(file, settings, layout, rows, compression));
  const writer = createColumnWriter(file, data?.end ?? dataPosition + rows * rowBytes);
  const [labels, ...others] = settings.columns.map((column, i) => (present[i] ? column : undefined));
  const begin = (column: RowColumn | undefined) => {
    if (!column) return undefined;
    if (column.dtype !== "string") return writer.numbers(column.name, column.dtype, [rows, ...column.shape]);
    const append = writer.strings(column.name, rows);
    return (bytes: Uint8Array) => append(decodeTexts(bytes));
  };
  const addLabels = begin(labels);
  const addClasses = classLabels.length > 0 ? writer.strings("label_names", classLabels.length) : undefined;
  const appends = [addLabels, ...others.map(begin)];
  await addClasses?.(classLabels);
  // Texts share heaps: column by column, these do not depend on how rows were cut into entries.
  const texts = settings.columns.flatMap(({ dtype }, i) => (dtype === "string" && present[i] ? [i] : []));
  const numbers = settings.columns.flatMap(({ dtype }, i) => (dtype !== "string" && present[i] ? [i] : []));
  for (const pass of [[...numbers, ...texts.slice(0, 1)], ...texts.slice(1).map((text) => [text])]) {
    for await (const entry of file.entries()) {
      for (const i of pass) {
        const bytes = entry.columns[i];
        if (bytes) await appends[i]?.(bytes);
      }
    }
  }
  const datasets: HeadDataset[] = [
    {
      name: dataKey,
      dtype,
      shape: [rows, ...rowShape],
      position: data?.tree ?? dataPosition,
      ...(data ? { compressed: { chunkRows: data.chunkRows, filter: data.filter } } : {}),
      attributes: checksumAttributes(checksum),
    },
    ...(await writer.finish()),
  ];
  const head = buildHead({ datasets, attributes: rootAttributes(attributes, rows, true), endOfFile: writer.end });
  if (head.bytes.length > dataPosition) {
    throw new InvalidArgumentError(
      `Closing "${path}": the attributes stored since \`create\` take more than the ${slackBytes} bytes that were kept free for them. Pass long ones to \`create\`.`,
    );
  }
  await file.write(0, head.bytes);
  // Fewer rows than announced leave room behind them. Until now the old head has told of it.
  await file.truncate(writer.end);
  await file.complete();
}

async function compress(
  file: PartialFile,
  { rowBytes, rowShape, dtype }: WriterSettings,
  { dataPosition }: DatasetLayout,
  rows: number,
  filter: CompressionFilter,
): Promise<CompressedRows> {
  await file.replace();
  return writeCompressedRows(file, { rows, rowBytes, rowShape, dtype, from: dataPosition, to: dataPosition, filter });
}
