import { once } from "node:events";
import os from "node:os";
import { Worker } from "node:worker_threads";
import { inferShapes, type Layer, type NdArray, type Network, onnx, type Topology } from "cnn-transfer";
import { timed } from "./report.js";

/** What a machine does at most. */
export interface MachinePeak {
  /** 1e9 floating-point operations per second of a large product of matrices, which ONNX Runtime computes on all cores. */
  readonly gigaflops: number;
  /** 1e9 bytes that all cores together read and write per second while they copy more than caches hold. */
  readonly gigabytesPerSecond: number;
}

/** Measures what the machine does at most, again and again: as fast as in this moment, so that it can take its turn among others. */
export interface PeakMeter {
  /** One large product of matrices: 1e9 floating-point operations per second. */
  gigaflops(): Promise<number>;
  /** Copying some hundred megabytes on all cores: 1e9 bytes read and written per second. */
  gigabytesPerSecond(): Promise<number>;
  /** The best so far. */
  best(): MachinePeak;
  close(): Promise<void>;
}

const size = 2048;

/** Starts with some runs of both. */
export async function createPeakMeter(): Promise<PeakMeter> {
  const product = await onnx().load(productNetwork());
  const x = matrix();
  const workers = Array.from(
    { length: Math.min(8, os.availableParallelism()) },
    () => new Worker(copy, { eval: true }),
  );
  const best = { gigaflops: 0, gigabytesPerSecond: 0 };
  const meter: PeakMeter = {
    async gigaflops() {
      const figure = productGigaflop / ((await timed(() => product.run([x]))) / 1000);
      best.gigaflops = Math.max(best.gigaflops, figure);
      return figure;
    },
    async gigabytesPerSecond() {
      const milliseconds = await timed(() => Promise.all(workers.map(copyOnce)));
      const figure = (2 * workers.length * copies * copiedBytes) / milliseconds / 1e6;
      best.gigabytesPerSecond = Math.max(best.gigabytesPerSecond, figure);
      return figure;
    },
    best: () => ({ ...best }),
    async close() {
      await product.dispose();
      for (const worker of workers) await worker.terminate();
    },
  };
  // The first runs set up memory and caches.
  for (let run = 0; run < 4; run++) {
    await meter.gigaflops();
    await meter.gigabytesPerSecond();
  }
  return meter;
}

/** 1e9 operations of one run of {@link productNetwork}. */
export const productGigaflop = (2 * size ** 3) / 1e9;

/** A network that is one product of large matrices. */
export function productNetwork(): Network {
  const layers: readonly Layer[] = [
    { className: "InputLayer", name: "x", inputs: [], config: { shape: [size], dtype: "float32" } },
    { className: "Dense", name: "y", inputs: ["x"], config: { units: size, useBias: false, activation: "linear" } },
  ];
  const weights = new Map([["y", [{ name: "kernel", array: matrix() }]]]);
  return { name: "product", layers, inputs: ["x"], outputs: ["y"], weights };
}

/** What {@link productNetwork} multiplies. */
export function matrix(): NdArray<"float32"> {
  const data = Float32Array.from({ length: size * size }, (_, i) => ((i * 2654435761) >>> 24) / 256);
  return { dtype: "float32", shape: [size, size], data };
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

/** Floating-point operations of the convolutions and dense layers for one picture: two for each weight and place. */
export function gigaflopsOf(topology: Topology): number {
  const shapes = inferShapes(topology);
  let operations = 0;
  for (const layer of topology.layers) {
    const from = shapes.get(layer.inputs[0] ?? "") ?? [];
    const places = (shapes.get(layer.name) ?? []).slice(0, -1).reduce<number>((all, axis) => all * (axis ?? 0), 1);
    const channels = Number(from.at(-1) ?? 0);
    if (layer.className === "Conv2D") {
      const { kernelSize, filters, groups } = layer.config;
      operations += (2 * places * kernelSize[0] * kernelSize[1] * filters * channels) / groups;
    } else if (layer.className === "DepthwiseConv2D") {
      const { kernelSize, depthMultiplier } = layer.config;
      operations += 2 * places * kernelSize[0] * kernelSize[1] * channels * depthMultiplier;
    } else if (layer.className === "Dense") {
      operations += 2 * places * layer.config.units * channels;
    }
  }
  return operations / 1e9;
}
