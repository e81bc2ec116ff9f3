import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { readKerasModel } from "../../src/keras/read-model.js";
import { python } from "./reference-python.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const data = path.resolve(root, "../shared/data/tiny_imagenet");
const scripts = path.join(root, "training/vgg-mini");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "vgg-mini-training-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function start(script: string, ...parameters: readonly string[]): ChildProcess {
  return spawn(python, ["-B", path.join(scripts, script), "--data", data, ...parameters], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function logOf(run: string): Promise<readonly (readonly string[])[]> {
  return (await readFile(path.join(run, "log.csv"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => line.split(","));
}

describe.skipIf(!existsSync(data))("training vgg-mini (skipped where ../shared/data is missing)", () => {
  test("learns, goes on behind the last whole epoch after it was killed, and becomes a file that is read here", async () => {
    const run = path.join(folder, "run");
    const first = start("train.py", "--output", run, "--smoke");
    for await (const text of first.stdout ?? []) if (String(text).includes("epoch 1")) break;
    first.kill("SIGKILL");
    await once(first, "exit");
    const killed = await logOf(run);
    expect(killed).toHaveLength(2);

    const second = start("train.py", "--output", run, "--smoke");
    second.stdout?.resume();
    expect(await once(second, "exit")).toEqual([0, null]);
    const [header = [], ...epochs] = await logOf(run);
    expect(epochs.map(([epoch]) => epoch)).toEqual(["1", "2", "3"]);
    expect(epochs[0]).toEqual(killed[1]);
    // Twenty classes: one that knows nothing is right in 5 of 100 cases.
    expect(Number(epochs[2]?.[header.indexOf("val_top1")])).toBeGreaterThan(0.15);

    const exported = path.join(folder, "small.h5");
    const third = start("export.py", "--checkpoint", run, "--output", exported);
    third.stdout?.resume();
    expect(await once(third, "exit")).toEqual([0, null]);
    const file = await h5wasm().open(exported);
    try {
      const { network, classLabels } = await readKerasModel(file, "small.h5");
      expect(network.outputs).toEqual(["predictions"]);
      expect(classLabels).toHaveLength(20);
      expect(await file.stat("/model_weights/block1_conv1/block1_conv1/kernel")).toBeDefined();
    } finally {
      await file.close();
    }
  }, 600_000);
});
