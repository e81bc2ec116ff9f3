import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTfjsApp, type TfjsApp } from "../support/tfjs-app.js";
import { newerNode, tfjsNodeHint, tfjsNodeIsBuilt } from "../support/tfjs-node-build.js";

// What TensorFlow prints before it can be told not to.
const unavoidable = /^(WARNING: All log messages before absl|I0000 )/;

const runAndTrain = (backend: string) => `
import { everyLayerBatch, everyLayerNetwork, headNetwork, ${backend} } from "./library.mjs";
const backend = ${backend}();
const loaded = await backend.load(everyLayerNetwork());
const outputs = await loaded.run([everyLayerBatch(2)]);
const { network, xs, ys } = headNetwork();
const head = await backend.loadForTraining(network, {
  loss: "categorical_crossentropy",
  optimizer: { name: "adam", learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
  l2: 0.001,
  seed: 5,
});
const losses = [];
for (let i = 0; i < 5; i++) losses.push((await head.step(xs, ys)).loss);
await loaded.dispose();
await head.dispose();
console.log(JSON.stringify({
  node: process.version, description: backend.description, losses, sum: outputs[1].data.reduce((a, b) => a + Math.abs(b)),
  first: [...outputs[0].data],
}));
`;

interface Result {
  readonly node: string;
  readonly description: string;
  readonly losses: readonly number[];
  readonly first: readonly number[];
  readonly sum: number;
}

describe("in a process of its own", () => {
  let app: TfjsApp;
  beforeAll(async () => {
    app = await makeTfjsApp(tfjsNodeIsBuilt ? "whole" : "absent");
  });
  afterAll(() => rmSync(app.folder, { recursive: true }));

  async function run(backend: string, node?: string): Promise<Result> {
    const { stdout, stderr } = await app.run(runAndTrain(backend), node === undefined ? {} : { node });
    expect(stderr.split("\n").filter((line) => line !== "" && !unavoidable.test(line))).toEqual([]);
    expect(stdout.trim().split("\n")).toHaveLength(1);
    return JSON.parse(stdout);
  }

  function expectSame(actual: Result, expected: Result): void {
    const close = (a: readonly number[], b: readonly number[]) => {
      expect(a).toHaveLength(b.length);
      for (const [i, value] of a.entries()) expect(Math.abs(value - (b[i] as number))).toBeLessThan(1e-5);
    };
    close(actual.losses, expected.losses);
    close(actual.first, expected.first);
    expect(Math.abs(actual.sum / expected.sum - 1)).toBeLessThan(1e-5);
  }

  test.each(["tfjsWasm", "tfjsCpu"])("%s loads, runs and trains without a word on the console", async (backend) => {
    const { losses } = await run(backend);
    expect(losses).toHaveLength(5);
  });

  test.runIf(tfjsNodeIsBuilt)(
    `tfjsNode does so too, with the same outputs and the same dropout as tfjsWasm${tfjsNodeHint}`,
    async () => expectSame(await run("tfjsNode"), await run("tfjsWasm")),
  );

  test.runIf(tfjsNodeIsBuilt)(
    `tfjsNode runs and trains on Node 24, which lacks functions that it calls${tfjsNodeHint}`,
    async () => {
      const newer = await run("tfjsNode", newerNode);
      expect(newer.node).toMatch(/^v24\./);
      expect(newer.description).toContain("tfjs-node");
      expectSame(newer, await run("tfjsNode"));
    },
  );

  test("an unhandled rejection of the app is still the app's own after tfjsWasm has started", async () => {
    const { stdout } = await app.run(`
      import { tfjsWasm } from "./library.mjs";
      const count = () => process.listenerCount("uncaughtException") + process.listenerCount("unhandledRejection");
      process.on("uncaughtException", () => {});
      const before = count();
      const backend = tfjsWasm();
      const starting = backend.init();
      process.on("unhandledRejection", (reason) => { seen.push(reason.message); });
      const seen = [];
      await starting;
      const after = count();
      Promise.reject(new Error("mine"));
      await new Promise((resolve) => setTimeout(resolve, 20));
      console.log(JSON.stringify({ added: after - before, seen }));
    `);
    expect(JSON.parse(stdout)).toEqual({ added: 1, seen: ["mine"] });
  });

  test("tfjs on its own does add listeners there, so that the test above means something", async () => {
    const { stdout } = await app.run(`
      import * as tf from "@tensorflow/tfjs-core";
      import "@tensorflow/tfjs-backend-wasm";
      await tf.setBackend("wasm");
      console.log(process.listenerCount("uncaughtException") + process.listenerCount("unhandledRejection"));
    `);
    expect(Number(stdout)).toBe(2);
  });
});
