import { expect, test } from "vitest";
import { createNetwork } from "../../src/backbones/create-network.js";
import { withKerasNames } from "../../src/keras/keras-names.js";
import { validateNetwork } from "../../src/network/validate.js";

test("slashes become underscores everywhere a layer is named, and nothing else changes", async () => {
  const network = await createNetwork("squeezenet", { weights: "random", imageSize: [64, 64] });
  const renamed = withKerasNames(network);
  validateNetwork(renamed);
  const expected = network.layers.map(({ name }) => name.replaceAll("/", "_"));
  expect(renamed.layers.map(({ name }) => name)).toEqual(expected);
  expect(renamed.outputs).toEqual(["fire9_concat"]);
  expect(renamed.weights.get("fire2_squeeze1x1")).toBe(network.weights.get("fire2/squeeze1x1"));
});

test("two layers whose names would become one keep names of their own", () => {
  const input = (name: string) => ({
    className: "InputLayer" as const,
    name,
    inputs: [],
    config: { shape: [1], dtype: "float32" as const },
  });
  const names = ["a_b", "a/b", "a_b_"];
  const network = { name: "n", layers: names.map(input), inputs: names, outputs: names, weights: new Map() };
  expect(withKerasNames(network).layers.map(({ name }) => name)).toEqual(["a_b", "a_b__", "a_b_"]);
});

test("a network without slashes is given back as it is", async () => {
  const network = await createNetwork("mobilenet", { weights: "random", imageSize: [32, 32] });
  expect(withKerasNames(network)).toBe(network);
});
