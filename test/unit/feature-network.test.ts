import { describe, expect, test } from "vitest";
import { featureNetwork } from "../../src/network/feature-network.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network } from "../../src/network/network.js";
import { randomWeights } from "../../src/network/random-weights.js";
import { inferShapes } from "../../src/network/shapes.js";

const convolution = (name: string, input: string, filters: number): Layer => ({
  className: "Conv2D",
  name,
  inputs: [input],
  config: {
    filters,
    kernelSize: [3, 3],
    strides: [2, 2],
    padding: "same",
    dilationRate: [1, 1],
    groups: 1,
    useBias: true,
    activation: "relu",
  },
});

function small(shape: readonly (number | null)[] = [null, null, 3]): Network {
  const topology = {
    name: "small",
    layers: [
      { className: "InputLayer", name: "input", inputs: [], config: { shape, dtype: "float32" } },
      convolution("first", "input", 4),
      convolution("second", "first", 8),
      { className: "GlobalAveragePooling2D", name: "vector", inputs: ["second"], config: { keepdims: false } },
    ] satisfies Layer[],
    inputs: ["input"],
    outputs: ["vector"],
  };
  return { ...topology, weights: randomWeights(topology, 0) };
}

const options = { preprocess: "caffe", imageSize: [16, 20] } as const;

describe("featureNetwork", () => {
  test.each([
    ["avg", [8]],
    ["max", [8]],
    ["flatten", [4 * 5 * 8]],
    ["none", [4, 5, 8]],
  ] as const)("pooling %s gives features of shape %j", (pooling, shape) => {
    const built = featureNetwork(small(), { ...options, layers: ["second"], pooling });
    expect(built.features.map((feature) => feature.shape)).toEqual([shape]);
    expect(inferShapes(built.network).get(built.features[0]?.output as string)).toEqual(shape);
  });

  test("takes uint8 pixels of the size given and prepares them inside", () => {
    const { network } = featureNetwork(small(), { ...options, layers: ["second"] });
    expect(network.layers.slice(0, 2)).toEqual([
      { className: "InputLayer", name: "input", inputs: [], config: { shape: [16, 20, 3], dtype: "uint8" } },
      { className: "PreprocessInput", name: "preprocess_input", inputs: ["input"], config: { mode: "caffe" } },
    ]);
  });

  test("gives several layers in the order asked for and leaves out what none of them needs", () => {
    const { network, features } = featureNetwork(small(), { ...options, layers: ["second", "first"] });
    expect(features.map(({ layer, shape }) => [layer, shape])).toEqual([
      ["second", [8]],
      ["first", [4]],
    ]);
    expect(network.layers.some((layer) => layer.name === "vector")).toBe(false);
  });

  test("averages nothing by default where a layer is a vector already, and refuses to be told to", () => {
    expect(featureNetwork(small(), { ...options, layers: ["vector"] }).features[0]?.output).toBe("vector");
    expect(() => featureNetwork(small(), { ...options, layers: ["vector"], pooling: "max" })).toThrow(
      /needs a layer with height, width and channels, but "vector" gives \[8\]/,
    );
  });

  test("refuses a size that the network was not made for, and says both", () => {
    expect(() => featureNetwork(small([32, 32, 3]), { ...options, layers: ["second"] })).toThrow(
      /takes \[32, 32, 3\], not RGB pictures of \[16, 20, 3\]/,
    );
  });

  test("refuses the input as a layer, and an unknown one by naming a close one", () => {
    expect(() => featureNetwork(small(), { ...options, layers: ["input"] })).toThrow(/is the input of network "small"/);
    expect(() => featureNetwork(small(), { ...options, layers: ["secnd"] })).toThrow(/Did you mean "second"/);
  });
});
