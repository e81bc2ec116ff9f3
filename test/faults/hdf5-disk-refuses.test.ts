import { existsSync } from "node:fs";
import fs, { type FileHandle, readdir, readFile, rm } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter, type HDF5DatasetWriterOptions } from "../../src/hdf5-dataset-writer.js";
import { makeFastFolder } from "./support/fast-folder.js";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await makeFastFolder();
  file = path.join(folder, "features.hdf5");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Rows of 4 MiB: the disk is first asked after eight of them. */
const rowLength = 1024 * 1024;
const rows = 12;
const options: HDF5DatasetWriterOptions = { rows, rowShape: [rowLength], bufferSize: 1 };

async function addRows(writer: HDF5DatasetWriter, last = rows): Promise<void> {
  for (let row = writer.rowsWritten; row < last; row++) {
    const data = new Float32Array(rowLength).fill(row + 1);
    await writer.add({ dtype: "float32", shape: [1, rowLength], data }, [row % 3]);
  }
}

/**
 * Runs `action` with a disk that refuses a file's bytes, the data file's if nothing is said, when it is asked for the `refused`th time, and never
 * again, as a system tells of it. No disk here does that when it is told to.
 */
async function withRefusal(
  refused: number,
  action: () => Promise<void>,
  files = /\.(partial|replacement)$/u,
): Promise<number> {
  const { open } = fs;
  let asked = 0;
  Object.assign(fs, {
    open: (async (name, flags, mode) => {
      const handle: FileHandle = await open(name, flags, mode);
      if (!files.test(String(name))) return handle;
      const datasync = handle.datasync.bind(handle);
      handle.datasync = async () => {
        if (asked++ === refused) {
          await setTimeout(50);
          throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
        }
        await datasync();
      };
      return handle;
    }) as typeof open,
  });
  syncBuiltinESMExports();
  try {
    await action();
  } finally {
    Object.assign(fs, { open });
    syncBuiltinESMExports();
  }
  return asked;
}

/** What is not on the disk is gone when the system makes room for other files. */
async function forgetRows(first: number): Promise<void> {
  const handle = await fs.open(`${file}.partial`, "r+");
  const { size } = await handle.stat();
  const dataPosition = size - rows * rowLength * 4;
  for (let row = first; row < rows; row++) {
    await handle.write(new Uint8Array(rowLength * 4), 0, rowLength * 4, dataPosition + row * rowLength * 4);
  }
  await handle.close();
}

const refusal = { name: "FileAccessError", reason: "other", message: expect.stringContaining("`resume: true`") };

describe("a disk that does not take the rows it was given", () => {
  test.each([
    { when: "while rows are added", refused: 0, onDisk: 0 },
    { when: "when the file is closed", refused: 1, onDisk: 8 },
  ])("$when: an error ever after, and the next run writes anew what may be lost", async ({ refused, onDisk }) => {
    let whole: Buffer;
    {
      const other = path.join(folder, "undisturbed.hdf5");
      await using writer = await HDF5DatasetWriter.create(other, options);
      await addRows(writer);
      await writer.close();
      whole = await readFile(other);
      await rm(other);
    }
    await withRefusal(refused, async () => {
      const writer = await HDF5DatasetWriter.create(file, options);
      const end = (async () => {
        await addRows(writer);
        await writer.close();
      })();
      await expect(end).rejects.toMatchObject(refusal);
      await expect(writer.close({ allowFewer: true })).rejects.toMatchObject(refusal);
      await writer[Symbol.asyncDispose]();
    });
    expect(existsSync(file)).toBe(false);
    await forgetRows(onDisk);

    await using writer = await HDF5DatasetWriter.create(file, { ...options, resume: true });
    expect(writer.rowsWritten).toBe(onDisk);
    await addRows(writer);
    await writer.close();
    expect((await readFile(file)).equals(whole)).toBe(true);
    expect(await readdir(folder)).toEqual(["features.hdf5"]);
  });

  test("after the last row that came: leaving the block says so, and the journal does not tell of the rows", async () => {
    await withRefusal(0, async () => {
      const leave = async () => {
        await using writer = await HDF5DatasetWriter.create(file, options);
        await addRows(writer, 8);
      };
      await expect(leave()).rejects.toMatchObject(refusal);
    });
    await using writer = await HDF5DatasetWriter.create(file, { ...options, resume: true });
    expect(writer.rowsWritten).toBe(0);
    await writer.abort();
  });

  test("flush says so, also where all rows had been given to the system before", async () => {
    await withRefusal(0, async () => {
      const writer = await HDF5DatasetWriter.create(file, options);
      await addRows(writer, 8);
      await setTimeout(300);
      await expect(writer.flush()).rejects.toMatchObject(refusal);
      await writer.abort();
    });
  });

  test("nor the journal's bytes: rows that were refused do not count twice when they are added again", async () => {
    const small: HDF5DatasetWriterOptions = { rows: 4, rowShape: [2], bufferSize: 1, durability: "power" };
    const add = (writer: HDF5DatasetWriter, row: number) =>
      writer.add({ dtype: "float32", shape: [1, 2], data: Float32Array.of(row, -row) }, [row]);
    // Asked twice for each row: before its entry and behind it.
    const behindSecond = 3;
    const refusing = async () => {
      const writer = await HDF5DatasetWriter.create(file, small);
      await add(writer, 0);
      await expect(add(writer, 1)).rejects.toMatchObject(refusal);
      await expect(add(writer, 1)).rejects.toMatchObject(refusal);
      expect(writer.rowsWritten).toBe(1);
      await writer[Symbol.asyncDispose]();
    };
    await withRefusal(behindSecond, refusing, /\.journal$/u);

    await using writer = await HDF5DatasetWriter.create(file, { ...small, resume: true });
    expect(writer.rowsWritten).toBe(1);
    for (const row of [1, 2, 3]) await add(writer, row);
    await writer.close();
    await using data = await HDF5DatasetGenerator.open(file);
    expect(data.labels).toEqual(Int32Array.of(0, 1, 2, 3));
    await data.verify();
  });

  test("nor the folder's names: with durability power the disk has them before the first row counts", async () => {
    const { open } = fs;
    const order: string[] = [];
    Object.assign(fs, {
      open: (async (name, flags, mode) => {
        const handle: FileHandle = await open(name, flags, mode);
        const sync = handle.sync.bind(handle);
        handle.sync = async () => {
          order.push(String(name));
          await sync();
        };
        return handle;
      }) as typeof open,
    });
    syncBuiltinESMExports();
    try {
      const writer = await HDF5DatasetWriter.create(file, {
        rows: 2,
        rowShape: [1],
        bufferSize: 1,
        durability: "power",
      });
      for (const row of [0, 1]) {
        await writer.add({ dtype: "float32", shape: [1, 1], data: Float32Array.of(row) });
        order.push(`row ${row}`);
      }
      await writer.abort();
    } finally {
      Object.assign(fs, { open });
      syncBuiltinESMExports();
    }
    expect(order).toEqual([folder, "row 0", "row 1"]);
  });

  test("in the compressed form: closing again makes it again", async () => {
    const compressed = { ...options, compression: { gzip: 1 } };
    const other = path.join(folder, "undisturbed.hdf5");
    {
      await using writer = await HDF5DatasetWriter.create(other, compressed);
      await addRows(writer);
      await writer.close();
    }
    const asked = await withRefusal(1, async () => {
      await using writer = await HDF5DatasetWriter.create(file, compressed);
      await addRows(writer);
      await expect(writer.close()).rejects.toMatchObject({ name: "FileAccessError", reason: "other" });
      await writer.close();
    });
    expect(asked).toBe(3);
    expect((await readFile(file)).equals(await readFile(other))).toBe(true);
  });
});
