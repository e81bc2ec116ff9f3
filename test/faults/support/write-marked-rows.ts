/**
 * A process that writes rows with a mark of its own, on a machine that calls itself by the name it is given: rows are
 * `[mark, place]`. Prints "at N" (rows that were there), "added N", and in the end "closed" or "stopped REASON".
 */
import { writeSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import { isCnnTransferError } from "../../../src/errors.js";
import { HDF5DatasetWriter } from "../../../src/hdf5-dataset-writer.js";

const { path, rows, mark, host, compression } = JSON.parse(process.argv[2] as string) as {
  readonly path: string;
  readonly rows: number;
  readonly mark: number;
  readonly host: string;
  readonly compression?: { readonly gzip: number } | undefined;
};
os.hostname = () => host;
syncBuiltinESMExports();
const say = (line: string) => writeSync(1, `${line}\n`);
const width = 64;

try {
  await using writer = await HDF5DatasetWriter.create(path, {
    rows,
    rowShape: [width],
    bufferSize: 8,
    compression,
    resume: true,
    takeOver: true,
  });
  say(`at ${writer.rowsWritten}`);
  for (let row = writer.rowsWritten; row < rows; row = writer.rowsWritten) {
    const count = Math.min(1 + ((row * 7) % 13), rows - row);
    const data = Float32Array.from({ length: count * width }, (_, i) =>
      i % width === 0 ? mark : row + Math.floor(i / width),
    );
    await writer.add({ dtype: "float32", shape: [count, width], data }, new Int32Array(count).fill(mark));
    say(`added ${writer.rowsWritten}`);
  }
  await writer.close();
  say("closed");
} catch (error) {
  if (!isCnnTransferError(error, "FileAccessError")) throw error;
  say(`stopped ${error.reason}`);
}
