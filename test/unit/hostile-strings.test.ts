import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { buildHead } from "../../src/hdf5/contiguous/head.js";
import { contiguous } from "../../src/hdf5/contiguous-engine.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";

const damaged = { name: "InvalidDatasetError", message: expect.stringContaining("damaged") };

test("references of all rows to one long text are refused before memory ends", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "hostile-strings-"));
  const file = path.join(folder, "names.hdf5");
  const rows = 2000;
  const long = 40_000;
  await using writer = await HDF5DatasetWriter.create(file, { rows, rowShape: [1] });
  const names = Array.from({ length: rows }, (_, i) => (i === 0 ? "n".repeat(long) : `${i}.jpg`));
  await writer.add({ dtype: "float32", shape: [rows, 1], data: new Float32Array(rows) }, undefined, { names });
  await writer.close();
  const bytes = await readFile(file);
  await rm(folder, { recursive: true });

  const opened = await contiguous().open(bytes);
  expect((await opened.readStrings("file_names"))[0]).toHaveLength(long);
  await opened.close();

  const reference = Buffer.alloc(4);
  reference.writeUInt32LE(long);
  const first = bytes.indexOf(reference, rows * 4 + 4096);
  for (let row = 1; row < rows; row++) bytes.copy(bytes, first + row * 16, first, first + 16);
  const hostile = await contiguous().open(bytes);
  await expect(hostile.readStrings("file_names")).rejects.toMatchObject(damaged);
  await hostile.close();
});

test("as many texts as nobody can hold, announced and never written, are refused", async () => {
  const position = 0x12345678;
  const open = async (rows: number) => {
    const { bytes } = buildHead({
      datasets: [{ name: "label_names", dtype: "string", shape: [rows], position }],
      attributes: new Map(),
      endOfFile: 16_384,
    });
    const file = Buffer.alloc(16_384);
    file.set(bytes);
    const address = Buffer.alloc(8);
    address.writeBigUInt64LE(BigInt(position));
    // All ones: there is no place yet.
    file.fill(0xff, file.indexOf(address), file.indexOf(address) + 8);
    return contiguous().open(file);
  };
  const sound = await open(3);
  expect(await sound.readStrings("label_names")).toEqual(["", "", ""]);
  const hostile = await open(2 ** 25);
  await expect(hostile.readStrings("label_names")).rejects.toMatchObject(damaged);
});
