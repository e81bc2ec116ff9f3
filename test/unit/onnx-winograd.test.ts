import { describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { trainingGraph } from "../../src/backends/onnx/training/training-graph.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { TrainableBackend } from "../../src/backends/trainable-backend.js";
import { planTraining } from "../../src/backends/training/training-plan.js";
import type { NdArray } from "../../src/ndarray.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network, Topology } from "../../src/network/network.js";
import { randomWeights } from "../../src/network/random-weights.js";
import { createRandom } from "../../src/random.js";
import { headTraining } from "../support/head-training.js";
import { layerDefaults } from "../support/layers.js";

type Convolution = Layer<"Conv2D">;

function convolution(name: string, input: string, config: Partial<Convolution["config"]> = {}): Convolution {
  return { className: "Conv2D", name, inputs: [input], config: { ...layerDefaults.Conv2D, filters: 9, ...config } };
}

/** Layers between images and a softmax. */
function networkOf(image: readonly (number | null)[], layers: readonly Layer[]): Network {
  const all: readonly Layer[] = [
    { className: "InputLayer", name: "image", inputs: [], config: { shape: image, dtype: "float32" } },
    ...layers,
    {
      className: "GlobalAveragePooling2D",
      name: "average",
      inputs: [layers.at(-1)?.name ?? ""],
      config: { keepdims: false },
    },
    {
      className: "Dense",
      name: "predictions",
      inputs: ["average"],
      config: { units: 3, useBias: true, activation: "softmax" },
    },
  ];
  const topology: Topology = { name: "wide", layers: all, inputs: ["image"], outputs: ["predictions"] };
  return { ...topology, weights: randomWeights(topology, 3) };
}

/** The operators of a step of training, gradients included. */
function operators(network: Network, layers?: ReadonlyMap<string, { readonly trainable: boolean }>): readonly string[] {
  const options = { ...headTraining, layers };
  const plan = planTraining({ name: "onnx", differentiatesResizing: true }, network, options);
  return trainingGraph(plan, options).graph.nodes.map(({ operator }) => operator);
}

function batch(
  rows: number,
  image: readonly number[],
  seed: number,
): readonly [NdArray<"float32">, NdArray<"float32">] {
  const random = createRandom(seed);
  const length = image.reduce((product, size) => product * size, rows);
  const ys = new Float32Array(rows * 3);
  for (let row = 0; row < rows; row++) ys[row * 3 + random.integerBelow(3)] = 1;
  return [
    {
      dtype: "float32",
      shape: [rows, ...image],
      data: Float32Array.from({ length }, () => random.double() * 2 - 1),
    },
    { dtype: "float32", shape: [rows, 3], data: ys },
  ];
}

describe("a trained convolution on onnx", () => {
  test.each<[string, readonly (number | null)[], Partial<Convolution["config"]>]>([
    ["of 3x3, padded", [9, 8, 8], {}],
    ["of 3x3, not padded", [3, 5, 8], { padding: "valid" }],
    ["of the largest images", [32, 32, 8], {}],
  ])("is computed by Winograd's method: %s", (_, image, config) => {
    const found = operators(networkOf(image, [convolution("first", "image", config), convolution("second", "first")]));
    expect(found).not.toContain("Conv");
    expect(found).not.toContain("ConvTranspose");
  });

  test.each<[string, readonly (number | null)[], Partial<Convolution["config"]>]>([
    ["of 1x1", [9, 8, 8], { kernelSize: [1, 1] }],
    ["of 5x3", [9, 8, 8], { kernelSize: [5, 3] }],
    ["with strides", [9, 8, 8], { strides: [1, 2] }],
    ["dilated", [9, 8, 8], { dilationRate: [2, 2] }],
    ["in groups", [9, 8, 18], { groups: 9 }],
    ["of few channels", [9, 8, 7], {}],
    ["to few filters", [9, 8, 8], { filters: 7 }],
    ["of larger images", [32, 33, 8], {}],
    ["of lines of pixels, whose transform would be the longest part", [1, 256, 8], {}],
  ])("is one of ONNX's: %s", (_, image, config) => {
    expect(operators(networkOf(image, [convolution("first", "image", config)]))).toContain("Conv");
  });

  test("of images of unknown size is refused, as its gradients need to know it", () => {
    const network = networkOf([null, null, 8], [convolution("first", "image")]);
    expect(() => operators(network)).toThrow(/layer "first".*gradient of Conv needs pictures of a known size/);
  });

  test("is one of ONNX's where its kernel stands still, which ONNX Runtime reorders once", () => {
    const network = networkOf([9, 8, 8], [convolution("first", "image"), convolution("second", "first")]);
    const found = operators(network, new Map([["second", { trainable: false }]]));
    expect(found.filter((operator) => operator === "Conv")).toHaveLength(1);
  });
});

const cases: readonly (readonly [string, readonly number[], readonly Layer[]])[] = [
  [
    "in a row, over even and odd sizes and numbers of channels",
    [9, 8, 8],
    [
      convolution("first", "image", { filters: 11, activation: "relu" }),
      convolution("second", "first", { filters: 13, padding: "valid", useBias: false }),
      convolution("third", "second", { filters: 10, padding: "valid" }),
      convolution("fourth", "third", { filters: 12 }),
    ],
  ],
  [
    "of many channels",
    [7, 7, 96],
    [
      convolution("first", "image", { filters: 160, activation: "relu" }),
      convolution("second", "first", { filters: 96, useBias: false }),
    ],
  ],
  [
    "over images that are smaller than a square",
    [3, 4, 8],
    [
      convolution("first", "image", { filters: 12 }),
      convolution("second", "first", { filters: 12, padding: "valid" }),
      convolution("third", "second", { filters: 9 }),
    ],
  ],
  [
    "between convolutions of other kinds",
    [10, 9, 8],
    [
      convolution("first", "image", { filters: 12 }),
      convolution("strided", "first", { filters: 12, strides: [2, 2] }),
      convolution("third", "strided", { filters: 12 }),
      convolution("grouped", "third", { filters: 12, groups: 3 }),
      convolution("fifth", "grouped", { filters: 12 }),
      convolution("dilated", "fifth", { filters: 12, dilationRate: [2, 2] }),
      convolution("seventh", "dilated", { filters: 8 }),
    ],
  ],
  [
    "with one kernel for several layers, of which one is no such convolution",
    [8, 8, 9],
    [
      convolution("first", "image"),
      { ...convolution("again", "first"), weightsOf: "first" },
      { ...convolution("strided", "again", { strides: [2, 2] }), weightsOf: "first" },
      { ...convolution("last", "strided"), weightsOf: "first" },
    ],
  ],
];

// Compared with tfjs's plain backend, the numbers are as near as those of ONNX's Conv. tfjs-wasm, which is quick, sums the gradients
// of biases less exactly: the network with many of them has none below its end.
describe("convolutions by Winograd's method train to the weights of tfjs-wasm, 30 steps, the last batch a short one", () => {
  test.each(cases)("%s", async (_, image, layers) => {
    const network = networkOf(image, layers);
    const optimizer = { name: "sgd", learningRate: 0.005, momentum: 0.9, nesterov: false } as const;
    const train = async (backend: TrainableBackend) => {
      const trained = await backend.loadForTraining(network, { ...headTraining, optimizer, l2: 0.001 });
      let loss = 0;
      for (let step = 0; step < 30; step++)
        ({ loss } = await trained.step(...batch(step % 5 === 4 ? 3 : 6, image, step)));
      const [outputs] = await trained.run([batch(5, image, 99)[0]]);
      const weights = [...(await trained.readWeights()).values()].flat();
      await trained.dispose();
      return { loss, arrays: [outputs as NdArray<"float32">, ...weights.map(({ array }) => array)] };
    };
    const [expected, actual] = [await train(tfjsWasm()), await train(onnx())];
    expect(Math.abs(actual.loss - expected.loss) / expected.loss).toBeLessThan(1e-5);
    expect(actual.arrays).toHaveLength(expected.arrays.length);
    for (const [at, { shape, data }] of expected.arrays.entries()) {
      const other = actual.arrays[at] as NdArray<"float32">;
      expect(other.shape).toEqual(shape);
      const greatest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const error = data.reduce((most, value, i) => Math.max(most, Math.abs(value - (other.data[i] as number))), 0);
      expect(error / greatest, `array ${at} of shape ${shape.join("x")}`).toBeLessThan(1e-5);
    }
  });

  test("goes on from a state, and from weights that are set, as if it had not stopped", async () => {
    const [, image, layers] = cases[0] as (typeof cases)[number];
    const network = networkOf(image, layers);
    const load = () => onnx().loadForTraining(network, headTraining);
    const [one, other] = [await load(), await load()];
    const [first, second] = [batch(6, image, 1), batch(6, image, 2)];
    await one.step(...first);
    await other.setState(await one.readState());
    expect(await other.step(...second)).toEqual(await one.step(...second));
    expect(await other.readWeights()).toEqual(await one.readWeights());
    await other.setWeights(await one.readWeights());
    expect(await other.run([first[0]])).toEqual(await one.run([first[0]]));
    await Promise.all([one.dispose(), other.dispose()]);
  });
});
