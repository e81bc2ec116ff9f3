import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isCnnTransferError } from "../../src/errors.js";
import { HDF5DatasetWriter, type HDF5DatasetWriterOptions } from "../../src/hdf5-dataset-writer.js";
import { createRandom } from "../../src/random.js";
import { makeFastFolder } from "./support/fast-folder.js";
import { changeOwner, type FileChange, putFiles, recordChanges, replay, tear } from "./support/file-log.js";
import { hasH5py, readWithH5py } from "./support/h5py-reader.js";
import { addPlaces, compressedRows, kept, type SampleRun, smallRows, writeSampleRun } from "./support/sample-run.js";
import { deadProcessId } from "./support/watched-writer.js";

const fileName = "features.hdf5";

let folder: string;
let dead: number;
beforeAll(async () => {
  folder = await makeFastFolder();
  dead = await deadProcessId();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(file: string, run: SampleRun, options: Partial<HDF5DatasetWriterOptions>): Promise<void> {
  const random = createRandom(5);
  await using writer = await HDF5DatasetWriter.create(file, { ...run.options, ...options });
  await writeSampleRun(run, writer, () => random.double());
}

async function filesOf(place: string): Promise<ReadonlyMap<string, Buffer>> {
  const names = await readdir(place);
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(path.join(place, name))] as const)));
}

/** What lay there before the run that is stopped. */
interface Before {
  readonly what: string;
  readonly places: number;
  readonly prepare: (file: string, run: SampleRun) => Promise<void>;
  readonly options: Partial<HDF5DatasetWriterOptions>;
}

/** Begins the run and leaves it. */
async function begin(file: string, run: SampleRun, options: Partial<HDF5DatasetWriterOptions> = {}): Promise<void> {
  await using writer = await HDF5DatasetWriter.create(file, { ...run.options, ...options });
  await addPlaces(run, writer, 0, 4);
  await writer.flush();
  await addPlaces(run, writer, 4, 9);
}

const befores: readonly Before[] = [
  { what: "nothing", places: 40, prepare: async () => {}, options: {} },
  { what: "an unfinished file that is resumed", places: 20, prepare: begin, options: { resume: true } },
  {
    what: "an unfinished file of another network that is dropped",
    places: 20,
    prepare: (file, run) => begin(file, run, { attributes: { layer: "fc1" } }),
    options: { overwrite: true },
  },
  {
    what: "a complete file that is replaced",
    places: 20,
    prepare: (file) => write(file, smallRows(7, false), {}),
    options: { overwrite: true },
  },
];

const kinds = [
  { kind: "known", make: (places: number) => smallRows(places, true) },
  { kind: "growing", make: (places: number) => smallRows(places, false) },
  { kind: "compressed", make: compressedRows },
];

describe.each(kinds)(
  "a run stopped after any of its writes, its number of rows or its rows being $kind",
  ({ kind, make }) => {
    describe.each(befores)("where there was $what", ({ what, places, prepare, options }) => {
      const run = make(places);
      let place: string;
      let before: ReadonlyMap<string, Buffer>;
      let changes: readonly FileChange[];
      let complete: Buffer;

      beforeAll(async () => {
        place = path.join(folder, `${kind}-${what.replaceAll(" ", "-")}`);
        await mkdir(path.join(place, "whole"), { recursive: true });
        const file = path.join(place, "whole", fileName);
        await prepare(file, run);
        before = await filesOf(path.dirname(file));
        const recorded = await recordChanges(path.dirname(file), () => write(file, run, options));
        changes = recorded.map((change) => changeOwner(change, dead));
        complete = await readFile(file);
        expect(await readdir(path.dirname(file))).toEqual([fileName]);
        expect(changes.length).toBeGreaterThan(20);
      });

      /** Every state that the folder can be left in: after each change, and in the middle of each write. */
      function* states(): Generator<{ readonly name: string; readonly changes: readonly FileChange[] }> {
        for (let count = 0; count <= changes.length; count++) {
          yield { name: `${count}`, changes: changes.slice(0, count) };
          const torn = changes[count] && tear(changes[count] as FileChange);
          if (torn) yield { name: `${count}-torn`, changes: [...changes.slice(0, count), torn] };
        }
      }

      async function makeState(state: { readonly name: string; readonly changes: readonly FileChange[] }) {
        const at = path.join(place, state.name);
        await mkdir(at);
        putFiles(at, before);
        replay(at, state.changes);
        return path.join(at, fileName);
      }

      test("its name stands for a complete file, and resumed it comes to the same bytes", async () => {
        const wrong: string[] = [];
        let resumed = 0;
        for (const state of states()) {
          const file = await makeState(state);
          const old = before.get(fileName);
          const last = JSON.stringify({ ...state.changes.at(-1), bytes: undefined });
          if (existsSync(file)) {
            const bytes = await readFile(file);
            if (!bytes.equals(complete) && !old?.equals(bytes)) wrong.push(`${state.name} after ${last}: not complete`);
          }
          const done = existsSync(file) && (await readFile(file)).equals(complete);
          const again = (how: Partial<HDF5DatasetWriterOptions>) =>
            write(file, run, { overwrite: options.overwrite, ...how }).catch((cause: unknown) => cause);
          let error = await again({ resume: true });
          if (isCnnTransferError(error, "InvalidArgumentError") && what.includes("another network")) {
            // The old run still lies there whole, and is not gone on with by mistake.
            const partial = `${fileName}.partial`;
            const kept = (await readFile(path.join(path.dirname(file), partial))).equals(before.get(partial) as Buffer);
            if (!kept) wrong.push(`${state.name} after ${last}: the other run is damaged`);
            error = await again({});
          }
          if (error && !(done && isCnnTransferError(error, "FileAccessError") && error.reason === "exists")) {
            wrong.push(`${state.name} after ${last}: ${error}`);
          } else if (!(await readFile(file)).equals(complete)) {
            wrong.push(`${state.name} after ${last}: resumed to another file`);
          } else {
            const left = (await readdir(path.dirname(file))).join();
            if (left !== fileName) wrong.push(`${state.name} after ${last}: left ${left}`);
          }
          if (!error) resumed++;
          await rm(path.dirname(file), { recursive: true });
        }
        expect(wrong).toEqual([]);
        expect(resumed).toBeGreaterThan(20);
      });

      if (what !== "nothing") return;
      test.skipIf(!hasH5py)(
        "h5py opens each state from the first rows on, and finds no more rows than were written (skipped where npm run test:python never made it)",
        async () => {
          const files: string[] = [];
          let rows = 0;
          const written: number[] = [];
          for (const state of states()) {
            if (state.name.endsWith("torn")) continue;
            const file = await makeState(state);
            const partial = existsSync(file) ? file : `${file}.partial`;
            const last = state.changes.at(-1);
            // The journal's entry is what makes rows count; between it and the mark the file may tell of fewer.
            if (last?.kind === "write" && last.file.endsWith(".journal")) rows++;
            if (rows > 1) {
              files.push(partial);
              written.push(rows);
            }
          }
          const contents = await readWithH5py(files);
          expect(files.length).toBeGreaterThan(20);
          const unreadable = contents.flatMap(({ error }, i) => (error ? [`${files[i]}: ${error}`] : []));
          expect(unreadable).toEqual([]);
          let marked = 0;
          for (const { attributes } of contents) {
            const mark = Number(attributes?.rows_written);
            expect(mark).toBeGreaterThanOrEqual(marked);
            marked = mark;
          }
          expect(marked).toBe(kept(0, run.places).length);
        },
      );
    });
  },
);
