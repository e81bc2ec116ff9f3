import { describe, expect, test } from "vitest";
import { withKerasLayers } from "../../src/keras/keras-layers.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network } from "../../src/network/network.js";
import { layer, networkOf } from "../support/layers.js";

const input = layer("InputLayer", "in", [], { shape: [4, 4, 3] });
const other = layer("InputLayer", "other", [], { shape: [4, 4, 3] });

/** Class, name and inputs of each layer but the entries. */
function graph({ layers }: Network): readonly string[] {
  return layers
    .filter(({ className }) => className !== "InputLayer")
    .map(({ className, name, inputs }) => `${className} ${name} <- ${inputs.join(", ")}`);
}

function configOf({ layers }: Network, name: string): Layer["config"] | undefined {
  return layers.find((each) => each.name === name)?.config;
}

describe("withKerasLayers", () => {
  test("gives back a network of layers that Keras finds, the very same", () => {
    const network = networkOf([
      input,
      layer("Conv2D", "conv", ["in"], { activation: "relu" }),
      layer("LeakyReLU", "leaky", ["conv"]),
    ]);
    expect(withKerasLayers(network)).toBe(network);
  });

  test.each([
    ["hard_sigmoid", 1 / 6],
    ["keras2_hard_sigmoid", 0.2],
  ] as const)("makes of the activation %s a line with the slope %f, cut off at 0 and 1", (activation, scale) => {
    const network = withKerasLayers(networkOf([input, layer("Activation", "x", ["in"], { activation })]));
    expect(graph(network)).toEqual(["Rescaling x_scaled <- in", "ReLU x <- x_scaled"]);
    expect(configOf(network, "x_scaled")).toEqual({ scale, offset: 0.5 });
    expect(configOf(network, "x")).toEqual({ maxValue: 1, negativeSlope: 0, threshold: 0 });
    expect(network.outputs).toEqual(["x"]);
  });

  test("puts a layer's own activation behind it, and what took its value takes the activation's", () => {
    const array = { dtype: "float32", shape: [5], data: new Float32Array(5) } as const;
    const weights = new Map([["dense", [{ name: "bias", array }]]]);
    const activation = { name: "leaky_relu", negativeSlope: 0.25 } as const;
    const layers = [
      input,
      layer("Dense", "dense", ["in"], { activation }),
      layer("Dense", "next", ["dense"]),
      layer("Add", "sum", ["dense", "next"]),
    ];
    const network = withKerasLayers(networkOf(layers, { outputs: ["sum", "dense"], weights }));
    expect(graph(network)).toEqual([
      "Dense dense <- in",
      "LeakyReLU dense_activation <- dense",
      "Dense next <- dense_activation",
      "Add sum <- dense_activation, next",
    ]);
    expect(configOf(network, "dense")).toMatchObject({ units: 5, activation: "linear" });
    expect(configOf(network, "dense_activation")).toEqual({ negativeSlope: 0.25 });
    expect(network.outputs).toEqual(["sum", "dense_activation"]);
    expect(network.weights).toEqual(weights);
  });

  test("keeps the owner of the weights where a layer with such an activation is applied twice", () => {
    const activation = "hard_sigmoid";
    const network = withKerasLayers(
      networkOf([
        input,
        layer("Dense", "a", ["in"], { units: 3, activation }),
        layer("Dense", "b", ["a"], { units: 3, activation }, "a"),
      ]),
    );
    expect(graph(network).filter((line) => line.startsWith("Dense"))).toEqual([
      "Dense a <- in",
      "Dense b <- a_activation",
    ]);
    expect(network.layers.find(({ name }) => name === "b")?.weightsOf).toBe("a");
    expect(network.layers.filter(({ weightsOf }) => weightsOf !== undefined)).toHaveLength(1);
  });

  test("takes a name that no layer has", () => {
    const activation = { name: "leaky_relu", negativeSlope: 0.25 } as const;
    const taken = layer("ReLU", "x_activation", ["in"]);
    const network = withKerasLayers(networkOf([input, taken, layer("Dense", "x", ["x_activation"], { activation })]));
    expect(network.outputs).toEqual(["x_activation_"]);
  });

  test("makes of a CustomScaleLayer the sum of its first input and its scaled second one", () => {
    const network = withKerasLayers(
      networkOf([input, other, layer("CustomScaleLayer", "x", ["in", "other"], { scale: 0.25 })]),
    );
    expect(graph(network)).toEqual(["Rescaling x_scaled <- other", "Add x <- in, x_scaled"]);
    expect(configOf(network, "x_scaled")).toEqual({ scale: 0.25, offset: 0 });
  });

  test("makes of a LayerScale a depthwise convolution, whose kernel is gamma", () => {
    const array = { dtype: "float32", shape: [3], data: Float32Array.of(1, 2, 3) } as const;
    const weights = new Map([["x", [{ name: "gamma", array }]]]);
    const original = networkOf([input, layer("LayerScale", "x", ["in"])], { weights });
    const network = withKerasLayers(original);
    expect(graph(network)).toEqual(["DepthwiseConv2D x <- in"]);
    expect(configOf(network, "x")).toMatchObject({ kernelSize: [1, 1], useBias: false, activation: "linear" });
    expect(network.weights.get("x")).toEqual([{ name: "kernel", array: { ...array, shape: [1, 1, 3, 1] } }]);
    expect(original.weights.get("x")?.[0]?.array.shape).toEqual([3]);
  });

  test.each(["RandomHeight", "RandomWidth"] as const)("makes of a %s an Identity", (className) => {
    const network = withKerasLayers(networkOf([input, layer(className, "x", ["in"])]));
    expect(graph(network)).toEqual(["Identity x <- in"]);
  });
});
