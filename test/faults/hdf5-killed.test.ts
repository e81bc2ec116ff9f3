import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isCnnTransferError } from "../../src/errors.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { createRandom } from "../../src/random.js";
import { type BundledScript, bundleScript } from "./support/bundled-script.js";
import { makeFastFolder } from "./support/fast-folder.js";
import { faultCount } from "./support/fault-count.js";
import { hasH5py, readWithH5py } from "./support/h5py-reader.js";
import { chooseMoment } from "./support/kill-moment.js";
import {
  compressedRows,
  kept,
  labelAt,
  largeRows,
  nameAt,
  rowsAt,
  type SampleRun,
  smallRows,
  writeSampleRun,
} from "./support/sample-run.js";
import { startWriter } from "./support/watched-writer.js";

const kills = faultCount("kills");
const runs: readonly SampleRun[] = [smallRows(900, true), smallRows(900, false), largeRows(60), compressedRows(900)];

let folder: string;
let script: BundledScript;
/** What an undisturbed run of each kind comes to. */
const undisturbed: Buffer[] = [];
/** Files of killed runs that were resumed to the end. */
let killed = 0;
const finished: { readonly file: string; readonly kind: number }[] = [];

beforeAll(async () => {
  folder = await makeFastFolder();
  script = await bundleScript("write-sample-run");
  for (const [kind, run] of runs.entries()) {
    const file = path.join(folder, `undisturbed-${kind}.hdf5`);
    const random = createRandom(kind);
    await using writer = await HDF5DatasetWriter.create(file, run.options);
    await writeSampleRun(run, writer, () => random.double());
    undisturbed.push(await readFile(file));
  }
}, 120_000);
afterAll(async () => {
  await script?.remove();
  await rm(folder, { recursive: true, force: true });
});

describe(`processes that are killed while they write (${kills} of them)`, () => {
  test(
    "lose no flushed row, and resumed to the end leave the same bytes as an undisturbed run",
    async () => {
      let next = 0;
      const workOff = async () => {
        while (killed < kills) await killAndResume(next++);
      };
      const outcomes = await Promise.allSettled([workOff(), workOff()]);
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
      expect(finished.length).toBe(next);
    },
    60_000 + kills * 5_000,
  );

  test("leave files that the library's reader and h5wasm read completely", async () => {
    for (const { file, kind } of finished.slice(0, 12)) {
      const run = runs[kind] as SampleRun;
      const places = kept(0, run.places);
      for (const engine of [undefined, h5wasm()]) {
        await using data = await HDF5DatasetGenerator.open(file, { batchSize: 1000, engine });
        await data.verify();
        expect([...(data.labels ?? [])]).toEqual(places.map(labelAt));
        expect(await data.fileNames()).toEqual(places.map(nameAt));
        expect(data.classLabels).toEqual(run.options.classLabels);
        for await (const { xs } of data) expect(Buffer.from(xs.data.buffer).equals(rowBytes(run))).toBe(true);
      }
    }
  });

  test.skipIf(!hasH5py)("leave files that h5py reads (skipped where npm run test:python never made it)", async () => {
    const contents = await readWithH5py(finished.map(({ file }) => file));
    const expected = await readWithH5py(runs.map((_, kind) => path.join(folder, `undisturbed-${kind}.hdf5`)));
    expect(contents.length).toBe(finished.length);
    for (const [i, { kind }] of finished.entries()) {
      expect(contents[i]?.error).toBeUndefined();
      expect(contents[i]).toEqual(expected[kind]);
      expect(Object.keys(contents[i]?.datasets ?? {})).toEqual(["features", "file_names", "label_names", "labels"]);
    }
  });
});

function rowBytes(run: SampleRun): Buffer {
  return Buffer.from(rowsAt(run, 0, run.places).data.buffer);
}

/** One file: processes write it, each is killed at a random moment, up to six, and the last one ends. */
async function killAndResume(seed: number): Promise<void> {
  const random = createRandom(1000 + seed);
  const kind = seed % runs.length;
  const run = runs[kind] as SampleRun;
  const place = path.join(folder, `run-${seed}`);
  await mkdir(place);
  const file = path.join(place, "features.hdf5");
  let flushed = 0;
  let completing = false;
  for (let attempt = 0; ; attempt++) {
    const kill = attempt < 6 ? chooseMoment(random) : undefined;
    const writer = startWriter(script.path, file, run, random.uint32(), (state, line) => {
      kill?.(line, state.flushes, () => state.process.kill("SIGKILL"));
    });
    await writer.ended;
    if (writer.process.signalCode === "SIGKILL") killed++;
    expect(writer.errors, `seed ${seed}, attempt ${attempt}`).toBe("");
    if (writer.startedAt !== undefined) {
      expect(writer.startedAt, `seed ${seed}: places kept`).toBeGreaterThanOrEqual(flushed);
    }
    flushed = Math.max(flushed, writer.flushed);
    if (existsSync(file)) {
      expect((await readFile(file)).equals(undisturbed[kind] as Buffer), `seed ${seed}`).toBe(true);
      break;
    }
    expect(writer.process.signalCode, `seed ${seed}: ended without being killed`).toBe("SIGKILL");
    if (writer.closing) completing = true;
    else if (writer.startedAt !== undefined) completing = false;
    if (flushed > 0 && !completing) await checkUnfinished(file, run, flushed);
  }
  // Killed between giving the file its name and tidying up: the next run refuses to touch it, and tidies up.
  const error = await HDF5DatasetWriter.create(file, { ...run.options, resume: true }).catch((cause: unknown) => cause);
  expect(isCnnTransferError(error, "FileAccessError") && error.reason).toBe("exists");
  expect(await readdir(place)).toEqual(["features.hdf5"]);
  finished.push({ file, kind });
}

/** The unfinished file can be looked at by others while rows come: those that it tells of are right. */
async function checkUnfinished(file: string, run: SampleRun, flushed: number): Promise<void> {
  await using data = await HDF5DatasetGenerator.open(`${file}.partial`, { batchSize: 5000, allowIncomplete: true });
  const rows = kept(0, flushed).length;
  expect(data.length).toBeGreaterThanOrEqual(rows);
  for await (const { xs } of data) {
    const expected = rowBytes(run).subarray(0, xs.data.byteLength);
    expect(Buffer.from(xs.data.buffer).equals(expected)).toBe(true);
  }
}
