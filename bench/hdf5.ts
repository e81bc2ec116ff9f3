import { rm, statfs } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { HDF5DatasetGenerator, HDF5DatasetWriter } from "cnn-transfer";
import { sampleNoise } from "./noise.js";
import { readBatches, readRows, writeInPieces, writePlainly } from "./plain-files.js";
import { runPython } from "./python.js";
import { compare, type Lane, median, printTable, type Row } from "./report.js";
import { watchMemory } from "./resident-memory.js";
import { inTemporaryFolder } from "./temporary-folder.js";

const batchSize = 32;
/** Features of VGG16: with pooling 2 kB a row, without 100 kB. */
const widths = [512, 25_088];
/** From here on it is memory that is asked for, over all of the data set; speed is better measured again and again. */
const manyGigabytes = 2;

/** What is written and read. */
interface Job {
  readonly width: number;
  readonly rowBytes: number;
  readonly rows: number;
  readonly rounds: number;
  readonly heading: string;
}

/**
 * Writing and reading a data set, against what the machine can do at most (the same bytes through plain calls of
 * `node:fs`) and against h5py. In every round each of them has its turn, because a machine is not equally fast at all
 * times; figures are medians of the rounds. Data sets of more than 2 GB are written and read once, for resident memory. All files are
 * deleted again.
 */
export async function hdf5(options: { readonly gigabytes: number; readonly rounds: number }): Promise<void> {
  const { gigabytes, rounds } = options;
  for (const width of widths) {
    // Small rows are bound by what each of them costs, which a part of them tells as well.
    const speedGigabytes = width === widths.at(-1) ? gigabytes : Math.min(0.25, gigabytes);
    const size = gigabytes > manyGigabytes ? gigabytes : speedGigabytes;
    const rowBytes = 4 * width;
    const rows = Math.floor((size * 1e9) / rowBytes / batchSize) * batchSize;
    const heading = `HDF5 data set of ${rows} rows of ${(rowBytes / 1000).toFixed(0)} kB, ${((rows * rowBytes) / 1e9).toFixed(2)} GB`;
    const job: Job = { width, rowBytes, rows, rounds, heading };
    await inTemporaryFolder(async (folder) => {
      const { bavail, bsize } = await statfs(folder);
      if (bavail * bsize < 2.2 * rows * rowBytes) {
        throw new Error(`${os.tmpdir()} has too little space for two files of ${size} GB`);
      }
      const file = path.join(folder, "features.hdf5");
      if (gigabytes > manyGigabytes) return memory(job, file);
      await writing(job, folder, file);
      await reading(job, file);
    });
  }
}

/** Rows per second of the same work done by h5py, by what is done with the file. */
async function h5py(
  task: "write" | "read",
  file: string,
  { rows, width }: Job,
): Promise<Readonly<Record<string, number>>> {
  return (await runPython("hdf5_peer.py", task, file, String(rows), String(width))) ?? {};
}

async function writing(job: Job, folder: string, file: string): Promise<void> {
  const { rows, rounds, heading } = job;
  const batch = features(job.width);
  const limit = { written: [] as number[], stored: [] as number[] };
  const ours = { written: [] as number[], stored: [] as number[] };
  const peer: number[] = [];
  const other = path.join(folder, "other");
  const turns = [
    async () => {
      const bytes = new Uint8Array(batch.buffer);
      const { written, stored } = writePlainly(other, bytes, rows / batchSize);
      await rm(other);
      const inPieces = await writeInPieces(other, bytes, rows / batchSize);
      limit.written.push(rows / written);
      limit.stored.push(rows / Math.min(stored, inPieces));
    },
    async () => {
      await rm(file, { force: true });
      const { written, stored } = await writeDataset(file, batch, job);
      ours.written.push(rows / written);
      ours.stored.push(rows / stored);
    },
    async () => {
      const { write } = await h5py("write", other, job);
      if (write) peer.push(write);
    },
  ];
  for (let round = 0; round < rounds; round++) {
    sampleNoise();
    // Not always the same first, which finds the system's memory as the others have left it.
    for (let turn = 0; turn < turns.length; turn++) {
      await turns[(round + turn) % turns.length]?.();
      await rm(other, { force: true });
    }
  }
  printTable(
    `${heading}: writing in batches of ${batchSize} until the disk has them, medians of ${rounds} rounds`,
    rowRates(job, [
      { what: "limit: fs.writeSync, fsync meanwhile or at the end", role: "limit", figures: limit.stored },
      { what: "HDF5DatasetWriter, with checksum and journal", role: "ours", figures: ours.stored },
      { what: "h5py", role: "peer", figures: peer },
    ]),
  );
  printTable(
    `${heading}: of this, until the system has them`,
    rowRates(job, [
      { what: "limit: fs.writeSync", role: "limit", figures: limit.written },
      { what: "HDF5DatasetWriter, the disk at work already", role: "ours", figures: ours.written },
    ]),
  );
}

/** Seconds until all rows were flushed, and until the file was closed. */
async function writeDataset(
  file: string,
  batch: Float32Array,
  job: Job,
  sample?: () => void,
): Promise<{ readonly written: number; readonly stored: number }> {
  const { rows, width } = job;
  const labels = new Int32Array(batchSize);
  const start = performance.now();
  await using writer = await HDF5DatasetWriter.create(file, { rows, rowShape: [width] });
  for (let row = 0; row < rows; row += batchSize) {
    await writer.add({ dtype: "float32", shape: [batchSize, width], data: batch }, labels);
    if ((row / batchSize) % 16 === 0) sample?.();
  }
  await writer.flush();
  const written = (performance.now() - start) / 1000;
  await writer.close();
  return { written, stored: (performance.now() - start) / 1000 };
}

async function reading(job: Job, file: string): Promise<void> {
  const { rows, rounds, rowBytes, heading } = job;
  await using inOrder = await HDF5DatasetGenerator.open(file, { batchSize });
  await using mixed = await HDF5DatasetGenerator.open(file, { batchSize, shuffle: true, seed: 1 });
  const sequential = { limit: [] as number[], ours: [] as number[], peer: [] as number[] };
  const shuffled = { limit: [] as number[], ours: [] as number[], peer: [] as number[] };
  const order = mixed.indices.slice();
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  await pass(inOrder, rows);
  for (let round = 0; round < rounds; round++) {
    sampleNoise();
    sequential.limit.push(rows / (await readBatches(file, rowBytes * batchSize, rows / batchSize)));
    sequential.ours.push(rows / (await pass(inOrder, rows)));
    shuffled.limit.push(rows / (await readRows(file, rowBytes, order, batchSize)));
    shuffled.ours.push(rows / (await pass(mixed, rows)));
    const peer = await h5py("read", file, job);
    if (peer.sequential) sequential.peer.push(peer.sequential);
    if (peer.shuffled) shuffled.peer.push(peer.shuffled);
  }
  for (const [kind, { limit, ours, peer }] of Object.entries({
    "rows in order": sequential,
    "shuffled single rows": shuffled,
  })) {
    printTable(
      `${heading}: ${kind}, batches of ${batchSize}, from the system's memory, medians of ${rounds} rounds`,
      rowRates(job, [
        { what: "limit: fs.readSync, or half of it by a thread", role: "limit", figures: limit },
        { what: "HDF5DatasetGenerator", role: "ours", figures: ours },
        { what: "h5py", role: "peer", figures: peer },
      ]),
    );
  }
}

/** Seconds of one pass. */
async function pass(data: Pick<HDF5DatasetGenerator, "batches">, rows: number, sample?: () => void): Promise<number> {
  let batches = 0;
  let sum = 0;
  const start = performance.now();
  for await (const { xs } of data.batches({ reuse: true })) {
    sum += xs.data[0] as number;
    if (batches++ % 16 === 0) sample?.();
  }
  if (batches * batchSize !== rows || !Number.isFinite(sum)) throw new Error("the bench did not read all rows");
  return (performance.now() - start) / 1000;
}

/** Resident memory while a data set is written, read in order, and read in single shuffled rows. */
async function memory(job: Job, file: string): Promise<void> {
  const batch = features(job.width);
  const written = watchMemory("written");
  await writeDataset(file, batch, job, written.sample);
  const inOrder = watchMemory("read in order");
  const shuffled = watchMemory("read in single shuffled rows");
  {
    await using data = await HDF5DatasetGenerator.open(file, { batchSize });
    await pass(data, job.rows, inOrder.sample);
    await pass(data.with({ shuffle: true, seed: 1 }), job.rows, shuffled.sample);
  }
  printTable(`${job.heading}: resident memory from the second quarter on`, [
    ...written.rows(),
    ...inOrder.rows(),
    ...shuffled.rows(),
  ]);
}

/** One batch of features as a network gives them. */
function features(width: number): Float32Array {
  const batch = new Float32Array(batchSize * width);
  for (let i = 0; i < batch.length; i++) if (i % 5 === 0) batch[i] = ((i * 31) % 1009) / 8;
  return batch;
}

/** Lines of rows per second, with the bytes that these are. */
function rowRates({ rowBytes }: Job, lanes: readonly Lane[]): readonly Row[] {
  const withBytes = lanes.map((lane) => ({
    ...lane,
    note: `${((median(lane.figures) * rowBytes) / 1e6).toFixed(0)} MB/s`,
  }));
  return compare(withBytes, { name: "rows/s", faster: "more" });
}
