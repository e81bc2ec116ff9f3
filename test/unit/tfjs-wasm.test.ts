import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { isCnnTransferError } from "../../src/errors.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network, Weight } from "../../src/network/network.js";
import { createRandom } from "../../src/random.js";
import { headNetwork } from "../support/head-network.js";
import { headTraining } from "../support/head-training.js";

const is = (words: readonly string[]) => (error: unknown) =>
  isCnnTransferError(error, "UnsupportedError") && words.every((word) => error.message.includes(word));

describe("the matrix product of tfjs-wasm", () => {
  beforeAll(async () => {
    await tfjsCpu().init();
    await tfjsWasm().init();
    // Again, which must not wrap the kernel once more.
    await tfjsWasm().init();
  });

  test.each([
    { a: [5, 7], b: [7, 3], transposeA: false, transposeB: false },
    { a: [7, 5], b: [7, 3], transposeA: true, transposeB: false },
    { a: [5, 7], b: [3, 7], transposeA: false, transposeB: true },
    { a: [7, 5], b: [3, 7], transposeA: true, transposeB: true },
    { a: [1, 7, 5], b: [7, 3], transposeA: true, transposeB: false },
    { a: [2, 7, 5], b: [2, 3, 7], transposeA: true, transposeB: true },
    { a: [300, 64], b: [300, 33], transposeA: true, transposeB: false },
    // Large enough for the product of ours; with rows, columns and depths that do not fill its blocks, and with several blocks.
    { a: [32, 1024], b: [1024, 64], transposeA: false, transposeB: false },
    { a: [131, 517], b: [517, 67], transposeA: false, transposeB: false },
    { a: [517, 131], b: [517, 67], transposeA: true, transposeB: false },
    { a: [131, 517], b: [67, 517], transposeA: false, transposeB: true },
    { a: [517, 131], b: [67, 517], transposeA: true, transposeB: true },
    { a: [1, 3, 700], b: [1, 700, 1030], transposeA: false, transposeB: false },
    { a: [2, 700], b: [1, 1030, 700], transposeA: false, transposeB: true },
    { a: [1, 1300], b: [1300, 1025], transposeA: false, transposeB: false },
    { a: [1030, 1030], b: [1030, 1], transposeA: true, transposeB: false },
    { a: [301, 13], b: [302, 13], transposeA: false, transposeB: true },
  ])("equals that of plain JavaScript for $a, $b, transposed $transposeA, $transposeB", async (shapes) => {
    const results = [];
    for (const backend of ["wasm", "cpu"]) {
      await tf.setBackend(backend);
      const before = tf.memory().numTensors;
      const random = createRandom(1);
      const make = (shape: readonly number[]) =>
        tf.tensor(
          Float32Array.from({ length: shape.reduce((x, y) => x * y, 1) }, () => random.double() - 0.5),
          [...shape],
        );
      const a = make(shapes.a);
      const b = make(shapes.b);
      const product = tf.matMul(a, b, shapes.transposeA, shapes.transposeB);
      results.push({ shape: product.shape, data: product.dataSync() });
      tf.dispose([a, b, product]);
      expect(tf.memory().numTensors).toBe(before);
    }
    const [wasm, cpu] = results as [(typeof results)[number], (typeof results)[number]];
    expect(wasm.shape).toEqual(cpu.shape);
    const scale = Math.max(...cpu.data.map(Math.abs));
    expect(Math.max(...cpu.data.map((value, i) => Math.abs(value - (wasm.data[i] as number)))) / scale).toBeLessThan(
      1e-6,
    );
  });
});

describe("the memory of tfjs-wasm, which ends without an error, is not filled to the end", () => {
  // Zeros that are never touched take no memory until they are copied.
  const huge = zeroNetwork(20_000, 21_000);

  test("by loading: the message has the sum, the limit and what to do", async () => {
    const backend = tfjsWasm();
    await backend.init();
    const before = tf.memory().numTensors;
    await expect(backend.load(huge)).rejects.toSatisfy(is(["weights, held twice 3205 MB", "3072 MB", "onnx()"]));
    await expect(backend.loadForTraining(huge, headTraining)).rejects.toSatisfy(
      is(["gradients 1603 MB", "the optimizer's running values 3205 MB", "3072 MB", "tfjsNode()"]),
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  test("by a batch: the next smaller batch still runs", async () => {
    const layers: readonly Layer[] = [
      { className: "InputLayer", name: "x", inputs: [], config: { shape: [2, 2, 1], dtype: "float32" } },
      {
        className: "ZeroPadding2D",
        name: "wide",
        inputs: ["x"],
        config: {
          padding: [
            [0, 4999],
            [4999, 0],
          ],
        },
      },
      { className: "GlobalMaxPooling2D", name: "y", inputs: ["wide"], config: { keepdims: false } },
    ];
    const loaded = await tfjsWasm().load({ name: "wide", layers, inputs: ["x"], outputs: ["y"], weights: new Map() });
    const batch = (rows: number) =>
      ({ dtype: "float32", shape: [rows, 2, 2, 1], data: new Float32Array(rows * 4).fill(3) }) as const;
    await expect(loaded.run([batch(40)])).rejects.toSatisfy(is(["batch of 40", "activations", "3072 MB", "smaller"]));
    const [result] = await loaded.run([batch(1)]);
    expect([...(result?.data ?? [])]).toEqual([3]);
    await loaded.dispose();
  });

  test("and what is disposed of is free again", async () => {
    const network = zeroNetwork(20_000, 6_000);
    const backend = tfjsWasm();
    // Each takes 460 MB, held twice; four of them at once would be too many.
    for (let i = 0; i < 4; i++) {
      const loaded = await backend.load(network);
      await loaded.dispose();
    }
  });
});

function zeroNetwork(features: number, hidden: number): Network {
  const { network } = headNetwork({ features: 1, hidden });
  const layers = network.layers.map((layer) =>
    layer.name === "features" ? ({ ...layer, config: { ...layer.config, shape: [features] } } as Layer) : layer,
  );
  const kernel = { name: "kernel", array: zeros([features, hidden]) };
  const weights = [...network.weights].map(([name, own]): [string, readonly Weight[]] => [
    name,
    name === "hidden" ? [kernel, ...own.slice(1)] : own,
  ]);
  return { ...network, layers, weights: new Map(weights) };
}

function zeros(shape: readonly number[]) {
  return { dtype: "float32", shape, data: new Float32Array(shape.reduce((x, y) => x * y, 1)) } as const;
}
