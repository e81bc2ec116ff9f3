import { describe, expect, test } from "vitest";
import { auto, autoTrainable } from "../../src/backends/auto.js";
import type { Backend } from "../../src/backends/backend.js";
import type { GradientBackend } from "../../src/backends/gradient-backend.js";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { TrainableBackend } from "../../src/backends/trainable-backend.js";
import { headNetwork } from "../support/head-network.js";
import { headTraining } from "../support/head-training.js";

const invalid = (message: RegExp) => ({ name: "InvalidArgumentError", message: expect.stringMatching(message) });
const { network, xs, ys } = headNetwork();

describe.each<[string, () => Backend]>([
  ["onnx", onnx],
  ["tfjs-wasm", tfjsWasm],
  ["auto", auto],
])("load of %s", (_, backend) => {
  test.each<[string, unknown, RegExp]>([
    ["null", null, /`options` of `load` are null: expected an object/],
    ["a list", ["hidden"], /`options` of `load` are \["hidden"\]: expected an object/],
    [
      "an option that there is none of",
      { output: ["hidden"] },
      /`load` has no option `output`. Did you mean `outputs`/,
    ],
  ])("refuses %s as options", async (_, options, message) => {
    await expect(backend().load(network, options as never)).rejects.toMatchObject(invalid(message));
  });
});

describe.each<[string, () => GradientBackend]>([
  ["onnx", onnx],
  ["tfjs-wasm", tfjsWasm],
  ["auto", auto],
])("inputGradient of %s", (_, backend) => {
  test.each<[string, readonly unknown[], RegExp]>([
    ["the promise of a network", [Promise.resolve(network), [xs], ys], /`network` is an object \(Promise\).*Await/],
    ["no seed", [network, [xs]], /`seed` is undefined: expected the gradient/],
    ["null as options", [network, [xs], ys, null], /`options` of `inputGradient` are null: expected an object/],
  ])("refuses %s", async (_, given, message) => {
    const one = backend();
    const inputGradient = one.inputGradient.bind(one) as (...all: readonly unknown[]) => Promise<unknown>;
    await expect(inputGradient(...given)).rejects.toMatchObject(invalid(message));
  });
});

describe.each<[string, () => TrainableBackend]>([
  ["onnx", onnx],
  ["tfjs-wasm", tfjsWasm],
  ["autoTrainable", autoTrainable],
])("training on %s", (_, backend) => {
  test.each<[string, unknown, RegExp]>([
    ["no options", undefined, /`options` of `loadForTraining` are undefined: expected an object/],
    ["null as options", null, /`options` of `loadForTraining` are null: expected an object/],
    ["an option that there is none of", { ...headTraining, L2: 1 }, /`loadForTraining` has no option `L2`/],
    [
      "no optimizer",
      { ...headTraining, optimizer: undefined },
      /`optimizer` is undefined: expected its name and settings/,
    ],
    [
      "the name of an optimizer alone",
      { ...headTraining, optimizer: "adam" },
      /`optimizer` is "adam": expected its name and/,
    ],
    ["null as clipping", { ...headTraining, clipping: null }, /`clipping` is null: expected one way of clipping/],
    ["layers that are no Map", { ...headTraining, layers: { hidden: {} } }, /`layers` is {.*}: expected a Map/],
  ])("refuses %s", async (_, options, message) => {
    await expect(backend().loadForTraining(network, options as never)).rejects.toMatchObject(invalid(message));
  });

  test("refuses a step without a batch or targets, and goes on", async () => {
    const head = await backend().loadForTraining(network, headTraining);
    await expect(head.step(undefined as never, ys)).rejects.toMatchObject(
      invalid(/`xs` is undefined: expected a batch/),
    );
    await expect(head.step(xs, null as never)).rejects.toMatchObject(invalid(/`ys` is null: expected the targets/));
    expect((await head.step(xs, ys)).loss).toBeGreaterThan(0);
    await head.dispose();
  });
});
