import { cpSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTfjsApp, type TfjsApp } from "../support/tfjs-app.js";

// One process for each: tfjs's wasm module is one for the process, and its threads must not keep it.
const runAndTrain = (threads: number) => `
import os from "node:os";
import { everyLayerBatch, everyLayerNetwork, headNetwork, tfjsWasm } from "./library.mjs";
const processors = os.cpus().length;
const worker = Object.getOwnPropertyDescriptor(globalThis, "Worker");
const backend = tfjsWasm({ threads: ${threads} });
const loaded = await backend.load(everyLayerNetwork());
const restored = os.cpus().length === processors &&
  JSON.stringify(Object.getOwnPropertyDescriptor(globalThis, "Worker")) === JSON.stringify(worker);
const outputs = await loaded.run([everyLayerBatch(2)]);
const { network, xs, ys } = headNetwork({ hidden: 4096 });
const head = await backend.loadForTraining(network, {
  loss: "categorical_crossentropy",
  optimizer: { name: "adam", learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
  l2: 0.001,
  seed: 5,
});
const losses = [];
for (let i = 0; i < 5; i++) losses.push((await head.step(xs, ys)).loss);
const others = await Promise.all([
  tfjsWasm().init().then(() => "runs"),
  tfjsWasm({ threads: ${threads} }).init().then(() => "runs"),
  tfjsWasm({ threads: ${threads + 1} }).init().catch((error) => error.name + ": " + error.message),
]);
console.log(JSON.stringify({
  description: backend.description, restored, losses, others, outputs: outputs.flatMap(({ data }) => [...data]),
}));
`;

interface Result {
  readonly description: string;
  readonly restored: boolean;
  readonly losses: readonly number[];
  readonly others: readonly string[];
  readonly outputs: readonly number[];
}

describe("tfjsWasm({ threads }) in Node", () => {
  let app: TfjsApp;
  beforeAll(async () => {
    app = await makeTfjsApp("absent");
  });
  afterAll(() => rmSync(app.folder, { recursive: true }));

  async function run(threads: number): Promise<Result> {
    const { stdout, stderr } = await app.run(runAndTrain(threads));
    expect(stderr).toBe("");
    return JSON.parse(stdout);
  }

  test("2 and 3 threads run and train to what one does, let the process end, and put back what they changed", async () => {
    const one = await run(1);
    expect(one.description).toMatch(/, 1 thread$/);
    for (const threads of [2, 3]) {
      const several = await run(threads);
      expect(several.description).toMatch(new RegExp(`, ${threads} threads$`));
      expect(several.restored).toBe(true);
      for (const what of ["losses", "outputs"] as const) {
        const scale = Math.max(...one[what].map(Math.abs));
        const errors = one[what].map((value, at) => Math.abs(value - (several[what][at] as number)));
        expect(Math.max(...errors) / scale, what).toBeLessThan(1e-6);
      }
    }
  });

  test("another number of threads in the same process is refused with the reason, the same or none is not", async () => {
    const { others } = await run(2);
    expect(others.slice(0, 2)).toEqual(["runs", "runs"]);
    expect(others[2]).toMatch(/^BackendUnavailableError: .*cannot have 3 threads.*started with 2/);
  });

  test.each([0, 1.5, 10, "2"])("threads: %j is an InvalidArgumentError", async (threads) => {
    const { stdout } = await app.run(`
      import { tfjsWasm } from "./library.mjs";
      try { tfjsWasm({ threads: ${JSON.stringify(threads)} }); } catch (error) { console.log(error.name, error.message); }
    `);
    expect(stdout).toMatch(/^InvalidArgumentError .*an integer from 1 to 9/);
  });

  test("another version of tfjs-backend-wasm is refused, and runs without threads afterwards", async () => {
    const other = await makeTfjsApp("absent");
    try {
      const folder = path.join(other.folder, "node_modules/@tensorflow/tfjs-backend-wasm");
      const source = path.resolve(import.meta.dirname, "../../node_modules/@tensorflow/tfjs-backend-wasm");
      unlinkSync(folder);
      cpSync(source, folder, { recursive: true, filter: (file) => !/es2017|fesm|\.map$/.test(file) });
      const manifest = path.join(folder, "package.json");
      const changed = { ...JSON.parse(readFileSync(manifest, "utf8")), version: "4.23.0" };
      // A new file, as the copy may be a link to the original.
      rmSync(manifest);
      writeFileSync(manifest, JSON.stringify(changed));
      const { stdout } = await other.run(`
        import { tfjsWasm } from "./library.mjs";
        const error = await tfjsWasm({ threads: 2 }).init().catch((reason) => reason);
        const backend = tfjsWasm();
        await backend.init();
        console.log(error.name, error.message, backend.description);
      `);
      expect(stdout).toMatch(/^BackendUnavailableError .*4\.22\.0, and 4\.23\.0 is installed.*, 1 thread\s*$/);
    } finally {
      rmSync(other.folder, { recursive: true });
    }
  });
});
