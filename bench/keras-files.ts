import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createNetwork, saveKeras } from "cnn-transfer";
import { median, printTable, type Row } from "./report.js";

const rounds = 5;
const library = new URL("../dist/node/index.js", import.meta.url).href;
const python = fileURLToPath(new URL("../.venv/bin/python", import.meta.url));
const run = promisify(execFile);

interface Reading {
  readonly seconds: number;
  /** How much the process has grown at most. */
  readonly bytes: number;
}

/** Reading a Keras model of VGG16 without top, 59 MB, each time in a process of its own, beside Keras in turns. */
export async function kerasFiles(): Promise<void> {
  const folder = await mkdtemp(path.join(os.tmpdir(), "cnn-transfer-bench-"));
  try {
    const file = path.join(folder, "vgg16.h5");
    await saveKeras(await createNetwork("vgg16", { weights: "random" }), file);
    const { size } = await stat(file);
    const ours: Reading[] = [];
    const keras: Reading[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(await readWith(process.execPath, ["--input-type=module", "-e", oursOf(file)]));
      if (existsSync(python)) keras.push(await readWith(python, ["-c", kerasOf(file)]));
    }
    printTable(`Reading VGG16 without top, ${(size / 1e6).toFixed(0)} MB of Keras .h5, medians of ${rounds} rounds`, [
      rowOf("loadKeras", ours, size),
      ...(keras.length > 0 ? [rowOf("keras.models.load_model", keras, size)] : []),
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function rowOf(what: string, readings: readonly Reading[], size: number): Row {
  const growth = median(readings.map(({ bytes }) => bytes)) / size;
  return {
    what,
    figure: `${median(readings.map(({ seconds }) => seconds)).toFixed(2)} s`,
    ratio: `memory grows by ${growth.toFixed(2)} x the file at most`,
  };
}

async function readWith(program: string, args: readonly string[]): Promise<Reading> {
  const { stdout } = await run(program, args);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

function oursOf(file: string): string {
  return `
    import { readFileSync } from "node:fs";
    import { loadKeras } from ${JSON.stringify(library)};
    // What the system calls a process's peak of resources includes that of the process that started it; this does not.
    const peak = () => Number(/VmHWM:\\s+(\\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
    const before = process.memoryUsage().rss;
    const start = performance.now();
    await loadKeras(${JSON.stringify(file)});
    const seconds = (performance.now() - start) / 1000;
    console.log(JSON.stringify({ seconds, bytes: peak() - before }));`;
}

function kerasOf(file: string): string {
  return `
import json, os, re, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) * 1024
before = peak()
start = time.perf_counter()
keras.models.load_model(${JSON.stringify(file)}, compile=False)
print(json.dumps({"seconds": time.perf_counter() - start, "bytes": peak() - before}))`;
}
