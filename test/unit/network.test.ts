import { describe, expect, test } from "vitest";
import { resolveBackbone } from "../../src/backbones/resolve-backbone.js";
import type { NdArray } from "../../src/ndarray.js";
import { cut } from "../../src/network/cut.js";
import type { Network, Weight } from "../../src/network/network.js";
import { randomWeights } from "../../src/network/random-weights.js";
import { countParameters, summary } from "../../src/network/summary.js";
import { validateNetwork } from "../../src/network/validate.js";
import { layer, networkOf } from "../support/layers.js";

const input = layer("InputLayer", "input");
const complete = withWeights(
  networkOf([
    input,
    layer("Conv2D", "conv", ["input"]),
    layer("BatchNormalization", "norm", ["conv"]),
    layer("GlobalAveragePooling2D", "pool", ["norm"]),
    layer("Dense", "dense", ["pool"]),
  ]),
);

describe("validateNetwork", () => {
  test("accepts a network whose graph, shapes and weights fit", () => {
    validateNetwork(complete);
  });

  test.each([
    ["has no layers", networkOf([])],
    ['two layers named "input"', networkOf([input, input])],
    ['Did you mean "input"?', networkOf([input, layer("Flatten", "x", ["inpt"])])],
    ['Its layers are "input", "x"', networkOf([input, layer("Flatten", "x", ["something else"])])],
    ["which stands after it", networkOf([input, layer("Flatten", "x", ["y"]), layer("Flatten", "y", ["input"])])],
    [
      '"x" takes "z" takes "y" takes "x"',
      networkOf([input, layer("Flatten", "x", ["z"]), layer("Flatten", "y", ["x"]), layer("Flatten", "z", ["y"])]),
    ],
    ['"x" takes "x"', networkOf([input, layer("Add", "x", ["input", "x"])])],
    ["has 2 inputs: expected exactly 1", networkOf([input, layer("Flatten", "x", ["input", "input"])])],
    ["has 0 inputs: expected at least 1", networkOf([input, layer("Add", "x", [])])],
    ["has 1 inputs: expected exactly 0", networkOf([input, layer("InputLayer", "x", ["input"])])],
    ['lists "y" in `outputs`', networkOf([input], { outputs: ["y"] })],
    ["has no outputs", networkOf([input], { outputs: [] })],
    ['lists "y" in `inputs`', networkOf([input], { inputs: ["y"] })],
    ["has no inputs", networkOf([input], { inputs: [] })],
    ["lists an input twice", networkOf([input], { inputs: ["input", "input"] })],
    ['the InputLayer "b", which is missing', networkOf([input, layer("InputLayer", "b")], { inputs: ["input"] })],
    [
      "which is a Flatten: expected an InputLayer",
      networkOf([input, layer("Flatten", "x", ["input"])], { inputs: ["input", "x"] }),
    ],
  ])("refuses a network that %s", (message, network) => {
    expect(() => validateNetwork(network)).toThrow(
      expect.objectContaining({ name: "InvalidNetworkError", message: expect.stringContaining(message) }),
    );
  });

  test.each([
    ["that is a Conv2D", "conv"],
    ["has no layer of that name", "nothing"],
    ["does not stand before it", "x"],
  ])("refuses shared weights where %s", (message, weightsOf) => {
    const layers = [...complete.layers, layer("Dense", "x", ["pool"], {}, weightsOf)];
    expect(() => validateNetwork(networkOf(layers))).toThrow(message);
  });

  test("refuses shared weights of a layer that has none of its own", () => {
    const layers = [
      ...complete.layers,
      layer("Dense", "x", ["pool"], {}, "dense"),
      layer("Dense", "y", ["pool"], {}, "x"),
    ];
    expect(() => validateNetwork(networkOf(layers))).toThrow('those of "dense"');
  });

  test.each<readonly [string, string, (weights: readonly Weight[]) => readonly Weight[]]>([
    ['expected ["kernel", "bias"], got ["kernel"]', "conv", ([kernel]) => (kernel ? [kernel] : [])],
    ["got []", "dense", () => []],
    ['expected "kernel" at position 0, got "bias"', "conv", (weights) => weights.toReversed()],
    ["has the shape [3, 3, 3, 5]: expected [3, 3, 3, 4]", "conv", (weights) => reshape(weights, [3, 3, 3, 5])],
    ["has the shape [108]: expected [3, 3, 3, 4]", "conv", (weights) => reshape(weights, [108])],
    ["has 1 values: expected 108", "conv", (weights) => refill(weights, new Float32Array(1))],
    ["is float64: expected float32", "conv", (weights) => asFloat64(weights)],
  ])("refuses weights and names the layer: %s", (message, name, change) => {
    const weights = new Map(complete.weights);
    weights.set(name, change(weights.get(name) ?? []));
    expect(() => validateNetwork({ ...complete, weights })).toThrow(
      expect.objectContaining({ name: "InvalidNetworkError", layer: name, message: expect.stringContaining(message) }),
    );
  });

  test("refuses weights for a layer that does not exist, and for one that shares another's", () => {
    const kernel = complete.weights.get("dense") ?? [];
    expect(() => validateNetwork({ ...complete, weights: new Map([...complete.weights, ["more", kernel]]) })).toThrow(
      '"more"',
    );
    const layers = [...complete.layers, layer("Dense", "x", ["pool"], {}, "dense")];
    const weights = new Map([...complete.weights, ["x", kernel]]);
    expect(() => validateNetwork({ ...complete, layers, weights })).toThrow('It uses those of "dense"');
  });
});

describe("cut", () => {
  test("keeps what the layer needs, with its weights, and nothing else", () => {
    const part = cut(complete, "norm");
    expect(part.layers.map(({ name }) => name)).toEqual(["input", "conv", "norm"]);
    expect([...part.weights.keys()]).toEqual(["conv", "norm"]);
    expect(part.weights.get("conv")).toBe(complete.weights.get("conv"));
    expect(part.outputs).toEqual(["norm"]);
    validateNetwork(part);
  });

  test("keeps several layers as outputs in the order asked for", () => {
    const part = cut(complete, ["pool", "conv"]);
    expect(part.outputs).toEqual(["pool", "conv"]);
    expect(part.layers.map(({ name }) => name)).toEqual(["input", "conv", "norm", "pool"]);
  });

  test("leaves out inputs that are not needed any more", () => {
    const network = networkOf([
      layer("InputLayer", "a"),
      layer("InputLayer", "b"),
      layer("Flatten", "flat", ["b"]),
      layer("Add", "sum", ["a", "b"]),
    ]);
    expect(cut(network, "flat").inputs).toEqual(["b"]);
  });

  test("gives shared weights to the first layer that is left of those that share them", () => {
    const shape = [6];
    const network = withWeights(
      networkOf([
        layer("InputLayer", "a", [], { shape }),
        layer("InputLayer", "b", [], { shape }),
        layer("Dense", "first", ["a"], { units: 6 }),
        layer("Dense", "second", ["b"], { units: 6 }, "first"),
        layer("Dense", "third", ["second"], { units: 6 }, "first"),
      ]),
    );
    const part = cut(network, "third");
    expect(part.layers.map(({ name, weightsOf }) => [name, weightsOf])).toEqual([
      ["b", undefined],
      ["second", undefined],
      ["third", "second"],
    ]);
    expect(part.weights.get("second")).toBe(network.weights.get("first"));
    validateNetwork(part);
  });

  test.each([
    ["norms", 'Did you mean "norm"?'],
    ["Pool", 'Did you mean "pool"?'],
    ["fc1000", 'Its layers are "input", "conv", "norm", "pool", "dense"'],
    [[], "empty"],
    [["pool", "pool"], '"pool" twice'],
  ])("refuses %j with what to do", (layers, message) => {
    expect(() => cut(complete, layers)).toThrow(
      expect.objectContaining({ name: "InvalidArgumentError", message: expect.stringContaining(message) }),
    );
  });

  test("lists only some of very many layers", () => {
    const topology = resolveBackbone("mobilenet").topology({ includeTop: false, imageSize: [32, 32] });
    expect(() => cut({ ...topology, weights: new Map() }, "something else")).toThrow(/74 more/);
  });
});

describe("randomWeights", () => {
  test("are the same for the same seed and others for another", () => {
    const again = randomWeights(complete, 1);
    expect(again).toEqual(complete.weights);
    expect(randomWeights(complete, 2)).not.toEqual(again);
  });

  test("stay within He's limit and fill it", () => {
    const [kernel] = randomWeights(complete, 7).get("conv") ?? [];
    const limit = Math.sqrt(6 / 27);
    const values = [...(kernel?.array.data ?? [])].map(Math.abs);
    expect(Math.max(...values)).toBeLessThanOrEqual(limit);
    expect(Math.max(...values)).toBeGreaterThan(0.9 * limit);
  });

  test.each([-1, 1.5, 2 ** 32, Number.NaN])("refuse the seed %d", (seed) => {
    expect(() => randomWeights(complete, seed)).toThrow("`seed`");
  });
});

test("a summary has every layer with its shape and parameters, and Keras's totals", () => {
  const lines = summary(complete).split("\n");
  expect(lines[0]).toBe('Network: "test"');
  expect(lines.find((line) => line.startsWith("conv (Conv2D)"))).toMatch(/\[null, 8, 8, 4\] +112$/);
  expect(lines.slice(-3)).toEqual(["Total params: 153", "Trainable params: 145", "Non-trainable params: 8"]);
  expect(summary({ ...complete, frozen: ["conv"] })).toMatch(/Trainable params: 33\nNon-trainable params: 120$/);
  expect(countParameters(complete)).toBe(112 + 16 + 25);
});

function withWeights(network: Network): Network {
  return { ...network, weights: randomWeights(network, 1) };
}

function reshape(weights: readonly Weight[], shape: readonly number[]): readonly Weight[] {
  return weights.map((weight, at) => (at === 0 ? { ...weight, array: { ...weight.array, shape } } : weight));
}

function refill(weights: readonly Weight[], data: Float32Array): readonly Weight[] {
  return weights.map((weight, at) => (at === 0 ? { ...weight, array: { ...weight.array, data } } : weight));
}

/** What a caller without types may give. */
function asFloat64(weights: readonly Weight[]): readonly Weight[] {
  return weights.map(({ name, array }) => ({
    name,
    array: { ...array, dtype: "float64" } as unknown as NdArray<"float32">,
  }));
}
