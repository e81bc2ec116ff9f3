import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { randomWeights } from "../../src/network/random-weights.js";
import { inferShapes } from "../../src/network/shapes.js";
import { countParameters } from "../../src/network/summary.js";
import { weightShapes } from "../../src/network/weight-shapes.js";
import { goldenBackbone, readRandomNetworks, readTopologies } from "../support/backbone-goldens.js";

describe.each(readTopologies().map((golden) => ({ golden, size: golden.imageSize.join("x") })))(
  "$golden.name at $size with top: $golden.includeTop",
  ({ golden }) => {
    const topology = goldenBackbone(golden).topology(golden);

    test("has Keras's name, layer names, kinds and output shapes, in Keras's order", () => {
      const shapes = inferShapes(topology);
      expect(topology.name).toBe(golden.name);
      expect(topology.layers.map((layer) => [layer.name, layer.className, shapes.get(layer.name)])).toEqual(
        golden.layers.map(([name, className, shape]) => [name, className, shape]),
      );
    });

    test("has Keras's weights and number of parameters", () => {
      const needed = weightShapes(topology);
      for (const [layer, , , weights] of golden.layers) {
        expect(needed.get(layer) ?? [], layer).toEqual(weights.map(([name, shape]) => ({ name, shape })));
      }
      expect(countParameters(topology)).toBe(golden.parameters);
    });
  },
);

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
