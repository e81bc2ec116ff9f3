import { execFile } from "node:child_process";
import { closeSync, existsSync, fsyncSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm, statfs } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { HDF5DatasetGenerator, HDF5DatasetWriter } from "cnn-transfer";
import { printTable, type Row } from "./report.js";

const batchSize = 32;
/** Features of VGG16: with pooling 2 kB a row, without 100 kB. */
const widths = [512, 25_088];

const here = path.dirname(fileURLToPath(import.meta.url));
const python = path.resolve(here, "../.venv/bin/python");

/** What is written and read. */
interface Job {
  readonly width: number;
  readonly rowBytes: number;
  readonly rows: number;
  readonly rounds: number;
  readonly heading: string;
}

/**
 * Writing a data set against plain `fs.writeSync`, reading it in batches and in single shuffled rows against h5py, and
 * resident memory over all of it. The data set has 1 GB, or as many as `--gigabytes` says, and is deleted again.
 */
export async function hdf5(options: { readonly gigabytes: number }): Promise<void> {
  for (const width of widths) {
    // Small rows are bound by what each of them costs, which a part of them tells as well.
    await oneWidth(width, width === widths.at(-1) ? options.gigabytes : Math.min(0.25, options.gigabytes));
  }
}

async function oneWidth(width: number, gigabytes: number): Promise<void> {
  const rowBytes = 4 * width;
  const rows = Math.floor((gigabytes * 1e9) / rowBytes / batchSize) * batchSize;
  const job: Job = {
    width,
    rowBytes,
    rows,
    rounds: gigabytes > 2 ? 1 : 5,
    heading: `HDF5 data set of ${rows} rows of ${(rowBytes / 1000).toFixed(0)} kB, ${((rows * rowBytes) / 1e9).toFixed(2)} GB`,
  };
  const folder = await mkdtemp(path.join(os.tmpdir(), "cnn-transfer-bench-"));
  try {
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize < 2.2 * rows * rowBytes) {
      throw new Error(`${os.tmpdir()} has too little space for two files of ${gigabytes} GB`);
    }
    const file = path.join(folder, "features.hdf5");
    await writing(job, folder, file);
    await reading(job, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writing(job: Job, folder: string, file: string): Promise<void> {
  const { rows, rounds, heading } = job;
  const batch = features(job.width);
  const memory = watchMemory();
  let plain = 0;
  let ours = 0;
  // In turn, and the best of each, because a disk is not equally fast at all times.
  for (let round = 0; round < rounds; round++) {
    const other = path.join(folder, "plain");
    plain = Math.max(plain, perSecond(rows, await time(() => writePlainly(other, batch, rows))));
    await rm(other);
    await rm(file, { force: true });
    ours = Math.max(ours, perSecond(rows, await time(() => writeDataset(file, batch, job, memory.sample))));
  }
  const peer = await h5py("write", path.join(folder, "h5py.hdf5"), job);
  await rm(path.join(folder, "h5py.hdf5"), { force: true });
  printTable(`${heading}: writing in batches of ${batchSize}, until the disk has it`, [
    { what: "fs.writeSync", figure: figure(job, plain), ratio: "1.00" },
    { what: "HDF5DatasetWriter, with checksum", figure: figure(job, ours), ratio: (ours / plain).toFixed(2) },
    ...(peer?.write ? [{ what: "h5py", figure: figure(job, peer.write), ratio: (peer.write / plain).toFixed(2) }] : []),
    memory.row(),
  ]);
}

async function writePlainly(file: string, batch: Float32Array, rows: number): Promise<void> {
  const bytes = new Uint8Array(batch.buffer);
  const descriptor = openSync(file, "w");
  for (let row = 0; row < rows; row += batchSize) {
    for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
  }
  fsyncSync(descriptor);
  closeSync(descriptor);
}

async function writeDataset(file: string, batch: Float32Array, job: Job, sample: () => void): Promise<void> {
  const { rows, width } = job;
  const labels = new Int32Array(batchSize);
  await using writer = await HDF5DatasetWriter.create(file, { rows, rowShape: [width] });
  for (let row = 0; row < rows; row += batchSize) {
    await writer.add({ dtype: "float32", shape: [batchSize, width], data: batch }, labels);
    if ((row / batchSize) % 16 === 0) sample();
  }
  await writer.close();
}

async function reading(job: Job, file: string): Promise<void> {
  const { rows, rounds, heading } = job;
  const memory = watchMemory();
  let sequential = 0;
  let shuffled = 0;
  let peerSequential = 0;
  let peerShuffled = 0;
  const pass = async (data: HDF5DatasetGenerator) => {
    let batches = 0;
    let sum = 0;
    for await (const { xs } of data.batches({ reuse: true })) {
      sum += xs.data[0] as number;
      if (batches++ % 16 === 0) memory.sample();
    }
    if (batches * batchSize !== rows || !Number.isFinite(sum)) throw new Error("the bench did not read all rows");
  };
  await using inOrder = await HDF5DatasetGenerator.open(file, { batchSize });
  await using mixed = await HDF5DatasetGenerator.open(file, { batchSize, shuffle: true, seed: 1 });
  await pass(inOrder);
  for (let round = 0; round < rounds; round++) {
    sequential = Math.max(sequential, perSecond(rows, await time(() => pass(inOrder))));
    shuffled = Math.max(shuffled, perSecond(rows, await time(() => pass(mixed))));
    const peer = await h5py("read", file, job);
    peerSequential = Math.max(peerSequential, peer?.sequential ?? 0);
    peerShuffled = Math.max(peerShuffled, peer?.shuffled ?? 0);
  }
  const rowsFor = (kind: string, own: number, peer: number): readonly Row[] => [
    { what: `${kind}, HDF5DatasetGenerator`, figure: figure(job, own), ratio: peer ? (own / peer).toFixed(2) : "" },
    ...(peer ? [{ what: `${kind}, h5py`, figure: figure(job, peer), ratio: "1.00" }] : []),
  ];
  printTable(`${heading}: reading what the system has in memory, batches of ${batchSize}`, [
    ...rowsFor("rows in order", sequential, peerSequential),
    ...rowsFor("shuffled single rows", shuffled, peerShuffled),
    memory.row(),
  ]);
}

/** One batch of features as a network gives them. */
function features(width: number): Float32Array {
  const batch = new Float32Array(batchSize * width);
  for (let i = 0; i < batch.length; i++) if (i % 5 === 0) batch[i] = ((i * 31) % 1009) / 8;
  return batch;
}

/** Resident memory, from the moment on when everything is loaded and warm. */
function watchMemory(): { sample(): void; row(): Row } {
  const samples: number[] = [];
  return {
    sample: () => void samples.push(process.memoryUsage.rss() / 2 ** 20),
    row() {
      const warm = samples.slice(Math.floor(samples.length / 4));
      const [least, greatest] = [Math.min(...warm), Math.max(...warm)];
      return {
        what: "resident memory, after the first quarter",
        figure: `${least.toFixed(0)} to ${greatest.toFixed(0)} MiB`,
        ratio: `±${((greatest - least) / 2).toFixed(0)} MiB`,
      };
    },
  };
}

async function h5py(task: "write" | "read", file: string, job: Job): Promise<Record<string, number> | undefined> {
  if (!existsSync(python)) return undefined;
  const { stdout } = await promisify(execFile)(python, [
    path.join(here, "hdf5_peer.py"),
    task,
    file,
    String(job.rows),
    String(job.width),
  ]);
  return JSON.parse(stdout);
}

async function time(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

const perSecond = (rows: number, seconds: number) => rows / seconds;

function figure({ rowBytes }: Job, rowsPerSecond: number | undefined): string {
  return `${(((rowsPerSecond ?? 0) * rowBytes) / 1e6).toFixed(0)} MB/s, ${(rowsPerSecond ?? 0).toFixed(0)} rows/s`;
}
