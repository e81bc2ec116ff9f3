import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Json } from "../../src/keras/layer-config.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import { readTopology } from "../../src/keras/read-topology.js";
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

describe.each(cases.filter(({ names }) => names.includes("bn_last")))(
  "layers of $name that are run as several",
  ({ name, names, parameters, inputs, outputs }) => {
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
  },
);

describe("a bilinear UpSampling2D", () => {
  const file = `${fixtures}keras-2.3.1.h5`;

  test("of Keras 2.3 computes what it did there, also when it was saved again", async () => {
    const { inputs, outputs } = cases.find(({ name }) => name === "keras-2.3.1") as Case;
    const network = await loadKeras(file);
    await expectOutputs(network, inputs, outputs, 1e-5);
    await expectOutputs(await loadKeras(await encodeKerasModel(network)), inputs, outputs, 1e-5);
  });

  test.each([
    ["2.3.1", false, ["AveragePooling2D"]],
    ["2.4.0", false, []],
    ["2.3.0-tf", false, []],
    ["2.2.4-tf", true, []],
    [undefined, false, []],
  ])("of Keras %s (ragged: %s) has the rule of that version", (version, isRagged, classes) => {
    const { layers } = readTopology(enlarging(isRagged), version);
    expect(layers.map(({ className }) => className).filter((name) => name === "AveragePooling2D")).toEqual(classes);
  });

  test("of tf.keras 2.2.4-tf is refused, as two rules have this version", () => {
    expect(() => readTopology(enlarging(false), "2.2.4-tf")).toThrow(
      expect.objectContaining({
        name: "UnsupportedError",
        message: expect.stringMatching(/"up" \(UpSampling2D\).*2\.2\.4-tf/),
      }),
    );
  });
});

function enlarging(isRagged: boolean): Json {
  const input = {
    name: "in",
    batch_input_shape: [null, 4, 4, 1],
    dtype: "float32",
    ...(isRagged ? { ragged: false } : {}),
  };
  const config = { name: "up", size: [2, 2], interpolation: "bilinear" };
  return {
    class_name: "Sequential",
    config: {
      name: "enlarging",
      layers: [
        { class_name: "InputLayer", config: input },
        { class_name: "UpSampling2D", config },
      ],
    },
  };
}
