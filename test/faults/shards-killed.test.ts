import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isCnnTransferError } from "../../src/errors.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { imageList } from "../../src/images/image-list.js";
import { mergeShards } from "../../src/merge-shards.js";
import { createRandom, type Random } from "../../src/random.js";
import { shardPaths } from "../../src/shards/shard.js";
import { shardOf } from "../../src/shards/shard-of.js";
import { type BundledScript, bundleScript } from "./support/bundled-script.js";
import { makeFastFolder } from "./support/fast-folder.js";
import { faultCount } from "./support/fault-count.js";
import { chooseMoment } from "./support/kill-moment.js";
import { labelAt, largeRows, nameAt, type SampleRun, smallRows, writeSampleRun } from "./support/sample-run.js";
import { startWriter } from "./support/watched-writer.js";

const kills = faultCount("kills");
const runs: readonly SampleRun[] = [smallRows(900, true), largeRows(60)];

let folder: string;
let writer: BundledScript;
let merger: BundledScript;
/** What one undisturbed process makes of each job. */
const undisturbed: Buffer[] = [];
let killedWriters = 0;
let killedMerges = 0;

beforeAll(async () => {
  folder = await makeFastFolder();
  writer = await bundleScript("write-sample-run");
  merger = await bundleScript("merge-sample-shards");
  for (const [kind, run] of runs.entries()) {
    const file = path.join(folder, `undisturbed-${kind}.hdf5`);
    const random = createRandom(kind);
    await using whole = await HDF5DatasetWriter.create(file, run.options);
    await writeSampleRun(run, whole, () => random.double());
    undisturbed.push(await readFile(file));
  }
}, 120_000);
afterAll(async () => {
  await writer?.remove();
  await merger?.remove();
  await rm(folder, { recursive: true, force: true });
});

describe(`processes that write shards and are killed (${kills} of them)`, () => {
  test(
    "come to the bytes of an undisturbed single process, once all are resumed to the end and merged",
    async () => {
      for (let seed = 0; killedWriters < kills; seed++) await writeAndMerge(seed);
      expect(killedMerges).toBeGreaterThan(0);
    },
    60_000 + kills * 10_000,
  );
});

/** One job: all its shards are written side by side, and merged. */
async function writeAndMerge(seed: number): Promise<void> {
  const random = createRandom(5000 + seed);
  const kind = seed % runs.length;
  const run = runs[kind] as SampleRun;
  const place = path.join(folder, `job-${seed}`);
  await mkdir(place);
  const target = path.join(place, "features.hdf5");
  const count = 2 + random.integerBelow(4);
  const paths = shardPaths(target, count);
  const seeds = paths.map(() => random.uint32());
  const writing = Promise.all(
    paths.map((file, index) => writeShard(file, shardRun(run, index, count), createRandom(seeds[index] as number))),
  );
  // No process has come to its end yet: nothing can be merged, and nothing comes to be of the target.
  const [error] = await Promise.all([mergeShards(paths, target).catch((cause: unknown) => cause), writing]);
  expect(isCnnTransferError(error), `seed ${seed}: ${String(error)}`).toBe(true);
  expect(existsSync(target)).toBe(false);
  await mergeUnderFire(paths, target, random);
  expect((await readFile(target)).equals(undisturbed[kind] as Buffer), `seed ${seed}`).toBe(true);
  expect((await readdir(place)).sort()).toEqual([...paths.map((file) => path.basename(file)), "features.hdf5"].sort());
  await rm(place, { recursive: true });
}

/** The part of a job that is one shard's, as `shardOf` gives it. */
function shardRun(run: SampleRun, index: number, count: number): SampleRun {
  const places = Array.from({ length: run.places }, (_, i) => i);
  const images = imageList(places.map(String), {
    labels: places.map(labelAt),
    classLabels: run.options.classLabels,
    names: places.map(nameAt),
  });
  const shard = shardOf(images, { index, count });
  return {
    ...run,
    places: shard.length,
    first: Number(shard.images[0]?.image ?? 0),
    options: { ...run.options, rows: shard.length, attributes: { ...run.options.attributes, ...shard.attributes } },
  };
}

/** Processes write a shard, each is killed at a random moment, up to four, and the last one ends. */
async function writeShard(file: string, run: SampleRun, random: Random): Promise<void> {
  for (let attempt = 0; !existsSync(file); attempt++) {
    const kill = attempt < 4 ? chooseMoment(random) : undefined;
    const started = startWriter(writer.path, file, run, random.uint32(), (state, line) => {
      kill?.(line, state.flushes, () => state.process.kill("SIGKILL"));
    });
    await started.ended;
    if (started.process.signalCode === "SIGKILL") killedWriters++;
    expect(started.errors).toBe("");
    if (started.process.signalCode === null) expect(existsSync(file)).toBe(true);
  }
  // Killed between giving the file its name and tidying up: the next run of the shard tidies up.
  const error = await HDF5DatasetWriter.create(file, { ...run.options, resume: true }).catch((cause: unknown) => cause);
  expect(isCnnTransferError(error, "FileAccessError") && error.reason).toBe("exists");
}

/** Processes merge, each is killed at a random moment, up to three, and the last one ends. */
async function mergeUnderFire(paths: readonly string[], target: string, random: Random): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const line = attempt < 3 ? random.integerBelow(4) : -1;
    const later = random.double() * 4;
    const child = spawn(process.execPath, [merger.path, JSON.stringify({ paths, target })], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    let lines = 0;
    createInterface({ input: child.stdout }).on("line", () => {
      if (lines++ === line) setTimeout(() => child.kill("SIGKILL"), later);
    });
    await once(child, "close");
    expect(errors).toBe("");
    if (child.signalCode !== "SIGKILL") return;
    killedMerges++;
  }
}
