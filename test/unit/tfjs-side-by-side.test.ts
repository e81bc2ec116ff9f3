import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { everyLayerBatch, everyLayerNetwork } from "../support/every-layer-network.js";
import { headNetwork } from "../support/head-network.js";
import { headTraining } from "../support/head-training.js";

test("two backends of tfjs in one process each compute on their own, at the same time, beside an app's own tfjs", async () => {
  const wasm = tfjsWasm();
  const cpu = tfjsCpu();
  // Both start at once, though tfjs has one current backend.
  await Promise.all([wasm.init(), cpu.init()]);
  await tf.setBackend("cpu");
  const own = tf.tensor([1, 2, 3]);
  const start = tf.memory().numTensors;

  const kernels = { wasm: countKernels("wasm"), cpu: countKernels("cpu") };
  const network = everyLayerNetwork();
  const { network: head, xs, ys } = headNetwork();
  // Adam is one kernel on wasm and many elsewhere.
  const optimizer = { name: "sgd", learningRate: 0.1, momentum: 0.9, nesterov: false } as const;
  const [onWasm, onCpu] = await Promise.all([wasm.load(network), cpu.load(network)]);
  const [headOnWasm, headOnCpu] = await Promise.all([
    wasm.loadForTraining(head, { ...headTraining, optimizer }),
    cpu.loadForTraining(head, { ...headTraining, optimizer }),
  ]);
  kernels.wasm.reset();
  kernels.cpu.reset();
  const batch = everyLayerBatch(4);
  const [a, b, c, d] = await Promise.all([
    onWasm.run([batch]),
    onCpu.run([batch]),
    headOnWasm.step(xs, ys),
    headOnCpu.step(xs, ys),
  ]);
  expect(tf.getBackend()).toBe("cpu");
  expect([...own.dataSync()]).toEqual([1, 2, 3]);
  // Were one to compute for the other, one count would be more than the other.
  expect(kernels.wasm.count()).toBe(kernels.cpu.count());
  expect(kernels.wasm.count()).toBeGreaterThan(30);

  expectClose(a[0]?.data, b[0]?.data);
  expectClose(a[1]?.data, b[1]?.data);
  expectClose(c.outputs.data, d.outputs.data);
  await Promise.all([onWasm, onCpu, headOnWasm, headOnCpu].map((loaded) => loaded.dispose()));
  expect(tf.memory().numTensors).toBe(start);
  own.dispose();
  kernels.wasm.stop();
  kernels.cpu.stop();
});

test("an app's current backend is left as it was, whatever goes on in between", async () => {
  const wasm = tfjsWasm();
  await wasm.init();
  await tfjsCpu().init();
  await tf.setBackend("cpu");
  const { network, xs } = headNetwork();
  const loaded = await wasm.load(network);
  const running = loaded.run([xs]);
  expect(tf.getBackend()).toBe("cpu");
  await running;
  expect(tf.getBackend()).toBe("cpu");
  await loaded.run([{ ...xs, shape: [1] }]).catch(() => undefined);
  expect(tf.getBackend()).toBe("cpu");
  await loaded.dispose();
});

function expectClose(actual: Float32Array | undefined, expected: Float32Array | undefined): void {
  expect(actual?.length).toBeGreaterThan(0);
  expect(actual?.length).toBe(expected?.length);
  const scale = Math.max(...(expected ?? []).map(Math.abs));
  for (const [i, value] of (expected ?? []).entries()) {
    expect(Math.abs(value - (actual?.[i] as number)) / scale).toBeLessThan(1e-5);
  }
}

/** Counts the matrix products, convolutions and activations that a backend of tfjs computes. */
function countKernels(backend: string) {
  let count = 0;
  const stock = ["_FusedMatMul", "FusedConv2D", "Conv2D", "BatchMatMul", "Softmax", "Relu", "MaxPool", "Add"].map(
    (name) => tf.getKernel(name, backend),
  );
  const replace = (counting: boolean) => {
    for (const kernel of stock) {
      tf.unregisterKernel(kernel.kernelName, backend);
      tf.registerKernel(
        counting
          ? {
              ...kernel,
              kernelFunc: (call) => {
                count += 1;
                return kernel.kernelFunc(call);
              },
            }
          : kernel,
      );
    }
  };
  const reset = () => {
    count = 0;
  };
  replace(true);
  return { count: () => count, reset, stop: () => replace(false) };
}
