import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { isCnnTransferError } from "../../src/errors.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { createRandom } from "../../src/random.js";
import { addPlaces, compressedRows, type SampleRun, smallRows, writeSampleRun } from "./support/sample-run.js";
import { mountSmallDisk } from "./support/small-disk.js";

const disk = await mountSmallDisk(2);
afterAll(() => disk?.remove());

/** Rows of 4 kB, so that each batch takes space of its own. */
const withLargerRows = (run: SampleRun): SampleRun => ({ ...run, options: { ...run.options, rowShape: [1024] } });
const runs = [smallRows(100, true), smallRows(100, false), compressedRows(100)].map(withLargerRows);

describe.skipIf(!disk)("a disk that is full (skipped where no file system can be mounted)", () => {
  const { folder, fill, free } = disk ?? { folder: "", fill: () => {}, free: () => {} };
  const file = path.join(folder, "features.hdf5");
  const undisturbed = new Map<SampleRun, Buffer>();

  beforeAll(async () => {
    const elsewhere = await mkdtemp(path.join(tmpdir(), "undisturbed-"));
    for (const [i, run] of runs.entries()) {
      const whole = path.join(elsewhere, `${i}.hdf5`);
      await using writer = await HDF5DatasetWriter.create(whole, run.options);
      await writeSampleRun(run, writer, createRandom(1).double);
      undisturbed.set(run, await readFile(whole));
    }
    await rm(elsewhere, { recursive: true });
  });
  afterEach(async () => {
    for (const name of await readdir(folder)) await rm(path.join(folder, name), { recursive: true });
  });

  async function expectFull(action: Promise<unknown>): Promise<void> {
    const error = await action.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).toMatchObject({ name: "FileAccessError", reason: "disk-full" });
    expect(existsSync(file)).toBe(false);
  }

  async function expectRight(run: SampleRun): Promise<void> {
    expect((await readFile(file)).equals(undisturbed.get(run) as Buffer)).toBe(true);
    expect(await readdir(folder)).toEqual(["features.hdf5"]);
  }

  async function resume(run: SampleRun, atLeast: number): Promise<void> {
    await using writer = await HDF5DatasetWriter.create(file, { ...run.options, resume: true });
    expect(writer.rowsWritten + writer.rowsSkipped).toBeGreaterThanOrEqual(atLeast);
    await writeSampleRun(run, writer, createRandom(2).double);
  }

  /** Adds batches until the disk is full; tells what was done for good. */
  async function addUntilFull(run: SampleRun, writer: HDF5DatasetWriter): Promise<number> {
    let flushed = 0;
    for (;;) {
      const place = writer.rowsWritten + writer.rowsSkipped;
      expect(place).toBeLessThan(run.places);
      try {
        await addPlaces(run, writer, place, place + 3);
        await writer.flush();
        flushed = writer.rowsWritten + writer.rowsSkipped;
      } catch (error) {
        await expectFull(Promise.reject(error));
        return flushed;
      }
    }
  }

  describe.each(runs)("with $name", (run) => {
    test.each([0, 4096, 8192, 12288, 16384, 20480, 24576, 32768])(
      "while the file is made, with %i bytes left: an error at once or at the first rows, and then it can be written",
      async (spare) => {
        fill(spare);
        const writer = await HDF5DatasetWriter.create(file, run.options).catch((cause: unknown) => cause);
        if (writer instanceof HDF5DatasetWriter) {
          await addUntilFull(run, writer);
          await writer[Symbol.asyncDispose]().catch((cause) => expectFull(Promise.reject(cause)));
        } else {
          await expectFull(Promise.reject(writer));
        }
        free();
        await resume(run, 0);
        await expectRight(run);
      },
    );

    test("while rows are written: the next process resumes behind those that were flushed", async () => {
      const writer = await HDF5DatasetWriter.create(file, run.options);
      await addPlaces(run, writer, 0, 10);
      fill(60_000);
      const flushed = await addUntilFull(run, writer);
      await writer[Symbol.asyncDispose]().catch((cause) => expectFull(Promise.reject(cause)));
      free();
      await resume(run, flushed);
      await expectRight(run);
    });

    test("while rows are flushed: the same writer goes on when there is space", async () => {
      await using writer = await HDF5DatasetWriter.create(file, run.options);
      await addPlaces(run, writer, 0, 14);
      fill();
      await expectFull(writer.flush());
      await expectFull(writer.flush());
      expect(writer.rowsWritten + writer.rowsSkipped).toBe(14);
      free();
      await writeSampleRun(run, writer, createRandom(3).double);
      await expectRight(run);
    });

    test("while a batch is added: it was taken whole or not at all, as the writer's count says", async () => {
      await using writer = await HDF5DatasetWriter.create(file, run.options);
      await addPlaces(run, writer, 0, 12);
      fill();
      // Fills the buffer of 16 rows, so that it has to be written.
      for (let i = 0; i < 3; i++) {
        const before = writer.rowsWritten;
        const error = await addPlaces(run, writer, 12, 17).catch((cause: unknown) => cause);
        expect(isCnnTransferError(error, "FileAccessError") && error.reason).toBe("disk-full");
        expect(writer.rowsWritten).toBe(before);
      }
      free();
      await addPlaces(run, writer, 12, 17);
      await writeSampleRun(run, writer, createRandom(4).double);
      await expectRight(run);
    });

    test.each([0, 1, 2, 3])(
      "while it is closed, with %i pages left: `close` can be called again, or another process resumes",
      async (pages) => {
        for (const how of ["again", "resumed"]) {
          const writer = await HDF5DatasetWriter.create(file, run.options);
          for (let place = 0; place < run.places; place += 10) await addPlaces(run, writer, place, place + 10);
          await writer.flush();
          fill(pages * 4096);
          const error = await writer.close().catch((cause: unknown) => cause);
          if (error) await expectFull(Promise.reject(error));
          // Labels and names take more than a page behind the rows.
          if (pages < 2) expect(error).toBeDefined();
          free();
          if (error && how === "again") {
            await writer.close();
          } else if (error) {
            await writer[Symbol.asyncDispose]();
            await resume(run, run.places);
          }
          await expectRight(run);
          await rm(file);
        }
      },
    );
  });

  test("that can only be read: an error when the file is made, and when it is resumed", async () => {
    const run = runs[0] as SampleRun;
    {
      await using writer = await HDF5DatasetWriter.create(file, run.options);
      await addPlaces(run, writer, 0, 20);
    }
    disk?.setReadOnly(true);
    try {
      for (const resume of [true, false]) {
        await expect(HDF5DatasetWriter.create(file, { ...run.options, resume })).rejects.toMatchObject({
          name: "FileAccessError",
          reason: "not-permitted",
        });
      }
    } finally {
      disk?.setReadOnly(false);
    }
    await resume(run, 20);
    await expectRight(run);
  });

  test("is told of before anything is written, where the number of rows is known", async () => {
    const rows = 1000;
    await expectFull(HDF5DatasetWriter.create(file, { rows, rowShape: [1024] }));
    expect(await readdir(folder)).toEqual([]);
  });
});
