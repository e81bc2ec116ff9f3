import path from "node:path";
import { createRandom, HDF5DatasetGenerator, HDF5DatasetWriter, type NdArray, nearestRows } from "cnn-transfer";
import type { PeakMeter } from "./peak.js";
import { runPython } from "./python.js";
import { compare, inTurns, printTable, timed } from "./report.js";
import { inTemporaryFolder } from "./temporary-folder.js";

const width = 512;
const top = 10;
const metrics = ["cosine", "euclidean"] as const;

/** Answer of the peer: seconds of each round, and the rows found for the first question. */
interface Peer {
  readonly seconds: readonly number[];
  readonly rows: readonly number[];
}

interface SearchBenchOptions {
  readonly rounds: number;
  readonly quick: boolean;
  readonly peak: PeakMeter;
}

/** One search: how rows are compared, and with how many questions. */
interface SearchJob {
  readonly file: string;
  readonly rows: number;
  readonly metric: (typeof metrics)[number];
  readonly count: number;
}

/** Search for the rows of a feature file most like one row, and like each of many, here and by h5py and numpy. */
export async function search({ rounds, quick, peak }: SearchBenchOptions): Promise<void> {
  const rows = quick ? 10_000 : 100_000;
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "features.hdf5");
    await writeFeatures(file, rows);
    await using data = await HDF5DatasetGenerator.open(file, { batchSize: 2048 });
    for (const metric of metrics) {
      for (const count of [1, 32]) await oneSearch(data, { file, rows, metric, count }, rounds, peak);
    }
  });
}

async function oneSearch(data: HDF5DatasetGenerator, job: SearchJob, rounds: number, peak: PeakMeter): Promise<void> {
  const { rows, metric, count } = job;
  const queries = questions(count);
  const speed = (seconds: number) => rows / 1000 / seconds;
  let found: readonly number[] = [];
  const ours = async () => {
    const milliseconds = await timed(async () => {
      found = (await nearestRows(data, queries, { top, metric }))[0]?.map(({ index }) => index) ?? [];
    });
    return speed(milliseconds / 1000);
  };
  // Before the peer is compared with it.
  await ours();
  const gigabytes = (4 * rows * width) / 1e9;
  const [limit = [], own = [], peer = []] = await inTurns(rounds, [
    async () => speed(gigabytes / (await peak.gigabytesPerSecond())),
    ours,
    async () => speed(await askPeer(job, found)),
  ]);
  printTable(
    `Nearest ${top} of ${rows} x ${width} features from the file, ${metric}, ${count === 1 ? "1 question" : `${count} questions`}, medians of ${rounds} rounds`,
    compare(
      [
        { what: "limit: the rows once, at the speed of copying memory", role: "limit", figures: limit },
        { what: "nearestRows", role: "ours", figures: own },
        { what: "h5py and numpy", role: "peer", figures: peer.filter(Number.isFinite) },
      ],
      { name: "thousand rows/s", faster: "more" },
    ),
  );
}

/** Seconds of the same search in Python, when it is done for the second time; NaN where Python's environment is missing. */
async function askPeer({ file, metric, count }: SearchJob, found: readonly number[]): Promise<number> {
  const answer = await runPython<Peer>("search_peer.py", file, metric, String(count), String(top), "2");
  if (answer === undefined) return Number.NaN;
  if (answer.rows.join() !== found.join()) throw new Error(`the two found other rows: ${answer.rows} and ${found}`);
  return answer.seconds.at(-1) ?? Number.NaN;
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
