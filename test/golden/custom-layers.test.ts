import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { encodeKerasModel, loadKeras } from "../../src/index.js";
import type { ComposeLayer, CustomLayers, LayerComposition } from "../../src/keras/custom-layer.js";
import type { NdArray } from "../../src/ndarray.js";
import { countParameters } from "../../src/network/summary.js";
import { expectOutputs, type Values } from "../support/expect-outputs.js";
import { layer } from "../support/layers.js";

interface Case {
  readonly name: string;
  readonly parameters: number;
  readonly inputs: readonly Values[];
  readonly outputs: readonly Values[];
}

const fixtures = fileURLToPath(new URL("../fixtures/custom-layers/", import.meta.url));
const cases = JSON.parse(readFileSync(`${fixtures}cases.json`, "utf8")) as readonly Case[];

const squeezeExcite: ComposeLayer = ({ config, inputs: [input = ""], inputShapes: [shape] }) => {
  const channels = shape?.at(-1) ?? 0;
  const units = Math.floor(channels / Number(config.ratio));
  return {
    layers: [
      layer("GlobalAveragePooling2D", "pool", [input], { keepdims: true }),
      layer("Dense", "squeeze", ["pool"], { units, activation: "relu" }),
      layer("Dense", "excite", ["squeeze"], { units: channels, activation: "sigmoid" }),
      layer("Multiply", "scaled", [input, "excite"], {}),
    ],
    output: "scaled",
  };
};

const scaledResidual: ComposeLayer = ({ inputs: [input = ""], inputShapes: [shape] }) => {
  const channels = shape?.at(-1) ?? 0;
  const everyChannel = {
    variable: "alpha",
    shape: [],
    convert: ({ data }: { readonly data: Float32Array }) => ({
      dtype: "float32" as const,
      shape: [channels],
      data: new Float32Array(channels).fill(data[0] ?? 0),
    }),
  };
  return {
    layers: [
      layer("Conv2D", "convolution", [input], { filters: channels, useBias: false }),
      layer("BatchNormalization", "after", ["convolution"], {}),
      layer("LayerScale", "scale", ["after"], { initValues: 1, projectionDim: channels }),
      layer("Add", "sum", [input, "scale"], {}),
    ],
    output: "sum",
    weights: { scale: [everyChannel] },
  };
};

const gate: ComposeLayer = ({ config, inputs: [x = "", opened = ""] }) => ({
  layers: [
    layer("Rescaling", "slope", [opened], { scale: Number(config.slope), offset: 0 }),
    layer("Multiply", "product", [x, "slope"], {}),
  ],
  output: "product",
});

const mixer: ComposeLayer = ({ inputs }) => ({
  layers: [
    layer("Dense", "first", inputs, { units: 4, activation: "tanh" }),
    layer("Dense", "second", ["first"], { units: 4 }),
  ],
  output: "second",
  // In the order in which Python makes them, which is not that of their names.
  weights: { first: ["zeta/kernel", "zeta/bias"], second: ["alfa/kernel", "alfa/bias"] },
});

const customLayers: CustomLayers = {
  SqueezeExcite: squeezeExcite,
  ScaledResidual: scaledResidual,
  Gate: gate,
  "mine>Mixer": mixer,
};

describe.each(cases)("a model of $name with layers of its own classes", ({ name, inputs, outputs, parameters }) => {
  test.each([".h5", ".keras"])("as %s runs as in Keras on every backend", async (end) => {
    const network = await loadKeras(`${fixtures}${name}${end}`, { customLayers });
    // Each scalar of two residuals has become one number for each of 4 channels.
    expect(countParameters(network)).toBe(parameters + 2 * 3);
    await expectOutputs(network, inputs, outputs, 1e-5);
  });

  test("has the same weights in every format", async () => {
    const expected = (await loadKeras(`${fixtures}${name}.keras`, { customLayers })).weights;
    const topology = `${fixtures}${name}.json`;
    for (const end of [".h5", ".weights.h5", ".keras"]) {
      const { weights } = await loadKeras(`${fixtures}${name}${end}`, { topology, customLayers });
      expect(weights).toEqual(expected);
    }
  });

  test.each(["h5", "keras"] as const)("is saved as %s with the known layers alone", async (format) => {
    const network = await loadKeras(`${fixtures}${name}.h5`, { customLayers });
    const again = await loadKeras(await encodeKerasModel(network, { format }));
    expect(again.frozen).toEqual(["still_convolution", "still_after", "still_scale"]);
    await expectOutputs(again, inputs, outputs, 1e-5);
  });

  test("has the custom layer's name on the layer that gives its value, and before those of the others", async () => {
    const { layers, frozen } = await loadKeras(`${fixtures}${name}.keras`, { customLayers });
    expect(layers.map((each) => `${each.name}${each.weightsOf === undefined ? "" : ` = ${each.weightsOf}`}`)).toEqual([
      "picture",
      "conv",
      "se/pool",
      "se/squeeze",
      "se/excite",
      "se",
      "se_1/pool = se/pool",
      "se_1/squeeze = se/squeeze",
      "se_1/excite = se/excite",
      "se_1 = se",
      ...["res/convolution", "res/after", "res/scale", "res"],
      ...["still/convolution", "still/after", "still/scale", "still"],
      ...["gate/slope", "gate"],
      ...["se_narrow/pool", "se_narrow/squeeze", "se_narrow/excite", "se_narrow"],
      "pool",
      ...["mixer/first", "mixer"],
      ...["inner_mixer/first", "inner_mixer"],
      "out",
    ]);
    expect(frozen).toEqual(["still/convolution", "still/after", "still/scale"]);
  });

  test.each([
    [
      "a layer without a composition",
      { ...customLayers, SqueezeExcite: undefined },
      /"se" .*SqueezeExcite.*customLayers/,
    ],
    ["a composition of other shapes than the file's", override("Mixer", mixerOf(5)), /"mixer"/],
    ["a layer of it that does not take what comes", override("Gate", gateOf("nowhere")), /"gate" \(Gate\).*"nowhere"/],
    ["weights for no layer", override("Gate", extraWeights), /"gate" \(Gate\).*"slope"/],
    ["no function", { ...customLayers, Gate: "Multiply" }, /customLayers.*"Gate"/],
    ["nothing", override("Gate", (() => undefined) as unknown as ComposeLayer), /"gate" \(Gate\).*expected/],
    ["a list in the place of all", ["Gate"], /customLayers.*expected an object/],
    ["no layer among the layers", giving({ layers: [null], output: "a" }), /"gate" \(Gate\).*layers\[0\].*null/],
    [
      "a layer without inputs",
      giving({ layers: [{ className: "Identity", name: "a", config: {} }], output: "a" }),
      /layers\[0\]/,
    ],
    ["a class that JavaScript knows", giving(one("constructor")), /"gate" \(Gate\).*constructor.*not known/],
    ["no output", giving({ ...one("Identity"), output: undefined }), /"gate" \(Gate\).*output/],
    ["no list of weights", giving({ ...one("Identity"), weights: null }), /"gate" \(Gate\).*weights.*null/],
    [
      "weights that are no paths",
      giving({ ...one("Identity"), weights: { a: [{}] } }),
      /"gate" \(Gate\).*weights.*"a"/,
    ],
    [
      "weights that come to nothing",
      override(
        "ScaledResidual",
        converted(() => undefined),
      ),
      /"alpha".*undefined/,
    ],
    ["weights that come to a plain list", override("ScaledResidual", converted(plainList)), /"alpha".*Float32Array/],
    ["no weights where the file has some", override("Mixer", () => one("Identity", "input")), /does not hold.*mixer/],
  ])("is refused with %s", async (_, others, message) => {
    for (const end of [".h5", ".keras"]) {
      await expect(
        loadKeras(`${fixtures}${name}${end}`, { customLayers: others as unknown as CustomLayers }),
      ).rejects.toThrow(message);
    }
  });
});

function override(className: string, compose: ComposeLayer): CustomLayers {
  return { ...customLayers, [className === "Mixer" ? "mine>Mixer" : className]: compose };
}

function giving(composition: unknown): CustomLayers {
  return override("Gate", () => composition as LayerComposition);
}

function one(className: string, input = "input_0"): LayerComposition {
  const only = { ...layer("Identity", "a", [input], {}), className } as LayerComposition["layers"][number];
  return { layers: [only], output: "a" };
}

function converted(convert: () => unknown): ComposeLayer {
  return (custom) => ({
    ...scaledResidual(custom),
    weights: { scale: [{ variable: "alpha", shape: [], convert: convert as () => NdArray<"float32"> }] },
  });
}

const plainList = () => ({ dtype: "float32", shape: [4], data: [1, 2, 3, 4] });

function mixerOf(units: number): ComposeLayer {
  return (custom) => {
    const { layers, ...rest }: LayerComposition = mixer(custom);
    return { ...rest, layers: layers.map((each) => ({ ...each, config: { ...each.config, units } }) as typeof each) };
  };
}

function gateOf(input: string): ComposeLayer {
  return () => ({ layers: [layer("Identity", "same", [input], {})], output: "same" });
}

function extraWeights(custom: Parameters<ComposeLayer>[0]): LayerComposition {
  return { ...gate(custom), weights: { slope: ["alpha"] } };
}
