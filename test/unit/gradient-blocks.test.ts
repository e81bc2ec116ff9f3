import { describe, expect, test } from "vitest";
import { stepInBlocks } from "../../src/backends/onnx/training/block-steps.mjs";
import { trainingGraph } from "../../src/backends/onnx/training/training-graph.js";
import { holdWeights, partOf } from "../../src/backends/onnx/training/weight-memory.mjs";
import type { GradientClipping } from "../../src/backends/trainable-backend.js";
import { compileOptimizerKernels } from "../../src/backends/training/optimizer-kernels.js";
import { planTraining } from "../../src/backends/training/training-plan.js";
import { headNetwork } from "../support/head-network.js";
import { headTraining } from "../support/head-training.js";

function gradientOf(features: number, clipping: GradientClipping) {
  const { network } = headNetwork({ features, hidden: 256, rows: 1 });
  const options = { ...headTraining, clipping };
  const training = planTraining({ name: "onnx", differentiatesResizing: true }, network, options);
  const { weights, graph } = trainingGraph(training, options);
  const found = weights.find(({ trained: { layer, name } }) => layer === "hidden" && name === "kernel");
  return { gradient: found?.gradient, outputs: graph.outputs.map(({ name }) => name) };
}

describe("gradients in blocks", () => {
  test("a large kernel's gradient is no output of the graph, which gives its factor instead", () => {
    const { gradient, outputs } = gradientOf(25_088, {});
    expect(gradient).toMatchObject({ x: "features", slope: expect.any(String), rows: 1932 });
    expect(outputs).toContain((gradient as { readonly slope: string }).slope);
    expect(outputs).not.toContain("hidden/kernel/gradient");
  });

  test.each<[string, number, GradientClipping]>([
    ["that is small", 8000, {}],
    ["that is clipped by its norm", 25_088, { clipnorm: 1 }],
    ["that is clipped by the norm of all", 25_088, { globalClipnorm: 1 }],
  ])("a gradient %s is an output of the graph", (_, features, clipping) => {
    const { gradient, outputs } = gradientOf(features, clipping);
    expect(gradient).toBe("hidden/kernel/gradient");
    expect(outputs).toContain(gradient);
  });

  test("a block that fails ends the step there: the blocks before have changed, and each was told of", async () => {
    const update = { module: compileOptimizerKernels(), kernel: "sgd", clipping: {} } as const;
    const gradient = { x: "x", slope: "slope", rows: 4 };
    const data = new Float32Array(24);
    const [weight] = holdWeights(update, [
      { name: "kernel", gradient, data, dims: [12, 2], slots: [undefined], l1: 0, l2: 0 },
    ]);
    if (weight === undefined) throw new Error("no weight is held");
    let runs = 0;
    const session = {
      async run() {
        runs += 1;
        if (runs === 3) throw new Error("out of memory");
        weight.gradient.fill(runs);
        return {};
      },
      release: async () => {},
    };
    const blocks = [0, 8, 16].map((first) => ({ part: partOf(weight, first, 8), feeds: {}, fetches: {} }));
    let changed = 0;
    const step = async () => {
      for await (const _ of stepInBlocks(session, update, blocks, {}, [1, 0, 0])) changed += 1;
    };
    await expect(step()).rejects.toThrow("out of memory");
    expect(changed).toBe(2);
    expect(weight.value).toEqual(Float32Array.from({ length: 24 }, (_, at) => (at < 8 ? -1 : at < 16 ? -2 : 0)));
    expect(weight.gradient).toHaveLength(8);
  });
});
