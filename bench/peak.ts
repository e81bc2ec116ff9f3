import { once } from "node:events";
import os from "node:os";
import { Worker } from "node:worker_threads";
import { onnx } from "cnn-transfer";
import { meterArithmetic } from "./fastest-networks.js";
import { timed } from "./report.js";

/** What a machine does at most. */
export interface MachinePeak {
  /** 1e9 floating-point operations per second of the fastest convolution or product of matrices, which ONNX Runtime computes on all cores. */
  readonly gigaflops: number;
  /** 1e9 bytes that all cores together read and write per second while they copy more than caches hold. */
  readonly gigabytesPerSecond: number;
}

/** Measures what the machine does at most, again and again: as fast as in this moment, so that it can take its turn among others. */
export interface PeakMeter {
  /** Convolutions and products of matrices, of which the fastest counts: 1e9 floating-point operations per second. */
  gigaflops(): Promise<number>;
  /** Copying some hundred megabytes on all cores: 1e9 bytes read and written per second. */
  gigabytesPerSecond(): Promise<number>;
  /** Forgets what was measured, and measures both once: for a bench that begins. */
  restart(): Promise<void>;
  /** The best since then. */
  best(): MachinePeak;
  close(): Promise<void>;
}

/** Starts with some runs of both. */
export async function createPeakMeter(): Promise<PeakMeter> {
  const arithmetic = await meterArithmetic(({ network }) => onnx().load(network));
  const workers = Array.from(
    { length: Math.min(8, os.availableParallelism()) },
    () => new Worker(copy, { eval: true }),
  );
  const best = { gigaflops: 0, gigabytesPerSecond: 0 };
  const meter: PeakMeter = {
    async gigaflops() {
      const figure = await arithmetic.measure();
      best.gigaflops = Math.max(best.gigaflops, figure);
      return figure;
    },
    async gigabytesPerSecond() {
      const milliseconds = await timed(() => Promise.all(workers.map(copyOnce)));
      const figure = (2 * workers.length * copies * copiedBytes) / milliseconds / 1e6;
      best.gigabytesPerSecond = Math.max(best.gigabytesPerSecond, figure);
      return figure;
    },
    async restart() {
      best.gigaflops = 0;
      best.gigabytesPerSecond = 0;
      await meter.gigaflops();
      await meter.gigabytesPerSecond();
    },
    best: () => ({ ...best }),
    async close() {
      await arithmetic.dispose();
      for (const worker of workers) await worker.terminate();
    },
  };
  // The first runs set up memory and caches.
  for (let run = 0; run < 3; run++) await meter.restart();
  return meter;
}

const copiedBytes = 64 * 2 ** 20;
const copies = 2;
const copy = `
  const { parentPort } = require("node:worker_threads");
  const from = new Float64Array(${copiedBytes / 8}).fill(1), to = new Float64Array(from.length);
  parentPort.on("message", () => {
    for (let i = 0; i < ${copies}; i++) to.set(from);
    parentPort.postMessage(to[0]);
  });`;

async function copyOnce(worker: Worker): Promise<void> {
  const copied = once(worker, "message");
  worker.postMessage(undefined);
  await copied;
}
