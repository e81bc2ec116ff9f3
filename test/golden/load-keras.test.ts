import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { jsfive } from "../../src/hdf5/jsfive.node.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import { countParameters, summary } from "../../src/network/summary.js";
import { expectOutputs, type Values } from "../support/expect-outputs.js";
import { layer, networkOf } from "../support/layers.js";

interface Case {
  readonly name: string;
  readonly parameters: number;
  readonly trainable: number;
  readonly inputs: readonly Values[];
  readonly outputs: readonly Values[];
}

const fixtures = fileURLToPath(new URL("../fixtures/keras-files/", import.meta.url));
const cases = JSON.parse(readFileSync(`${fixtures}cases.json`, "utf8")) as readonly Case[];

describe.each(cases)("$name", ({ name, parameters, trainable, inputs, outputs }) => {
  const json = `${fixtures}${name}.json`;
  const legacyWeights = `${fixtures}${name}-legacy-weights.h5`;

  test.each([".h5", ".keras"])("as %s runs as in Keras on every backend", async (end) => {
    const network = await loadKeras(`${fixtures}${name}${end}`);
    expect(countParameters(network)).toBe(parameters);
    await expectOutputs(network, inputs, outputs, 1e-5);
  });

  test("has a summary whose rows and totals come to Keras's numbers of parameters", async () => {
    const lines = summary(await loadKeras(`${fixtures}${name}.keras`)).split("\n");
    const counts = lines.flatMap((line) => /\] +([\d,]+)$/.exec(line)?.[1] ?? []);
    const sum = counts.reduce((total, count) => total + Number(count.replaceAll(",", "")), 0);
    expect(sum).toBe(parameters);
    expect(lines.slice(-3)).toEqual([
      `Total params: ${parameters}`,
      `Trainable params: ${trainable}`,
      `Non-trainable params: ${parameters - trainable}`,
    ]);
  });

  test("has the same weights in every format", async () => {
    const expected = (await loadKeras(`${fixtures}${name}.keras`)).weights;
    const others = [
      loadKeras(`${fixtures}${name}.h5`),
      loadKeras(`${fixtures}${name}.weights.h5`, { topology: json }),
      loadKeras(`${fixtures}${name}.h5`, { topology: json }),
      loadKeras(`${fixtures}${name}.keras`, { topology: json }),
      ...(existsSync(legacyWeights) ? [loadKeras(legacyWeights, { topology: json })] : []),
    ];
    for (const { weights } of await Promise.all(others)) expect(weights).toEqual(expected);
  });

  test.each([h5wasm(), jsfive()])("has the same weights read by $name", async (engine) => {
    for (const end of [".h5", ".keras"]) {
      const { weights } = await loadKeras(`${fixtures}${name}${end}`, { engine });
      expect(weights).toEqual((await loadKeras(`${fixtures}${name}${end}`)).weights);
    }
  });
});

describe("loadKeras", () => {
  const path = `${fixtures}keras3-many.keras`;

  test("reads a path, a file URL, bytes, a Blob and a File alike", async () => {
    const bytes = new Uint8Array(readFileSync(path));
    const expected = await loadKeras(path);
    for (const source of [
      pathToFileURL(path),
      pathToFileURL(path).href,
      bytes,
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
      new Blob([bytes]),
      new File([bytes], "any name"),
      [new File([bytes], "any name")],
    ]) {
      expect(await loadKeras(source)).toEqual(expected);
    }
  });

  test("finds how a model was compiled, its version and what was frozen", async () => {
    expect(await loadKeras(`${fixtures}keras3-chain.h5`)).toMatchObject({
      kerasVersion: "3.15.1",
      compile: {
        loss: "categorical_crossentropy",
        optimizer: { name: "adam", learningRate: 0.03125 },
        metrics: ["accuracy"],
      },
      l2: 0,
      frozen: [],
      nonFinite: [],
    });
    expect(await loadKeras(`${fixtures}keras3-chain.keras`)).toMatchObject({
      kerasVersion: "3.15.1",
      compile: {
        loss: "categorical_crossentropy",
        optimizer: { name: "adam", learningRate: 0.03125 },
        metrics: ["accuracy"],
      },
    });
    expect((await loadKeras(`${fixtures}keras3-nested.keras`)).frozen).toEqual([
      "frozen",
      "still/dense",
      "batch_normalization",
    ]);
  });

  test.each([
    ["the default engine", undefined, "InvalidDatasetError", "leads into another file"],
    ["h5wasm", h5wasm(), "InvalidDatasetError", "leads into another file"],
    // It does not know such links at all.
    ["jsfive", jsfive(), "UnsupportedError", "jsfive cannot find"],
  ])("does not follow a link into another file, by %s", async (_, engine, name, message) => {
    const topology = networkOf([
      layer("InputLayer", "in", [], { shape: [3] }),
      layer("Dense", "out", ["in"], { units: 2 }),
    ]);
    await expect(loadKeras(`${fixtures}external-link.h5`, { topology, engine })).rejects.toMatchObject({
      name,
      message: expect.stringContaining(message),
    });
  });

  test("keeps the names of inner layers where they are unique, and else puts those of the models before them", async () => {
    const { layers } = await loadKeras(`${fixtures}keras2-nested.h5`);
    expect(layers.map(({ name, weightsOf }) => (weightsOf === undefined ? name : `${name} = ${weightsOf}`))).toEqual([
      "first",
      "second",
      "encoder/conv",
      "encoder/norm",
      "frozen",
      "encoder/conv_1 = encoder/conv",
      "pool",
      "head/conv",
      "head/norm",
      "flatten",
      "still/dense",
      "batch_normalization",
      "encoder/conv_2 = encoder/conv",
      "encoder/norm_1 = encoder/norm",
      "frozen_1 = frozen",
      "head/conv_1 = head/conv",
      "head/norm_1 = head/norm",
      "flatten_1 = flatten",
      "encoder/conv_3 = encoder/conv",
      "pool_1 = pool",
      "join",
      "dense",
      "still/dense_1 = still/dense",
      "batch_normalization_1 = batch_normalization",
    ]);
  });
});
