import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { autoEngine } from "../../src/hdf5/auto-engine.js";
import type { HDF5Engine } from "../../src/hdf5/engine.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { readKerasModel } from "../../src/keras/read-model.js";
import { expectOutputs, type Values } from "../support/expect-outputs.js";

interface Case {
  readonly file: string;
  readonly inputs: readonly Values[];
  readonly outputs: readonly Values[];
  readonly l2?: number;
  readonly learningRate?: number;
}

const fixtures = new URL("../fixtures/keras-models/", import.meta.url);
const cases = JSON.parse(readFileSync(new URL("cases.json", fixtures), "utf8")) as readonly Case[];

async function readModel(path: string, engine: HDF5Engine = h5wasm()) {
  const file = await engine.open(path);
  try {
    return await readKerasModel(file, path);
  } finally {
    await file.close();
  }
}

describe("readKerasModel", () => {
  test.each(cases)("runs $file as real Keras does, on every backend", async ({ file, inputs, outputs }) => {
    const { network } = await readModel(fileURLToPath(new URL(file, fixtures)));
    await expectOutputs(network, inputs, outputs, 1e-5);
  });

  test.each(cases)("finds in $file how it was compiled", async ({ file, l2, learningRate }) => {
    const model = await readModel(fileURLToPath(new URL(file, fixtures)), autoEngine());
    expect(model.l2).toBe(l2 ?? 0);
    const optimizer = model.compile?.optimizer;
    if (file.includes("sequential")) {
      expect(optimizer).toMatchObject({ name: "sgd", learningRate: Math.fround(0.1), momentum: 0, nesterov: false });
    } else {
      expect(optimizer?.learningRate).toBe(learningRate);
    }
    expect(model.classLabels).toBeUndefined();
  });

  test("keeps the layers in Keras's order and gives a layer that is applied twice a second entry", async () => {
    const { network } = await readModel(fileURLToPath(new URL("keras3-picture-network.h5", fixtures)));
    const shared = network.layers.filter(({ name, weightsOf }) => name === "shared" || weightsOf === "shared");
    expect(shared.map(({ name, weightsOf }) => [name, weightsOf])).toEqual([
      ["shared", undefined],
      ["shared_1", "shared"],
    ]);
    expect(network.inputs).toEqual(["second", "first"]);
  });
});
