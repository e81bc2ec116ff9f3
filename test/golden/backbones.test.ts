import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { randomWeights } from "../../src/network/random-weights.js";
import { countParameters, summary } from "../../src/network/summary.js";
import { describeLayers, goldenBackbone, readRandomNetworks, readTopologies } from "../support/backbone-goldens.js";

const networks = readTopologies().map((golden) => ({
  golden,
  title: `${golden.name} at ${golden.imageSize.join("x")}, ${golden.includeTop ? "with" : "without"} top`,
}));

describe("has Keras's name, number of layers and of parameters", () => {
  test.each(networks)("$title", ({ golden }) => {
    const topology = goldenBackbone(golden).topology(golden);
    expect(topology.name).toBe(golden.name);
    expect(topology.layers).toHaveLength(golden.layerCount);
    expect(countParameters(topology)).toBe(golden.parameters);
    expect(summary(topology)).toMatch(new RegExp(`^Total params: ${golden.parameters.toLocaleString("en-US")}$`, "m"));
  });
});

describe("has Keras's layer names, kinds, output shapes and weights, in Keras's order", () => {
  test.each(networks.filter(({ golden }) => golden.layers))("$title", ({ golden }) => {
    const rows = describeLayers(goldenBackbone(golden).topology(golden));
    expect(rows.map((row) => row.slice(0, 4))).toEqual(golden.layers);
  });
});

describe("has all of these, and the inputs and settings of each layer, as Keras", () => {
  test.each(networks)("$title", ({ golden }) => {
    const rows = JSON.stringify(describeLayers(goldenBackbone(golden).topology(golden)));
    expect(createHash("sha256").update(rows).digest("hex")).toBe(golden.layersSha256);
  });
});

describe("downloads the file that Keras downloads, with Keras's hash", () => {
  test.each(networks.filter(({ golden }) => golden.weightsFile))("$title", ({ golden }) => {
    const file = goldenBackbone(golden).weightsFile(golden);
    expect({ url: file?.url, fileName: file?.fileName, hash: file?.hash?.hex }).toEqual({
      hash: undefined,
      ...golden.weightsFile,
    });
  });
});

test.each(readRandomNetworks())("random weights of $backbone with seed $seed are numpy's to the last bit", (golden) => {
  const weights = randomWeights(goldenBackbone(golden).topology(golden), golden.seed);
  const hash = createHash("sha256");
  for (const layer of weights.values()) {
    for (const { array } of layer) {
      hash.update(new Uint8Array(array.data.buffer, array.data.byteOffset, array.data.byteLength));
    }
  }
  expect(hash.digest("hex")).toBe(golden.weightsSha256);
});
