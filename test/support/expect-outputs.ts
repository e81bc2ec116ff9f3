import { expect } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { NdArray } from "../../src/ndarray.js";
import type { Network } from "../../src/network/network.js";

/** Values of an array as golden files have them. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/**
 * Runs a network on ONNX and on tfjs-wasm and expects given outputs within `tolerance` of each one's maximum. Fewer golden
 * values than there are stand for the first ones.
 */
export async function expectOutputs(
  network: Network,
  inputs: readonly Values[],
  outputs: readonly Values[],
  tolerance: number,
): Promise<void> {
  const arrays = inputs.map(({ shape, data }): NdArray => ({ dtype: "float32", shape, data: Float32Array.from(data) }));
  for (const backend of [onnx(), tfjsWasm()]) {
    await backend.init();
    const loaded = await backend.load(network);
    try {
      const results = await loaded.run(arrays);
      expect(results.map(({ shape }) => shape)).toEqual(outputs.map(({ shape }) => shape));
      for (const [index, { data }] of results.entries()) {
        const golden = outputs[index]?.data ?? [];
        const scale = data.reduce<number>((most, value) => Math.max(most, Math.abs(Number(value))), 0);
        const error = Math.max(...golden.map((value, at) => Math.abs(Number(data[at]) - value)));
        expect(error / scale, `${backend.name}, output ${index}`).toBeLessThan(tolerance);
      }
    } finally {
      await loaded.dispose();
    }
  }
}
