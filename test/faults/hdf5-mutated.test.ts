import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { createRandom } from "../../src/random.js";
import { type BundledScript, bundleScript } from "./support/bundled-script.js";
import { faultCount } from "./support/fault-count.js";
import { addPlaces, smallRows, writeSampleRun } from "./support/sample-run.js";

const mutants = faultCount("mutants");
const perProcess = 250;
/** More than reading any of these small files needs. */
const memoryBytes = 256 * 1024 * 1024;
/** Of one file by one reader; far more than it takes, because other tests run at the same time. */
const milliseconds = 5_000;
/**
 * The HDF5 library loops for ever on a global heap with an empty object before its end, h5py's too, and takes memory
 * without bounds for some others; an adapter cannot stop it. The library's own reader is the default for that reason.
 */
const libraryFaults = /read by h5wasm: took|^reading mutant \d+ h5wasm ended/u;

let folder: string;
let script: BundledScript;
const paths: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mutants-"));
  script = await bundleScript("read-mutants");
  for (const known of [true, false]) {
    const file = path.join(folder, known ? "ours-known.hdf5" : "ours-growing.hdf5");
    const run = smallRows(40, known);
    {
      await using writer = await HDF5DatasetWriter.create(file, run.options);
      await writeSampleRun(run, writer, createRandom(1).double);
    }
    paths.push(file);
    const unfinished = path.join(folder, known ? "ours-stopped.hdf5" : "ours-stopped-growing.hdf5");
    {
      await using writer = await HDF5DatasetWriter.create(unfinished, run.options);
      await addPlaces(run, writer, 0, 20);
    }
    paths.push(`${unfinished}.partial`);
  }
  for (const group of ["hdf5", "keras-models", "keras-weights"]) {
    const place = path.resolve(import.meta.dirname, "../fixtures", group);
    for (const name of (await readdir(place)).sort()) if (name.endsWith(".h5")) paths.push(path.join(place, name));
  }
}, 120_000);
afterAll(async () => {
  await script?.remove();
  await rm(folder, { recursive: true, force: true });
});

interface Outcome {
  readonly faults: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** Reads some mutants in a process of its own, which is stopped if it hangs. */
async function readMutants(first: number, last: number): Promise<Outcome> {
  const job = JSON.stringify({ paths, first, last, memoryBytes, milliseconds });
  const child = spawn(process.execPath, ["--max-old-space-size=512", script.path, job], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(0, 2000);
  });
  const faults: string[] = [];
  let counts: Record<string, number> = {};
  let current = "nothing";
  let timer: NodeJS.Timeout | undefined;
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    clearTimeout(timer);
    timer = setTimeout(() => child.kill("SIGKILL"), 2 * milliseconds);
    if (line.startsWith("begin ")) current = line.slice(6);
    else if (line.startsWith("counts ")) counts = JSON.parse(line.slice(7));
    else faults.push(line);
  });
  const [[code, signal]] = await Promise.all([once(child, "close"), once(lines, "close")]);
  clearTimeout(timer);
  if (code !== 0) {
    faults.push(`reading mutant ${current} ended the process, code ${code}, signal ${signal}: ${output}`);
    const next = Number.parseInt(current, 10) + 1;
    if (next > first && next < last) {
      const rest = await readMutants(next, last);
      return { faults: [...faults, ...rest.faults], counts: rest.counts };
    }
  }
  return { faults, counts };
}

describe(`damaged HDF5 files (${mutants} of them)`, () => {
  test(
    "are read or refused with the library's errors by every reader: no crash, no endless loop, no boundless memory, no damage unseen that the HDF5 library sees",
    async () => {
      const starts = Array.from({ length: Math.ceil(mutants / perProcess) }, (_, i) => i * perProcess);
      const faults: string[] = [];
      const counts: Record<string, number> = {};
      const workOff = async () => {
        for (let first = starts.shift(); first !== undefined; first = starts.shift()) {
          const outcome = await readMutants(first, Math.min(mutants, first + perProcess));
          faults.push(...outcome.faults);
          for (const [key, count] of Object.entries(outcome.counts)) counts[key] = (counts[key] ?? 0) + count;
        }
      };
      await Promise.all([workOff(), workOff()]);
      expect(faults.filter((fault) => !libraryFaults.test(fault))).toEqual([]);
      expect(faults.length).toBeLessThanOrEqual(Math.ceil(mutants / 100));
      // The damage must be such that it is met, and such that some of the readers get through it.
      for (const reader of ["contiguous", "jsfive", "h5wasm", "generator"]) {
        expect(counts[`${reader} refused`], reader).toBeGreaterThan(mutants / 10);
        expect(counts[`${reader} read`], reader).toBeGreaterThan(mutants / 50);
      }
    },
    60_000 + mutants * 200,
  );

  test("changed rows are found by `verify`, wherever the change is", async () => {
    const file = path.join(folder, "ours-known.hdf5");
    const bytes = await readFile(file);
    const random = createRandom(8);
    const original = await HDF5DatasetGenerator.open(file, { batchSize: 1000 });
    const rows: Buffer[] = [];
    for await (const { xs } of original) rows.push(Buffer.from(xs.data.buffer));
    await original.close();
    const data = Buffer.concat(rows);
    const position = bytes.indexOf(data);
    expect(position).toBeGreaterThan(0);
    for (let i = 0; i < 40; i++) {
      const changed = Buffer.from(bytes);
      const place = position + random.integerBelow(data.length);
      changed[place] = (changed[place] as number) ^ (1 << random.integerBelow(8));
      const other = path.join(folder, "changed.hdf5");
      await writeFile(other, changed);
      await using opened = await HDF5DatasetGenerator.open(other);
      await expect(opened.verify()).rejects.toMatchObject({ name: "InvalidDatasetError" });
    }
  });

  test("cut at any length are refused", async () => {
    const bytes = await readFile(path.join(folder, "ours-growing.hdf5"));
    const random = createRandom(9);
    const lengths = [
      0,
      1,
      7,
      8,
      95,
      96,
      bytes.length - 1,
      ...Array.from({ length: 60 }, () => random.integerBelow(bytes.length)),
    ];
    for (const length of lengths) {
      await expect(HDF5DatasetGenerator.open(bytes.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({
        name: "InvalidDatasetError",
      });
    }
  });
});
