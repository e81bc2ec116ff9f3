import { describe, expect, test } from "vitest";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { createRandom } from "../../src/random.js";
import type { TrainingData } from "../../src/training/training-data.js";
import { TransferHead } from "../../src/transfer-head.js";

/** Two classes that differ by 4 in features around 1000, as pixels and untrained networks give them. */
function farFromZero(rows: number, seed: number): TrainingData {
  const random = createRandom(seed);
  const xs = new Float32Array(rows * 8);
  const ys = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const label = row % 2;
    ys[row] = label;
    for (let i = 0; i < 8; i++) xs[row * 8 + i] = 1000 + 4 * label + 4 * random.double();
  }
  return {
    length: rows,
    async *[Symbol.asyncIterator]() {
      for (let start = 0; start < rows; start += 32) {
        const end = Math.min(rows, start + 32);
        yield {
          xs: { dtype: "float32", shape: [end - start, 8], data: xs.slice(start * 8, end * 8) },
          ys: { dtype: "int32", shape: [end - start], data: ys.slice(start, end) },
        };
      }
    },
  };
}

async function trained(normalize: boolean): Promise<TransferHead> {
  const head = await TransferHead.create({
    inputShape: [8],
    classLabels: ["low", "high"],
    normalize,
    learningRate: 0.01,
    seed: 1,
    backend: tfjsCpu(),
  });
  await head.fit(farFromZero(256, 1), { epochs: 12 });
  return head;
}

describe("a head with `normalize`", () => {
  test("learns from features far from zero, where one without it does not", async () => {
    await using normalized = await trained(true);
    await using plain = await trained(false);
    const unseen = farFromZero(100, 2);
    expect((await normalized.evaluate(unseen)).accuracy).toBeGreaterThan(0.97);
    expect((await plain.evaluate(unseen)).accuracy).toBeLessThan(0.8);
  });

  test("predicts the same after it was saved and loaded", async () => {
    await using head = await trained(true);
    await using loaded = await TransferHead.load(await head.encode(), { backend: tfjsCpu() });
    const features = { dtype: "float32", shape: [1, 8], data: Float32Array.from({ length: 8 }, () => 1003) } as const;
    expect((await loaded.predict(features)).data).toEqual((await head.predict(features)).data);
  });
});
