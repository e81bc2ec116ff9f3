import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { HDF5Item } from "../../src/hdf5/engine.js";
import { defaultWritableEngine } from "../../src/hdf5/writable-engine.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import { encodeKerasModel } from "../../src/keras/write-model.js";
import { randomWeights } from "../../src/network/random-weights.js";
import { layer, networkOf } from "../support/layers.js";

const bounded = 10_000;

describe("weights that are not finite", () => {
  const topology = networkOf([
    layer("InputLayer", "in", [], { shape: [3] }),
    layer("Dense", "first", ["in"], { units: 2 }),
    layer("Dense", "second", ["first"], { units: 2 }),
    layer("Dense", "third", ["second"], { units: 2 }),
  ]);

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "are read as they are and their layers named: %s",
    async (value) => {
      const weights = new Map(randomWeights(topology, 1));
      for (const name of ["first", "third"]) {
        const [kernel] = weights.get(name) ?? [];
        if (kernel !== undefined) kernel.array.data[kernel.array.data.length - 1] = value;
      }
      for (const format of ["h5", "keras"] as const) {
        const loaded = await loadKeras(await encodeKerasModel({ ...topology, weights }, { format }));
        expect(loaded.nonFinite).toEqual(["first", "third"]);
        expect(loaded.weights).toEqual(weights);
      }
    },
  );

  test("are not seen in weights that are large, but finite", async () => {
    const weights = randomWeights(topology, 1);
    for (const list of weights.values()) for (const { array } of list) array.data.fill(3.4e38);
    expect((await loadKeras(await encodeKerasModel({ ...topology, weights }))).nonFinite).toEqual([]);
  });
});

describe("weights that claim far more than the file has are refused with a typed error in bounded time", () => {
  const folder = fileURLToPath(new URL("../fixtures/hdf5-shape-bombs/", import.meta.url));
  const topology = networkOf([
    layer("InputLayer", "in", [], { shape: [60_000] }),
    layer("Dense", "dense", ["in"], { units: 60_000 }),
  ]);

  test.each(["unwritten", "chunked", "compressed"])("%s", { timeout: bounded }, async (name) => {
    const path = `${folder}${name}.h5`;
    for (const source of [path, new Uint8Array(readFileSync(path))]) {
      const before = process.memoryUsage().rss;
      await expect(loadKeras(source, { topology })).rejects.toMatchObject({
        name: "InvalidWeightsError",
        message: expect.stringContaining("made to fill the memory"),
      });
      expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28);
    }
  });
});

describe("a config made to do harm is refused with a typed error in bounded time", () => {
  test.each([
    ["lists", `{"a":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`],
    ["objects", `${'{"a":'.repeat(1_000_000)}1${"}".repeat(1_000_000)}`],
    ["lists that never end", `{"a":${"[".repeat(1_000_000)}`],
  ])("JSON nested too deep: %s", { timeout: bounded }, async (_, json) => {
    const refusal = { name: "InvalidModelError", message: expect.stringContaining("nested more than 1000 levels") };
    await expect(loadKeras(new TextEncoder().encode(json))).rejects.toMatchObject(refusal);
    await expect(loadKeras(await modelFile(json))).rejects.toMatchObject(refusal);
  });

  test("models inside of models, more than 50 deep", { timeout: bounded }, async () => {
    let config: object = sequential("innermost", [dense("dense")]);
    for (let i = 0; i < 60; i++) config = sequential(`model_${i}`, [config]);
    await expect(loadKeras(await modelFile(JSON.stringify(config)))).rejects.toMatchObject({
      name: "InvalidModelError",
      message: expect.stringContaining("50 deep"),
    });
  });

  test("models that apply models that come to billions of layers", { timeout: bounded }, async () => {
    let inner: object = functional("innermost", dense("dense"), 10);
    for (let i = 0; i < 9; i++) inner = functional(`model_${i}`, inner, 10);
    await expect(loadKeras(await modelFile(JSON.stringify(inner)))).rejects.toMatchObject({
      name: "InvalidModelError",
      message: expect.stringContaining("more than 200000 layers"),
    });
  });

  test.each([
    ["of one layer", { a: "a" }],
    ["of two layers", { a: "b", b: "a" }],
  ])("a cycle %s", { timeout: bounded }, async (_, takes) => {
    const layers = Object.entries(takes).map(([name, from]) => ({
      ...dense(name),
      inbound_nodes: [[[from, 0, 0, {}]]],
    }));
    const config = model("cyclic", [input, ...layers], "a");
    await expect(loadKeras(await modelFile(JSON.stringify(config)))).rejects.toMatchObject({
      name: "InvalidModelError",
      message: expect.stringContaining("has a cycle"),
    });
  });
});

const input = {
  class_name: "InputLayer",
  name: "in",
  config: { name: "in", batch_input_shape: [null, 3], dtype: "float32" },
  inbound_nodes: [] as unknown[],
};

function dense(name: string) {
  return { class_name: "Dense", name, config: { name, units: 3, activation: "linear", use_bias: true } };
}

function sequential(name: string, layers: readonly object[]): object {
  return { class_name: "Sequential", name, config: { name, layers } };
}

function model(name: string, layers: readonly object[], output: string): object {
  const config = { name, layers, input_layers: [["in", 0, 0]], output_layers: [[output, 0, 0]] };
  return { class_name: "Functional", name, config };
}

/** Applies a layer or a model so many times, each time to what it gave before. */
function functional(name: string, inner: object, times: number): object {
  const { name: own, class_name } = inner as { name: string; class_name: string };
  const first = class_name === "Functional" ? 1 : 0;
  const nodes = Array.from({ length: times }, (_, i) => [i === 0 ? ["in", 0, 0, {}] : [own, first + i - 1, 0, {}]]);
  const { config } = model(name, [input, { ...inner, inbound_nodes: nodes }], own) as { config: object };
  return { class_name: "Functional", name, config: { ...config, output_layers: [[own, first + times - 1, 0]] } };
}

async function modelFile(config: string): Promise<Uint8Array> {
  const data = { dtype: "string" as const, shape: [], data: [config] };
  const root: HDF5Item = { path: "/", attributes: new Map([["model_config", data]]) };
  return (await defaultWritableEngine()).encode([root]);
}
