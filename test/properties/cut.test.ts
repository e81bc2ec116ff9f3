import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { cut } from "../../src/network/cut.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network } from "../../src/network/network.js";
import { randomWeights } from "../../src/network/random-weights.js";
import { inferShapes } from "../../src/network/shapes.js";
import { countParameters } from "../../src/network/summary.js";
import { validateNetwork } from "../../src/network/validate.js";
import { weightShapes } from "../../src/network/weight-shapes.js";
import { layer, networkOf } from "../support/layers.js";

/** Networks of any wiring, some of whose Dense layers share weights; every layer keeps the shape. */
const networks: fc.Arbitrary<Network> = fc
  .array(
    fc.record({
      kind: fc.constantFrom("Dense" as const, "Add" as const, "Activation" as const, "BatchNormalization" as const),
      from: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
      shares: fc.option(fc.nat()),
    }),
    { minLength: 1, maxLength: 15 },
  )
  .map((steps) => {
    const layers: Layer[] = ["in0", "in1"].map((name) => layer("InputLayer", name, [], { shape: [4] }));
    const owners: string[] = [];
    for (const [index, { kind, from, shares }] of steps.entries()) {
      const name = `x${index}`;
      const sources = from.map((each) => layers[each % layers.length]?.name ?? "");
      const inputs = kind === "Add" ? sources : sources.slice(0, 1);
      const owner = kind === "Dense" && shares !== null ? owners[shares % Math.max(1, owners.length)] : undefined;
      if (kind === "Dense" && owner === undefined) owners.push(name);
      layers.push(layer(kind, name, inputs, kind === "Dense" ? { units: 4 } : {}, owner));
    }
    const topology = networkOf(layers);
    return { ...topology, weights: randomWeights(topology, 1) };
  });

test.prop([networks, fc.nat()])("a part cut out of any network is valid and computes the same", (network, choice) => {
  const name = network.layers[choice % network.layers.length]?.name ?? "";
  const part = cut(network, name);
  validateNetwork(part);

  const shapes = inferShapes(network);
  for (const [kept, shape] of inferShapes(part)) expect(shape).toEqual(shapes.get(kept));
  // Every layer that is left is needed, takes what it took, and has the very weights it had.
  const needed = new Set([name]);
  for (const each of part.layers.toReversed()) {
    expect(needed).toContain(each.name);
    for (const input of each.inputs) needed.add(input);
  }
  for (const each of part.layers) {
    const original = network.layers.find((candidate) => candidate.name === each.name);
    expect(each.inputs).toEqual(original?.inputs);
    expect(part.weights.get(each.weightsOf ?? each.name)).toBe(
      network.weights.get(original?.weightsOf ?? original?.name ?? ""),
    );
  }
  expect([...part.weights.keys()]).toEqual([...weightShapes(part).keys()]);
  expect(countParameters(part)).toBeLessThanOrEqual(countParameters(network));
  expect(cut(part, name)).toEqual(part);
});
