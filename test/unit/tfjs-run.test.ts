import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { NdArray } from "../../src/ndarray.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network, Topology } from "../../src/network/network.js";
import { randomWeights } from "../../src/network/random-weights.js";
import { layer } from "../support/layers.js";

const depth = 8;
const size = 48;

test("a long run is stopped between two layers, frees what it held, and lets timers tick on the way", async () => {
  const backend = tfjsCpu();
  await backend.init();
  const loaded = await backend.load(deepNetwork());
  const before = tf.memory().numTensors;
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
  }, 1);
  const start = performance.now();
  await loaded.run([batch()]);
  const whole = performance.now() - start;
  clearInterval(timer);
  // A turn ends with the first layer that ends more than 50 ms after its begin.
  const turns = whole / (50 + whole / depth);
  expect(turns).toBeGreaterThan(2);
  expect(ticks).toBeGreaterThanOrEqual(Math.floor(turns) - 1);

  const controller = new AbortController();
  const reason = new Error("enough");
  const restart = performance.now();
  setTimeout(() => controller.abort(reason), 1);
  const [first, second] = await Promise.allSettled([
    loaded.run([batch()], { signal: controller.signal }),
    loaded.run([batch()], { signal: controller.signal }),
  ]);
  expect(first).toEqual({ status: "rejected", reason });
  expect(second).toEqual({ status: "rejected", reason });
  expect(performance.now() - restart).toBeLessThan(whole);
  expect(tf.memory().numTensors).toBe(before);
  const [result] = await loaded.run([batch()]);
  expect(result?.shape).toEqual([1, 48]);
  await loaded.dispose();
});

test("values are freed after their last use, so that a deep network holds a few of them at a time", async () => {
  const backend = tfjsWasm();
  await backend.init();
  const loaded = await backend.load(deepNetwork());
  const before = tf.memory().numTensors;
  const most = { count: 0 };
  const stock = tf.getKernel("FusedConv2D", "wasm");
  tf.unregisterKernel("FusedConv2D", "wasm");
  tf.registerKernel({
    ...stock,
    kernelFunc: (call) => {
      most.count = Math.max(most.count, tf.memory().numTensors - before);
      return stock.kernelFunc(call);
    },
  });
  await loaded.run([batch()]);
  tf.unregisterKernel("FusedConv2D", "wasm");
  tf.registerKernel(stock);
  expect(most.count).toBeGreaterThan(0);
  expect(most.count).toBeLessThanOrEqual(4);
  expect(tf.memory().numTensors).toBe(before);
  await loaded.dispose();
});

function batch(): NdArray<"float32"> {
  return { dtype: "float32", shape: [1, size, size, 48], data: new Float32Array(size * size * 48).fill(0.5) };
}

function deepNetwork(): Network {
  const layers: Layer[] = [
    { className: "InputLayer", name: "x", inputs: [], config: { shape: [size, size, 48], dtype: "float32" } },
  ];
  for (let i = 0; i < depth; i++) {
    const settings = { filters: 48, activation: "relu" } as const;
    layers.push(layer("Conv2D", `conv_${i}`, [layers[i]?.name ?? ""], settings));
  }
  const last = layers.at(-1)?.name ?? "";
  layers.push({ className: "GlobalMaxPooling2D", name: "y", inputs: [last], config: { keepdims: false } });
  const topology: Topology = { name: "deep", layers, inputs: ["x"], outputs: ["y"] };
  return { ...topology, weights: randomWeights(topology, 1) };
}
