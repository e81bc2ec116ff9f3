import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isCnnTransferError } from "../../src/errors.js";
import { takeLock } from "../../src/files/file-lock.node.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { createRandom } from "../../src/random.js";
import { type BundledScript, bundleScript } from "./support/bundled-script.js";
import { addPlaces, type SampleRun, smallRows, writeSampleRun } from "./support/sample-run.js";
import { deadProcessId, startWriter } from "./support/watched-writer.js";

const run = smallRows(60, true);
let undisturbed: Buffer;
let folder: string;
let file: string;
let writing: BundledScript;
let leaving: BundledScript;

beforeAll(async () => {
  [writing, leaving] = await Promise.all([bundleScript("write-sample-run"), bundleScript("leave-writer")]);
  const place = await mkdtemp(path.join(tmpdir(), "undisturbed-"));
  await using writer = await HDF5DatasetWriter.create(path.join(place, "a.hdf5"), run.options);
  await writeSampleRun(run, writer, createRandom(1).double);
  undisturbed = await readFile(path.join(place, "a.hdf5"));
  await rm(place, { recursive: true });
}, 120_000);
afterAll(() => Promise.all([writing?.remove(), leaving?.remove()]));

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "left-unfinished-"));
  file = path.join(folder, "features.hdf5");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function resume(options: SampleRun = run): Promise<number> {
  await using writer = await HDF5DatasetWriter.create(file, { ...options.options, resume: true });
  const begun = writer.rowsWritten + writer.rowsSkipped;
  await writeSampleRun(options, writer, createRandom(2).double);
  expect((await readFile(file)).equals(undisturbed)).toBe(true);
  expect(await readdir(folder)).toEqual(["features.hdf5"]);
  return begun;
}

describe("a writer that is not closed", () => {
  test.each([
    ["process.exit", 0],
    ["an exception that nobody catches", 1],
    ["a loop that ends early", 0],
  ])("because of %s leaves an unfinished file, from which the flushed rows are resumed", async (how, code) => {
    const child = spawn(process.execPath, [leaving.path, JSON.stringify({ path: file, run, how })], {
      stdio: "ignore",
    });
    const [exitCode] = await once(child, "exit");
    expect(exitCode).toBe(code);
    expect(existsSync(file)).toBe(false);
    expect(await resume()).toBe(20);
  });

  test("because of an exception in its `await using` block keeps even the rows in its buffer", async () => {
    const failing = async () => {
      await using writer = await HDF5DatasetWriter.create(file, run.options);
      await addPlaces(run, writer, 0, 23);
      throw new Error("on purpose");
    };
    await expect(failing()).rejects.toThrow("on purpose");
    expect(await readdir(folder)).toEqual(["features.hdf5.partial", "features.hdf5.partial.journal"]);
    expect(await resume()).toBe(23);
  });

  test("because of `abort` leaves nothing, and takes nothing more", async () => {
    await using writer = await HDF5DatasetWriter.create(file, run.options);
    await addPlaces(run, writer, 0, 23);
    await writer.abort();
    await writer.abort();
    expect(await readdir(folder)).toEqual([]);
    await expect(addPlaces(run, writer, 23, 24)).rejects.toMatchObject({ name: "ClosedError" });
    await expect(writer.close()).rejects.toMatchObject({ name: "ClosedError" });
  });

  test("because rows are missing says so, and can be finished", async () => {
    await using writer = await HDF5DatasetWriter.create(file, run.options);
    await addPlaces(run, writer, 0, 40);
    await expect(writer.close()).rejects.toMatchObject({ name: "ShapeMismatchError" });
    expect(existsSync(file)).toBe(false);
    await writeSampleRun(run, writer, createRandom(3).double);
    expect((await readFile(file)).equals(undisturbed)).toBe(true);
  });

  test("is not gone on with by a run that makes other rows", async () => {
    {
      await using writer = await HDF5DatasetWriter.create(file, run.options);
      await addPlaces(run, writer, 0, 23);
    }
    const others = [
      { attributes: { layer: "fc1" } },
      { rowShape: [8] },
      { rows: 61 },
      { dtype: "float16" as const },
      { classLabels: ["cats", "dogs", "bears"] },
    ];
    for (const other of others) {
      const [key] = Object.keys(other) as [string];
      await expect(
        HDF5DatasetWriter.create(file, { ...run.options, ...other, resume: true }),
        key,
      ).rejects.toMatchObject({
        name: "InvalidArgumentError",
        message: expect.stringContaining(key === "attributes" ? "attributes.layer" : key),
      });
    }
    await expect(HDF5DatasetWriter.create(file, run.options)).rejects.toMatchObject({ reason: "exists" });
    expect(await resume()).toBe(23);
  });
});

describe("a folder that goes away while rows come", () => {
  test("ends in an error that says so, and nothing is left behind", async () => {
    const place = path.join(folder, "gone");
    await mkdir(place);
    const lost = path.join(place, "features.hdf5");
    const writer = await HDF5DatasetWriter.create(lost, run.options);
    await addPlaces(run, writer, 0, 60);
    await rm(place, { recursive: true });
    await expect(writer.close()).rejects.toMatchObject({ name: "FileAccessError", reason: "missing" });
    await writer[Symbol.asyncDispose]();
    expect(existsSync(place)).toBe(false);
  });

  test("was never there: an error at once", async () => {
    await expect(HDF5DatasetWriter.create(path.join(folder, "no", "features.hdf5"), run.options)).rejects.toMatchObject(
      { name: "FileAccessError", reason: "missing" },
    );
  });
});

describe("two writers of one file", () => {
  const locked = (error: unknown) => isCnnTransferError(error, "FileAccessError") && error.reason === "locked";

  test("the second is refused while the first writes, whatever it asks for", async () => {
    await using writer = await HDF5DatasetWriter.create(file, run.options);
    for (const options of [{}, { resume: true }, { overwrite: true }]) {
      const error = await HDF5DatasetWriter.create(file, { ...run.options, ...options }).catch((cause) => cause);
      expect(locked(error), JSON.stringify(options)).toBe(true);
    }
    await writeSampleRun(run, writer, createRandom(4).double);
    expect((await readFile(file)).equals(undisturbed)).toBe(true);
  });

  test("that begin at the same moment: only one of them gets the file", async () => {
    for (let i = 0; i < 20; i++) {
      const target = path.join(folder, `${i}.hdf5`);
      const outcomes = await Promise.allSettled([1, 2, 3].map(() => HDF5DatasetWriter.create(target, run.options)));
      const opened = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
      const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
      for (const writer of opened) await writer.abort();
      expect(opened.length, `try ${i}`).toBe(1);
      expect(refused.every(locked), String(refused)).toBe(true);
    }
  });

  test.each([
    ["where there is none", () => undefined],
    ["where there is one of a process that has ended", () => JSON.stringify({ pid: dead, host: hostname() })],
  ])("that take the lock at the same moment %s: only one of them gets it", async (_, old) => {
    const counts: number[] = [];
    for (let i = 0; i < 300; i++) {
      const lock = path.join(folder, `${i}.lock`);
      const content = old();
      if (content) await writeFile(lock, content);
      const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => takeLock(lock, lock)));
      counts.push(outcomes.filter(({ status }) => status === "fulfilled").length);
    }
    expect(counts).toEqual(counts.map(() => 1));
  });

  test("leave the lock of who has taken theirs over to them", async () => {
    const lock = path.join(folder, "a.lock");
    const { giveBack } = await takeLock(lock, lock);
    const theirs = JSON.stringify({ pid: 1, host: "another machine" });
    await writeFile(lock, theirs);
    await giveBack();
    expect(await readFile(lock, "utf8")).toBe(theirs);
  });

  test("in two processes: one writes the file, the other is refused", async () => {
    for (let i = 0; i < 4; i++) {
      const target = path.join(folder, `${i}.hdf5`);
      const writers = [1, 2].map((seed) => startWriter(writing.path, target, run, seed));
      await Promise.all(writers.map(({ ended }) => ended));
      expect(writers.filter(({ closed }) => closed).length).toBe(1);
      expect(writers.find(({ closed }) => !closed)?.errors).toMatch(/FileAccessError[\s\S]*reason: '(locked|exists)'/u);
      expect((await readFile(target)).equals(undisturbed)).toBe(true);
    }
  });

  let dead: number;
  beforeAll(async () => {
    dead = await deadProcessId();
  });

  test.each([
    ["of a process that has ended", () => JSON.stringify({ pid: dead, host: hostname() })],
    ["that was never written to its end", () => '{"pid":'],
    ["that is empty", () => ""],
  ])("a lock %s is taken over", async (_, content) => {
    await writeFile(`${file}.partial.lock`, content());
    expect(await resume()).toBe(0);
  });

  test.skipIf(process.platform !== "linux")(
    "a lock of a process that has ended and was not waited for is taken over",
    async () => {
      // The shell becomes another program, which does not ask what has become of the shell's child.
      const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] });
      const [line] = (await once(parent.stdout, "data")) as [Buffer];
      const ended = Number(line.toString());
      await expect.poll(() => readFile(`/proc/${ended}/stat`, "utf8")).toContain(") Z ");
      await writeFile(`${file}.partial.lock`, JSON.stringify({ pid: ended, host: hostname() }));
      expect(await resume()).toBe(0);
      parent.kill();
    },
  );

  test("a lock of another machine is respected, and the error names the file to delete", async () => {
    await writeFile(`${file}.partial.lock`, JSON.stringify({ pid: dead, host: "another-machine" }));
    await expect(HDF5DatasetWriter.create(file, run.options)).rejects.toMatchObject({
      reason: "locked",
      message: expect.stringContaining(`${file}.partial.lock`),
    });
  });
});

describe("a file that somebody else puts there while rows come", () => {
  test("is not replaced without `overwrite`", async () => {
    await using writer = await HDF5DatasetWriter.create(file, run.options);
    await addPlaces(run, writer, 0, 60);
    await writeFile(file, "theirs");
    await expect(writer.close()).rejects.toMatchObject({ name: "FileAccessError", reason: "exists" });
    expect(await readFile(file, "utf8")).toBe("theirs");
    await rm(file);
    await writer.close();
    expect((await readFile(file)).equals(undisturbed)).toBe(true);
  });
});
