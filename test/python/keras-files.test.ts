import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import { saveKeras } from "../../src/keras/save-keras.js";
import type { CompileConfig } from "../../src/keras/training-config.js";
import { type NdArray, sizeOf } from "../../src/ndarray.js";
import type { Network, Topology } from "../../src/network/network.js";
import { randomWeights } from "../../src/network/random-weights.js";
import { inferShapes } from "../../src/network/shapes.js";
import { createRandom } from "../../src/random.js";
import { layer } from "../support/layers.js";
import { runPythonOn } from "./reference-python.js";

interface Result {
  readonly error: number;
  readonly backend: string;
  readonly layers: readonly string[];
  readonly optimizer?: Readonly<Record<string, number>>;
  readonly history?: { readonly loss: readonly number[] };
}

const fixtures = fileURLToPath(new URL("../fixtures/keras-files/", import.meta.url));
const names = (JSON.parse(readFileSync(`${fixtures}cases.json`, "utf8")) as { name: string }[]).map(({ name }) => name);

/** What Keras's Adam cannot say. */
const adamW: CompileConfig = {
  loss: "categorical_crossentropy",
  optimizer: { name: "adamw", learningRate: 0.03125, beta1: 0.75, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.125 },
  clipping: { globalClipnorm: 2 },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "keras-files-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Layers in an order that is not Keras's, equal shapes in different places, and one that no output needs. */
function unordered(): Network {
  const dense = { units: 3 };
  const topology: Topology = {
    name: "unordered",
    inputs: ["unused", "in"],
    outputs: ["sum", "second"],
    layers: [
      layer("InputLayer", "unused", [], { shape: [2] }),
      layer("InputLayer", "in", [], { shape: [3] }),
      layer("Dense", "short", ["in"], dense),
      layer("Dense", "first", ["in"], dense),
      layer("Dense", "dead", ["first"], dense),
      layer("Dense", "second", ["first"], dense),
      { ...layer("Dense", "again", ["second"], dense), weightsOf: "short" },
      layer("Dense", "third", ["again"], dense),
      layer("Add", "sum", ["third", "short"]),
    ],
  };
  return { ...topology, weights: randomWeights(topology, 3) };
}

describe.each([
  ["keras", "tensorflow"],
  ["keras", "jax"],
  ["tf_keras", "tensorflow"],
] as const)("a file of ours in %s on %s", (keras, backend) => {
  const results = new Map<string, Result>();
  const networks = new Map<string, () => Promise<Network>>([
    ...names.map((name) => [name, () => loadKeras(`${fixtures}${name}.keras`)] as const),
    ["unordered", async () => unordered()],
    // Keras 2 finds AdamW under another name than Keras 3.
    ...(keras === "keras" ? [["adamw-chain", () => loadKeras(`${fixtures}keras3-chain.keras`)] as const] : []),
  ]);

  beforeAll(async () => {
    const jobs = [];
    for (const [name, makeNetwork] of networks) {
      const network = await makeNetwork();
      for (const format of ["h5", "keras"]) {
        const file = path.join(folder, `${keras}-${backend}-${name}.${format}`);
        await saveKeras(network, file, name === "adamw-chain" ? { compile: adamW } : {});
        jobs.push({
          ...(await predictions(network)),
          name: `${name}.${format}`,
          file,
          keras,
          targets: targetsOf(name),
        });
      }
    }
    const list = path.join(folder, `${keras}-${backend}.json`);
    await writeFile(
      list,
      JSON.stringify(jobs.map((job) => ({ ...job, resaved: job.file.replace(/\./, "-resaved.") }))),
    );
    const printed = (await runPythonOn(backend, "keras_heads.py", list)).trim().split("\n").at(-1) ?? "";
    for (const [index, result] of (JSON.parse(printed) as Result[]).entries()) {
      results.set(jobs[index]?.name ?? "", result);
    }
  });

  /** One-hot labels to train with, for the models that were compiled. */
  function targetsOf(
    name: string,
  ): { readonly shape: readonly number[]; readonly data: readonly number[] } | undefined {
    if (!name.endsWith("chain")) return undefined;
    return { shape: [4, 3], data: [0, 1, 2, 0].flatMap((label) => [0, 1, 2].map((at) => Number(at === label))) };
  }

  const files = [...networks.keys()].flatMap((name) => [`${name}.h5`, `${name}.keras`]);
  test.each(files)("%s: loads without a warning and predicts the same", (name) => {
    expect(results.get(name)?.backend).toBe(backend);
    expect(results.get(name)?.error).toBeLessThan(1e-5);
  });

  test.each(files.filter((name) => name.startsWith("adamw")))("%s: has decay and clipping", (name) => {
    expect(results.get(name)?.optimizer).toMatchObject({ weight_decay: 0.125, global_clipnorm: 2, beta_1: 0.75 });
  });

  test.each(files.filter((name) => name.includes("chain")))("%s: is compiled, so that fit goes on", (name) => {
    expect(results.get(name)?.optimizer?.learning_rate).toBe(0.03125);
    const loss = results.get(name)?.history?.loss ?? [];
    expect(loss.at(-1)).toBeLessThan(loss[0] ?? 0);
  });

  test.each(["h5", "keras"])("%s: layers have the names that they had", async (format) => {
    const name = "keras3-many";
    const network = await loadKeras(`${fixtures}${name}.keras`);
    expect(results.get(`${name}.${format}`)?.layers).toEqual(network.layers.map((each) => each.name));
  });
});

async function predictions(network: Network) {
  const random = createRandom(5);
  const shapes = inferShapes(network);
  const inputs = network.inputs.map((name): NdArray<"float32"> => {
    const shape = [4, ...(shapes.get(name) ?? [])].map((axis) => axis ?? 1);
    const data = Float32Array.from({ length: sizeOf(shape) }, () => random.double() * 2 - 1);
    return { dtype: "float32", shape, data };
  });
  const backend = onnx();
  await backend.init();
  const loaded = await backend.load(network);
  const outputs = await loaded.run(inputs);
  await loaded.dispose();
  const plain = ({ shape, data }: NdArray) => ({ shape, data: Array.from(data, Number) });
  return { inputs: inputs.map(plain), predictions: outputs.map(plain) };
}
