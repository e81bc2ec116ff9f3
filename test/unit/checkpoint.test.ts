import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import type { NetworkWeights } from "../../src/network/network.js";
import type { FitOptions } from "../../src/training/fit-options.js";
import type { TransferHeadOptions } from "../../src/training/head-options.js";
import { cosineDecay, exponentialDecay } from "../../src/training/schedules.js";
import { TransferHead } from "../../src/transfer-head.js";
import { separableRows } from "../support/separable-data.js";

const rowCount = 70;
const classLabels = ["a", "b", "c"];
let folder: string;
let file: string;
let checkpointFile: string;
let data: HDF5DatasetGenerator;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "checkpoint-"));
  file = path.join(folder, "features.hdf5");
  checkpointFile = path.join(folder, "training.checkpoint.h5");
  const { xs, ys } = separableRows(rowCount, [6], 3, 4);
  await using writer = await HDF5DatasetWriter.create(file, { rows: rowCount, rowShape: [6], classLabels });
  await writer.add({ dtype: "float32", shape: [rowCount, 6], data: xs }, ys);
  await writer.close();
  data = await open();
});
afterEach(async () => {
  await data.close();
  await rm(folder, { recursive: true, force: true });
});

const open = (seed = 2) => HDF5DatasetGenerator.open(file, { batchSize: 8, shuffle: true, seed });
const options: TransferHeadOptions = { inputShape: [6], classLabels, hidden: [8], dropout: 0.3, learningRate: 0.01 };
const create = (more: Partial<TransferHeadOptions> = {}) =>
  TransferHead.create({ ...options, backend: tfjsCpu(), ...more });

function bits(weights: NetworkWeights): readonly (readonly [string, readonly number[]])[] {
  return [...weights].flatMap(([layer, own]) =>
    own.map(({ name, array }) => [`${layer}/${name}`, [...new Uint32Array(array.data.slice().buffer)]] as const),
  );
}

/** Trains a new head to the end, or until an epoch, where a callback throws as a killed process would end. */
async function train(fit: FitOptions, dies: number | undefined, more: Partial<TransferHeadOptions> = {}) {
  const { train: rows, validation } = data.split({ validation: 0.25 });
  await using head = await create(more);
  const death = new Error("dies");
  const onEpochBegin = (epoch: number) => {
    if (epoch === dies) throw death;
  };
  const fitted = head.fit(rows, { validation, ...fit, callbacks: [{ onEpochBegin }] });
  if (dies !== undefined) await expect(fitted).rejects.toBe(death);
  else await fitted;
  return { history: head.history, weights: bits((await head.network()).weights) };
}

const fits: Readonly<Record<string, readonly [FitOptions, Partial<TransferHeadOptions>]>> = {
  "Adam and dropout": [{ epochs: 6 }, {}],
  "AdamW, a schedule and batch normalization": [
    { epochs: 6, schedule: cosineDecay({ initialLearningRate: 0.05, decaySteps: 40 }) },
    { optimizer: "adamw", learningRate: undefined, batchNormalization: true },
  ],
  "momentum, plateaus, balanced classes and the best weights": [
    {
      epochs: 6,
      classWeight: "balanced",
      reduceOnPlateau: { monitor: "loss", patience: 1, minDelta: 10 },
      earlyStopping: { patience: 2, minDelta: 0.2, restoreBest: true },
    },
    { optimizer: { name: "sgd", momentum: 0.9, nesterov: true, learningRate: 0.05 }, learningRate: undefined },
  ],
  "epochs that end within passes": [{ epochs: 6, stepsPerEpoch: 5 }, { optimizer: "rmsprop" }],
};

describe("a training that is resumed", () => {
  test.each(Object.entries(fits))("ends in the bits of one that was never stopped, with %s", async (_, [fit, more]) => {
    const whole = await train(fit, undefined, more);
    const checkpoint = { path: checkpointFile, every: 2, resume: true };
    const second = await train({ ...fit, checkpoint }, 4, more);
    expect(second.history.length).toBe(3);
    // The third epoch was lost: checkpoints come after every second one.
    await train({ ...fit, checkpoint }, 4, more);
    const end = await train({ ...fit, checkpoint }, undefined, more);
    expect(end).toEqual(whole);
    // Once more, with nothing left to do.
    expect(await train({ ...fit, checkpoint }, undefined, more)).toEqual(whole);
  });

  test("can be made longer, and goes on as a longer one", async () => {
    const whole = await train({ epochs: 5 }, undefined);
    const checkpoint = { path: checkpointFile, resume: true };
    await train({ epochs: 2, checkpoint }, undefined);
    expect(await train({ epochs: 5, checkpoint }, undefined)).toEqual(whole);
  });

  test("is left stopped where a callback has stopped it", async () => {
    const checkpoint = { path: checkpointFile, resume: true };
    await using head = await create();
    const stop = {
      onEpochEnd: ({ epoch }: { epoch: number }, training: { stop(): void }) => epoch === 2 && training.stop(),
    };
    expect(await head.fit(data, { epochs: 9, checkpoint, callbacks: [stop] })).toHaveLength(2);
    await using again = await create();
    expect(await again.fit(data, { epochs: 9, checkpoint })).toEqual(head.history);
    expect(bits((await again.network()).weights)).toEqual(bits((await head.network()).weights));
  });

  test("trims its history file to the checkpoint, and leaves what other trainings wrote", async () => {
    const historyFile = path.join(folder, "history.json");
    await writeFile(historyFile, JSON.stringify({ loss: [3, 2, 1], other: [7, 8, 9] }));
    const fit = {
      epochs: 4,
      history: { path: historyFile, startAt: 2 },
      checkpoint: { path: checkpointFile, every: 2, resume: true },
    };
    await train(fit, 4);
    expect(JSON.parse(await readFile(historyFile, "utf8")).loss).toHaveLength(5);
    const { history } = await train(fit, undefined);
    const written = JSON.parse(await readFile(historyFile, "utf8"));
    expect(written.loss).toEqual([3, 2, ...history.map(({ loss }) => loss)]);
    expect(written.other).toEqual([7, 8, null, null, null, null]);
    expect(written.val_accuracy).toEqual([null, null, ...history.map(({ valAccuracy }) => valAccuracy)]);
    expect(written.learning_rate.slice(2)).toEqual([0.01, 0.01, 0.01, 0.01]);
  });

  test("keeps the best model so far, which Keras files hold", async () => {
    const best = path.join(folder, "best.h5");
    const checkpoint = { path: checkpointFile, resume: true };
    await train({ epochs: 6, saveBest: { path: best, monitor: "valLoss" }, checkpoint }, 4);
    const { history } = await train({ epochs: 6, saveBest: { path: best, monitor: "valLoss" }, checkpoint }, undefined);
    const { validation } = data.split({ validation: 0.25 });
    await using head = await TransferHead.load(best, { backend: tfjsCpu() });
    const least = Math.min(...history.map(({ valLoss }) => valLoss ?? Number.NaN));
    expect((await head.evaluate(validation)).loss).toBe(least);
  });
});

test.each<keyof FitOptions>(["checkpoint", "saveBest", "history"])(
  "the file of `%s` is found not to be writable before the first batch",
  async (option) => {
    await using head = await create();
    const file = path.join(folder, "missing", "file");
    let batches = 0;
    const onProgress = () => batches++;
    const settings = { path: file, ...(option === "saveBest" ? { monitor: "loss" } : {}) };
    await expect(head.fit(data, { onProgress, [option]: settings })).rejects.toMatchObject({
      name: "FileAccessError",
      reason: "missing",
      path: file,
    });
    expect(batches).toBe(0);
    expect(await readdir(folder)).toEqual(["features.hdf5"]);
  },
);

describe("a checkpoint", () => {
  const checkpoint = {
    get path() {
      return checkpointFile;
    },
    resume: true,
  };

  test("is not replaced, unless it is to be resumed", async () => {
    await train({ epochs: 1, checkpoint: { path: checkpointFile } }, undefined);
    await using head = await create();
    await expect(head.fit(data, { checkpoint: { path: checkpointFile } })).rejects.toMatchObject({
      name: "FileAccessError",
      reason: "exists",
      message: expect.stringMatching(/`resume: true`/),
    });
    expect((await readdir(folder)).sort()).toEqual(["features.hdf5", "training.checkpoint.h5"]);
  });

  test("holds weights and the optimizer's values where HDF5 readers find them", async () => {
    const { weights } = await train({ epochs: 2, checkpoint }, undefined);
    const opened = await h5wasm().open(checkpointFile);
    const kernel = await opened.read("/weights/hidden_1/kernel");
    expect([...new Uint32Array((kernel.data as Float32Array).slice().buffer)]).toEqual(
      new Map(weights).get("hidden_1/kernel"),
    );
    expect(await opened.list("/slots")).toEqual(["momentum", "velocity"]);
    expect((await opened.read("/slots/velocity/predictions/bias")).shape).toEqual([3]);
    await opened.close();
  });

  test.each<readonly [string, FitOptions, Partial<TransferHeadOptions>, readonly RegExp[]]>([
    ["another layer", {}, { hidden: [9] }, [/^layer "hidden_1"/]],
    ["another rate", {}, { learningRate: 0.02 }, [/^optimizer.learningRate \(0.02 here, 0.01 in the file\)$/]],
    ["another optimizer", {}, { optimizer: "rmsprop" }, [/^optimizer.name \("rmsprop" here, "adam" in the file\)$/]],
    ["another seed and penalty", {}, { seed: 4, l1: 0.1 }, [/^l1 \(0.1 here/, /^seed \(4 here, 0 in the file\)$/]],
    [
      "weights of classes",
      { classWeight: "balanced" },
      {},
      [/^classWeight \("balanced" here, not there in the file\)$/],
    ],
    ["a schedule", { schedule: () => 0.1 }, {}, [/^schedule/]],
  ])("of a training with %s is refused, saying so", async (_, fit, more, differences) => {
    await train({ epochs: 2, checkpoint }, undefined);
    const before = await readFile(checkpointFile);
    await using head = await create(more);
    const { train: rows, validation } = data.split({ validation: 0.25 });
    const error = await head.fit(rows, { epochs: 3, validation, checkpoint, ...fit }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ name: "InvalidCheckpointError", path: checkpointFile });
    const found = (error as { readonly differences: readonly string[] }).differences;
    for (const expected of differences) expect(found).toContainEqual(expect.stringMatching(expected));
    expect(await readFile(checkpointFile)).toEqual(before);
    expect(head.history).toEqual([]);
  });

  test("of a training on other rows, or the same in another order, is refused", async () => {
    const fit = { epochs: 2, checkpoint };
    await using head = await create();
    await head.fit(data, fit);
    await using other = await open(3);
    for (const [rows, difference] of [
      [other, /checksum of the first batch of train/],
      [data.subset([...data.indices].reverse()), /checksum of train.indices/],
      [data.subset([...data.indices].slice(1)), /train.length \(69 here, 70 in the file\)/],
    ] as const) {
      await using fresh = await create();
      await expect(fresh.fit(rows, fit)).rejects.toMatchObject({
        name: "InvalidCheckpointError",
        differences: expect.arrayContaining([expect.stringMatching(difference)]),
      });
    }
  });

  test("whose last rate the schedule does not give is refused", async () => {
    const decay = (decayRate: number) => exponentialDecay({ initialLearningRate: 0.1, decaySteps: 10, decayRate });
    await train({ epochs: 2, checkpoint, schedule: decay(0.5) }, undefined);
    await using head = await create();
    const { train: rows, validation } = data.split({ validation: 0.25 });
    await expect(head.fit(rows, { epochs: 3, validation, checkpoint, schedule: decay(0.6) })).rejects.toMatchObject({
      name: "InvalidCheckpointError",
      differences: [expect.stringMatching(/^schedule \(0\.\d+ for step 13 here, 0\.\d+ in the file\)$/)],
    });
  });

  test.each<readonly [string, (bytes: Buffer, kernel: Uint8Array) => Uint8Array]>([
    ["cut short", (bytes) => bytes.subarray(0, bytes.length / 2)],
    ["empty", () => new Uint8Array()],
    ["another file", () => new TextEncoder().encode("no checkpoint at all")],
    [
      "with one bit of a weight flipped",
      (bytes, kernel) => {
        const at = bytes.indexOf(kernel);
        expect(at).toBeGreaterThan(0);
        bytes[at] = (bytes[at] as number) ^ 1;
        return bytes;
      },
    ],
  ])("that is damaged (%s) is refused", async (_, damage) => {
    const { weights } = await train({ epochs: 2, checkpoint }, undefined);
    const kernel = new Uint8Array(Uint32Array.from(new Map(weights).get("hidden_1/kernel") ?? []).buffer);
    await writeFile(checkpointFile, damage(await readFile(checkpointFile), kernel));
    await using head = await create();
    const { train: rows, validation } = data.split({ validation: 0.25 });
    await expect(head.fit(rows, { epochs: 2, validation, checkpoint })).rejects.toMatchObject({
      name: "InvalidCheckpointError",
      differences: [],
      message: expect.stringMatching(/is no checkpoint .* Remove it to begin anew/),
    });
  });

  test.each<readonly [FitOptions, RegExp]>([
    [{ checkpoint: { path: "" } }, /`checkpoint.path` is ""/],
    [{ checkpoint: { path: "x", every: 0 } }, /`checkpoint.every` is 0/],
    [{ history: { path: "" } }, /`history.path` is ""/],
    [{ history: { path: "x.json", startAt: -1 } }, /`history.startAt` is -1/],
    [{ earlyStopping: { monitor: "valLoss" } }, /`earlyStopping.monitor` is "valLoss".*Give `validation`/],
    [{ earlyStopping: { monitor: "loss", patience: -1 } }, /`earlyStopping.patience` is -1/],
    [{ reduceOnPlateau: { monitor: "loss", factor: 1 } }, /`reduceOnPlateau.factor` is 1/],
    [{ reduceOnPlateau: { monitor: "loss" }, schedule: () => 1 }, /only one of them/],
    [{ schedule: () => Number.NaN }, /`schedule` gave NaN for step 0/],
    [{ stepsPerEpoch: 0 }, /`stepsPerEpoch` is 0/],
    [{ targetColumn: "price" }, /`targetColumn` was given for a classification/],
    [{ sampleWeight: "weights" }, /`sampleWeight` names the column "weights".*no such column/],
    [{ classWeight: { d: 1 } }, /`classWeight` has a weight for "d"/],
  ])("and other options of fit are checked: %j", async (fit, message) => {
    await using head = await create();
    await expect(head.fit(data, fit)).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });
});
