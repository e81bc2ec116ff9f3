import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import { beginWatched, watchDevice } from "../../src/backends/tfjs/device-failures.js";
import { createWebgpuBackend, type Gpu } from "../../src/backends/tfjs/webgpu-backend.js";
import { isCnnTransferError } from "../../src/errors.js";
import type { Network } from "../../src/network/network.js";
import { headNetwork } from "../support/head-network.js";
import { headTraining } from "../support/head-training.js";
import { layer, networkOf } from "../support/layers.js";
import { anyWebgpu, webgpuHint, webgpuStarts } from "../support/webgpu.js";

describe("where WebGPU is not to be had, the error says what to do", () => {
  const start = (adapter: object | null, allowFallbackAdapter = false) =>
    createWebgpuBackend(
      {
        open: async () => ({ requestAdapter: async () => adapter }) as Gpu,
        beforeStart: () => () => undefined,
      },
      { allowFallbackAdapter },
    ).init();

  test.each([
    ["no adapter", null, /finds no adapter.*tfjsWasm/],
    ["a fallback adapter", { info: { isFallbackAdapter: true } }, /fallback adapter.*allowFallbackAdapter: true/],
    ["one of an older browser", { isFallbackAdapter: true }, /fallback adapter.*allowFallbackAdapter: true/],
  ])("%s", async (_, adapter, message) => {
    await expect(start(adapter)).rejects.toSatisfy(
      (error) => isCnnTransferError(error, "BackendUnavailableError") && message.test(error.message),
    );
  });
});

test("a device that is lost is a failure of the work under way", async () => {
  let lose: (info: { message: string }) => void = () => undefined;
  const failures = watchDevice({
    lost: new Promise((resolve) => {
      lose = resolve;
    }),
    pushErrorScope: () => undefined,
    popErrorScope: async () => null,
  });
  const refuseFailed = beginWatched({ tf, name: "tfjs-webgpu", backend: "webgpu", failures });
  failures.during(() => undefined);
  await refuseFailed();
  lose({ message: "unplugged" });
  await Promise.resolve();
  await expect(refuseFailed()).rejects.toThrow(/lost.*unplugged/);
});

describe.runIf(webgpuStarts)(
  `what fails on the device is an error, though WebGPU goes on with zeros${webgpuHint}`,
  () => {
    test("a batch beyond the memory: BackendError, nothing held", async () => {
      const padding = {
        padding: [
          [9000, 9000],
          [9000, 9000],
        ],
      } as never;
      const network: Network = networkOf([
        layer("InputLayer", "x", [], { shape: [1, 1, 1] }),
        layer("ZeroPadding2D", "wide", ["x"], padding),
        layer("GlobalMaxPooling2D", "y", ["wide"]),
      ]);
      const loaded = await anyWebgpu().load(network);
      const before = tf.memory().numTensors;
      const batch = (rows: number) =>
        ({ dtype: "float32", shape: [rows, 1, 1, 1], data: new Float32Array(rows).fill(2) }) as const;
      await expect(loaded.run([batch(4)])).rejects.toSatisfy(
        (error) => isCnnTransferError(error, "BackendError") && /the GPU reports.*smaller batches/.test(error.message),
      );
      expect(tf.memory().numTensors).toBe(before);
      await loaded.dispose();
    });

    test("a step that fails leaves weights and running values as they were", async () => {
      const { network, xs, ys } = headNetwork();
      const head = await anyWebgpu().loadForTraining(network, headTraining);
      await head.step(xs, ys);
      const state = await head.readState();
      const tensors = tf.memory().numTensors;
      const { device } = tf.findBackend("webgpu") as unknown as { readonly device: GPUDevice };
      const stock = device.createBindGroup;
      // As a device that cannot bind the buffers: the call is not valid, and nothing is thrown.
      device.createBindGroup = (descriptor) => stock.call(device, { ...descriptor, entries: [] });
      await expect(head.step(xs, ys)).rejects.toSatisfy((error) => isCnnTransferError(error, "BackendError"));
      device.createBindGroup = stock;
      expect(tf.memory().numTensors).toBe(tensors);
      expect(await head.readState()).toEqual(state);
      expect((await head.step(xs, ys)).loss).toBeGreaterThan(0);
      await head.dispose();
    });
  },
);

test.runIf(webgpuStarts)(`no lasting \`navigator.gpu\` is left in Node${webgpuHint}`, () => {
  expect((globalThis as { readonly navigator?: { readonly gpu?: unknown } }).navigator?.gpu).toBeUndefined();
});
