// A small program for tests in a process of its own: loads a network on `onnx`, runs it, and prints what happened.
// Its argument says how it ends: "dispose", "forget", "abort", "idle", or in the middle of a run with "exit" or "throw".
import { squeezenet } from "../../src/backbones/squeezenet.js";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { CnnTransferError } from "../../src/errors.js";
import type { Network } from "../../src/network/network.js";
import { randomWeights } from "../../src/network/random-weights.js";

const network: Network = {
  name: "doubled",
  inputs: ["x"],
  outputs: ["y"],
  layers: [
    { className: "InputLayer", name: "x", inputs: [], config: { shape: [2], dtype: "float32" } },
    { className: "Dense", name: "y", inputs: ["x"], config: { units: 1, useBias: false, activation: "linear" } },
  ],
  weights: new Map([
    ["y", [{ name: "kernel", array: { dtype: "float32", shape: [2, 1], data: Float32Array.of(2, 2) } }]],
  ]),
};

/** Ends the process while a batch is computed that takes a good while. */
async function endWhileRunning(end: () => void): Promise<void> {
  const topology = squeezenet.topology({ includeTop: false, imageSize: [224, 224] });
  const loaded = await onnx({ threads: 1 }).load({ ...topology, weights: randomWeights(topology, 1) });
  const input = { dtype: "float32", shape: [32, 224, 224, 3], data: new Float32Array(32 * 224 * 224 * 3) } as const;
  setTimeout(end, 20);
  await Promise.all([loaded.run([input]), loaded.run([input])]);
}

async function main(): Promise<void> {
  if (process.argv[2] === "exit") return endWhileRunning(() => process.exit(7));
  if (process.argv[2] === "throw") {
    return endWhileRunning(() => {
      throw new RangeError("out of luck");
    });
  }
  const loaded = await onnx({ threads: 1 }).load(network);
  if (process.argv[2] === "idle") return console.log("loaded");
  const input = { dtype: "float32", shape: [1, 2], data: Float32Array.of(1, 2) } as const;
  const [output] = await loaded.run([input]);
  console.log(JSON.stringify([...(output?.data ?? [])]));
  if (process.argv[2] === "dispose") await loaded.dispose();
  if (process.argv[2] === "abort") {
    const controller = new AbortController();
    const run = loaded.run([input], { signal: controller.signal });
    controller.abort("stopped");
    console.log(await run.catch((reason: unknown) => reason));
  }
}

main().catch((error: unknown) => {
  if (!(error instanceof CnnTransferError)) throw error;
  console.log(JSON.stringify({ ...error, name: error.name, message: error.message }));
});
