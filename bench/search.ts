import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createRandom, HDF5DatasetGenerator, HDF5DatasetWriter, type NdArray, nearestRows } from "cnn-transfer";
import { median, printTable, type Row } from "./report.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const python = path.resolve(here, "../.venv/bin/python");
const width = 512;
const top = 10;
const metrics = ["cosine", "euclidean"] as const;

/** Answer of the peer: seconds of each round, and the rows found for the first question. */
interface Peer {
  readonly seconds: readonly number[];
  readonly rows: readonly number[];
}

/** Search for the rows of a feature file most like one row, and like each of many, here and by h5py and numpy in one process. */
export async function search({ rounds, quick }: { readonly rounds: number; readonly quick: boolean }): Promise<void> {
  const rows = quick ? 10_000 : 100_000;
  const folder = await mkdtemp(path.join(os.tmpdir(), "cnn-transfer-bench-"));
  const file = path.join(folder, "features.hdf5");
  try {
    await writeFeatures(file, rows);
    await using data = await HDF5DatasetGenerator.open(file, { batchSize: 2048 });
    const lines: Row[] = [];
    for (const metric of metrics) {
      for (const count of [1, 32]) lines.push(...(await oneSearch(file, data, { rows, metric, count, rounds })));
    }
    printTable(`Nearest ${top} of ${rows} x ${width} features, from the file`, lines);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function oneSearch(
  file: string,
  data: HDF5DatasetGenerator,
  job: {
    readonly rows: number;
    readonly metric: (typeof metrics)[number];
    readonly count: number;
    readonly rounds: number;
  },
): Promise<readonly Row[]> {
  const { rows, metric, count, rounds } = job;
  const queries = questions(count);
  const seconds: number[] = [];
  let found: readonly number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    const near = await nearestRows(data, queries, { top, metric });
    seconds.push((performance.now() - start) / 1000);
    found = near[0]?.map(({ index }) => index) ?? [];
  }
  const what = `${metric}, ${count === 1 ? "1 question" : `${count} questions`}`;
  const line = (whose: string, own: number, more = {}): Row => ({
    what: `${what}: ${whose}`,
    figure: `${Math.round(rows / own / 1000)} thousand rows/s`,
    ...more,
  });
  const ours = median(seconds);
  if (!existsSync(python)) return [line("nearestRows", ours)];
  const peer = await askPeer(file, [metric, count, top, rounds]);
  if (peer.rows.join() !== found.join()) throw new Error(`the two found other rows: ${peer.rows} and ${found}`);
  const theirs = median(peer.seconds);
  return [line("nearestRows", ours, { ratio: (theirs / ours).toFixed(2) }), line("h5py and numpy", theirs)];
}

async function askPeer(file: string, job: readonly (string | number)[]): Promise<Peer> {
  const { stdout } = await promisify(execFile)(python, [path.join(here, "search_peer.py"), file, ...job.map(String)]);
  return JSON.parse(stdout);
}

/** `RandomState(2).random_sample`, as the peer asks too. */
function questions(count: number): NdArray<"float32"> {
  const random = createRandom(2);
  return {
    dtype: "float32",
    shape: [count, width],
    data: Float32Array.from({ length: count * width }, () => random.double()),
  };
}

async function writeFeatures(file: string, rows: number): Promise<void> {
  const random = createRandom(1);
  await using writer = await HDF5DatasetWriter.create(file, { rows, rowShape: [width], classLabels: ["one", "two"] });
  const batch = 1000;
  const labels = new Int32Array(batch);
  for (let start = 0; start < rows; start += batch) {
    const data = Float32Array.from({ length: batch * width }, () => random.double());
    await writer.add({ dtype: "float32", shape: [batch, width], data }, labels);
  }
  await writer.close();
}
