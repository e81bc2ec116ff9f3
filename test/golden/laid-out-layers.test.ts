import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadKeras } from "../../src/keras/load-keras.js";
import { encodeKerasModel } from "../../src/keras/write-model.js";
import { countParameters } from "../../src/network/summary.js";
import { expectOutputs, type Values } from "../support/expect-outputs.js";

interface Case {
  readonly name: string;
  readonly names: readonly string[];
  readonly parameters: number;
  readonly inputs: readonly Values[];
  readonly outputs: readonly Values[];
}

const fixtures = fileURLToPath(new URL("../fixtures/laid-out-layers/", import.meta.url));
const cases = JSON.parse(readFileSync(`${fixtures}cases.json`, "utf8")) as readonly Case[];

describe.each(cases)("layers of $name that are run as several", ({ name, names, parameters, inputs, outputs }) => {
  test.each([".h5", ".keras"])("compute in a %s file what they compute in Keras, on every backend", async (end) => {
    const network = await loadKeras(`${fixtures}${name}${end}`);
    // Their values have the layers' names.
    expect(network.outputs).toEqual(names);
    expect(countParameters(network)).toBe(parameters);
    await expectOutputs(network, inputs, outputs, 1e-5);
  });

  test.each(["h5", "keras"] as const)("compute the same when they were saved as %s", async (format) => {
    const bytes = await encodeKerasModel(await loadKeras(`${fixtures}${name}.keras`), { format });
    await expectOutputs(await loadKeras(bytes), inputs, outputs, 1e-5);
  });

  test("leave a normalisation of the last axis, by its number, one layer", async () => {
    const { layers } = await loadKeras(`${fixtures}${name}.h5`);
    expect(layers.filter((layer) => layer.name.startsWith("bn_last"))).toMatchObject([
      { className: "BatchNormalization", name: "bn_last" },
    ]);
  });
});
