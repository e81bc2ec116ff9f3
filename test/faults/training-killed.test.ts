import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { weightsChecksum } from "../../src/network/weights-checksum.js";
import { createRandom } from "../../src/random.js";
import { TransferHead } from "../../src/transfer-head.js";
import { separableRows } from "../support/separable-data.js";
import { type BundledScript, bundleScript } from "./support/bundled-script.js";
import { makeFastFolder } from "./support/fast-folder.js";
import { faultCount } from "./support/fault-count.js";

const kills = faultCount("kills");
const rows = 400;
const width = 96;
const epochs = 14;

let folder: string;
let features: string;
let script: BundledScript;
/** What an undisturbed training comes to: its weights and figures, its history file and its best model. */
let undisturbed: Outcome;
let killed = 0;

beforeAll(async () => {
  folder = await makeFastFolder();
  features = path.join(folder, "features.hdf5");
  script = await bundleScript("train-sample-head");
  const random = createRandom(8);
  const { xs, ys } = separableRows(rows, [width], 3, 5);
  // Some labels are wrong, so that there is something to be early about.
  for (let row = 0; row < rows; row += 7) ys[row] = random.integerBelow(3);
  await using writer = await HDF5DatasetWriter.create(features, {
    rows,
    rowShape: [width],
    classLabels: ["a", "b", "c"],
    columns: { weights: { dtype: "float32" } },
  });
  const weights = Float32Array.from({ length: rows }, () => random.double() * 2);
  await writer.add({ dtype: "float32", shape: [rows, width], data: xs }, ys, { columns: { weights } });
  await writer.close();
  const place = path.join(folder, "undisturbed");
  await mkdir(place);
  const run = await startTraining(place, 1, () => undefined);
  expect(run.errors).toBe("");
  undisturbed = await outcomeIn(place, run.result);
}, 60_000);
afterAll(async () => {
  await script?.remove();
  await rm(folder, { recursive: true, force: true });
});

describe(`trainings that are killed (${kills} times)`, () => {
  test(
    "end, when they are resumed, with the weights, history and best model of an undisturbed one",
    async () => {
      let next = 0;
      const workOff = async () => {
        while (killed < kills) await killAndResume(next++);
      };
      const outcomes = await Promise.allSettled([workOff(), workOff()]);
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
      expect(killed).toBeGreaterThanOrEqual(kills);
    },
    60_000 + kills * 10_000,
  );
});

/** One training: each process is killed at a random moment, up to six, and the last one ends. */
async function killAndResume(seed: number): Promise<void> {
  const random = createRandom(seed);
  const every = 1 + random.integerBelow(3);
  const place = path.join(folder, `run-${seed}`);
  await mkdir(place);
  for (let attempt = 0; ; attempt++) {
    const moment = random.integerBelow(3);
    const epoch = 1 + random.integerBelow(epochs);
    // Checkpoints are written right after an epoch's end.
    const delay = moment === 0 ? random.double() * 60 : random.double() * 12;
    const run = await startTraining(place, every, (line, kill) => {
      const [what, number] = line.split(" ");
      const now =
        moment === 0 ? what === "ready" : what === (moment === 1 ? "begin" : "end") && Number(number) >= epoch;
      if (attempt < 6 && now) setTimeout(kill, delay);
    });
    expect(run.errors, `seed ${seed}, attempt ${attempt}`).toBe("");
    if (run.signal === "SIGKILL") {
      killed++;
      continue;
    }
    expect(await outcomeIn(place, run.result), `seed ${seed}`).toEqual(undisturbed);
    break;
  }
  const left = (await readdir(place)).filter((name) => !name.endsWith(".tmp"));
  expect(left.sort()).toEqual(["best.h5", "history.json", "training.checkpoint.h5"]);
}

interface Run {
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
  /** The last line of a training that came to its end. */
  readonly result: string;
}

function startTraining(place: string, every: number, onLine: (line: string, kill: () => void) => void): Promise<Run> {
  const child = spawn(process.execPath, [script.path, features, place, String(every)], { stdio: "pipe" });
  let errors = "";
  let result = "";
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  createInterface(child.stdout).on("line", (line) => {
    result = line;
    onLine(line, () => child.kill("SIGKILL"));
  });
  return new Promise((resolve) => child.on("close", (_, signal) => resolve({ signal, errors, result })));
}

interface Outcome {
  readonly result: unknown;
  readonly history: unknown;
  readonly best: string;
}

async function outcomeIn(place: string, result: string): Promise<Outcome> {
  await using best = await TransferHead.load(path.join(place, "best.h5"), { backend: tfjsWasm() });
  return {
    result: JSON.parse(result),
    history: JSON.parse(await readFile(path.join(place, "history.json"), "utf8")),
    best: weightsChecksum(await best.network()),
  };
}
