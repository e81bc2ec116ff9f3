import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsNode } from "../../src/backends/tfjs/tfjs-node.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { TrainableBackend } from "../../src/backends/trainable-backend.js";
import { type CnnTransferErrors, isCnnTransferError } from "../../src/errors.js";
import type { Network } from "../../src/network/network.js";
import { everyLayerNetwork } from "../support/every-layer-network.js";
import { headNetwork } from "../support/head-network.js";
import { headTraining } from "../support/head-training.js";
import { tfjsNodeHint, tfjsNodeIsBuilt, tfjsNodeModule } from "../support/tfjs-node-build.js";

const backends: readonly { readonly name: string; readonly run: boolean; readonly create: () => TrainableBackend }[] = [
  { name: "tfjs-wasm", run: true, create: () => tfjsWasm() },
  { name: "tfjs-cpu", run: true, create: () => tfjsCpu() },
  { name: `tfjs-node${tfjsNodeHint}`, run: tfjsNodeIsBuilt, create: () => tfjsNode({ module: tfjsNodeModule }) },
];

const is =
  (name: keyof CnnTransferErrors, ...words: readonly string[]) =>
  (error: unknown) =>
    isCnnTransferError(error, name) && words.every((word) => error.message.includes(word));

describe.each(backends)("training on $name", ({ run, create }) => {
  test.runIf(run)("is the same twice for one seed, another for another, with another mask at every step", async () => {
    const { network, xs, ys } = headNetwork();
    const train = async (seed: number) => {
      const head = await create().loadForTraining(network, { ...headTraining, seed });
      const steps = [];
      for (let i = 0; i < 6; i++) steps.push(await head.step(xs, ys));
      const weights = await head.readWeights();
      await head.dispose();
      return { losses: steps.map(({ loss }) => loss), weights };
    };
    const first = await train(1);
    expect(await train(1)).toEqual(first);
    expect((await train(2)).losses).not.toEqual(first.losses);
  });

  test.runIf(run)("masks anew at every step: with no learning to speak of, the losses still differ", async () => {
    const { network, xs, ys } = headNetwork();
    const optimizer = { ...headTraining.optimizer, learningRate: 1e-12 };
    const head = await create().loadForTraining(network, { ...headTraining, optimizer });
    const losses = new Set<number>();
    for (let i = 0; i < 5; i++) losses.add((await head.step(xs, ys)).loss);
    expect(losses.size).toBe(5);
    await head.dispose();
  });

  test.runIf(run)("learns, and `run` sees the weights of the moment and no dropout", async () => {
    const { network, xs, ys } = headNetwork();
    const head = await create().loadForTraining(network, headTraining);
    const [before] = await head.run([xs]);
    let loss = 0;
    for (let i = 0; i < 150; i++) ({ loss } = await head.step(xs, ys));
    const [after] = await head.run([xs]);
    const [again] = await head.run([xs]);
    expect(again).toEqual(after);
    const hits = (data: Float32Array) =>
      Array.from({ length: 16 }, (_, row) => {
        const values = [...data.subarray(3 * row, 3 * row + 3)];
        return values.indexOf(Math.max(...values)) === [...ys.data.subarray(3 * row, 3 * row + 3)].indexOf(1) ? 1 : 0;
      }).reduce<number>((sum, hit) => sum + hit, 0);
    expect(hits(before?.data ?? new Float32Array())).toBeLessThan(14);
    expect(hits(after?.data ?? new Float32Array())).toBeGreaterThanOrEqual(15);
    expect(loss).toBeLessThan(1.2);
    await head.dispose();
  });

  test.runIf(run)("reads and sets weights exactly, and leaves the network that it came from as it is", async () => {
    const { network, xs, ys } = headNetwork();
    const copy = structuredClone(network.weights);
    const head = await create().loadForTraining(network, headTraining);
    expect(await head.readWeights()).toEqual(copy);
    for (let i = 0; i < 3; i++) await head.step(xs, ys);
    expect(network.weights).toEqual(copy);
    expect(await head.readWeights()).not.toEqual(copy);
    await head.setWeights(copy);
    expect(await head.readWeights()).toEqual(copy);
    const [hidden] = copy.get("hidden") ?? [];
    const wrong = new Map([...copy, ["hidden", [hidden as NonNullable<typeof hidden>]]]);
    await expect(head.setWeights(wrong)).rejects.toSatisfy(is("InvalidNetworkError", "hidden", "bias"));
    expect(await head.readWeights()).toEqual(copy);
    await head.dispose();
  });

  test.runIf(run)("holds the same number of tensors after every step, and none after `dispose`", async () => {
    const backend = create();
    await backend.init();
    const before = tf.memory().numTensors;
    const { network, xs, ys } = headNetwork();
    const head = await backend.loadForTraining(network, { ...headTraining, l2: 0.01 });
    await head.step(xs, ys);
    const held = tf.memory().numTensors;
    for (let i = 0; i < 5; i++) await head.step(xs, ys);
    await head.run([xs]);
    await head.readWeights();
    expect(tf.memory().numTensors).toBe(held);
    await head.dispose();
    await head.dispose();
    expect(tf.memory().numTensors).toBe(before);
    await expect(head.step(xs, ys)).rejects.toSatisfy(is("ClosedError"));
    await expect(head.readWeights()).rejects.toSatisfy(is("ClosedError"));
    await expect(head.setWeights(new Map())).rejects.toSatisfy(is("ClosedError"));
    await expect(head.run([xs])).rejects.toSatisfy(is("ClosedError"));
  });

  test.runIf(run)("serves overlapping steps in order", async () => {
    const { network, xs, ys } = headNetwork();
    const oneByOne = await create().loadForTraining(network, headTraining);
    const expected = [];
    for (let i = 0; i < 4; i++) expected.push(await oneByOne.step(xs, ys));
    const head = await create().loadForTraining(network, headTraining);
    expect(await Promise.all(expected.map(() => head.step(xs, ys)))).toEqual(expected);
    await Promise.all([head.dispose(), oneByOne.dispose()]);
  });

  test.runIf(run)("refuses arrays that do not fit, and goes on", async () => {
    const { network, xs, ys } = headNetwork();
    const head = await create().loadForTraining(network, headTraining);
    const fewer = { ...ys, shape: [15, 3], data: ys.data.slice(3) };
    await expect(head.step(xs, fewer)).rejects.toSatisfy(is("ShapeMismatchError", "[16, 3]", "[15, 3]"));
    await expect(head.step(xs, { ...ys, shape: [16, 4] })).rejects.toSatisfy(is("ShapeMismatchError", "[16, 4]"));
    await expect(head.step({ ...xs, shape: [16, 21] }, ys)).rejects.toSatisfy(is("ShapeMismatchError", "16, 21"));
    expect((await head.step(xs, ys)).outputs.shape).toEqual([16, 3]);
    await head.dispose();
  });

  test.runIf(run)("refuses options that make no sense, by name", async () => {
    const { network } = headNetwork();
    const load = (change: object) => create().loadForTraining(network, { ...headTraining, ...change });
    await expect(load({ l2: -1 })).rejects.toSatisfy(is("InvalidArgumentError", "`l2`", "-1"));
    await expect(load({ seed: 0.5 })).rejects.toSatisfy(is("InvalidArgumentError", "`seed`"));
    await expect(load({ loss: "mse" })).rejects.toSatisfy(is("InvalidArgumentError", "`loss`", "mse"));
    const optimizer = { ...headTraining.optimizer, beta2: 1 };
    await expect(load({ optimizer })).rejects.toSatisfy(is("InvalidArgumentError", "`optimizer.beta2`"));
    await expect(load({ signal: AbortSignal.abort("no") })).rejects.toBe("no");
  });
});

describe("what cannot be trained is refused before anything is allocated", () => {
  test("a convolution on tfjs-wasm, naming the layer and tfjsNode()", async () => {
    const network = everyLayerNetwork();
    const backend = tfjsWasm();
    await backend.init();
    const before = tf.memory().numTensors;
    const one: Network = { ...network, outputs: ["predictions"] };
    await expect(backend.loadForTraining(one, headTraining)).rejects.toSatisfy(
      is("UnsupportedError", '"grouped"', "Conv2D", "tfjsNode()"),
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  test("several outputs, an output without softmax, a layer that leads nowhere", async () => {
    const { network } = headNetwork();
    const load = (change: object) => tfjsCpu().loadForTraining({ ...network, ...change } as Network, headTraining);
    await expect(load({ outputs: ["hidden", "predictions"] })).rejects.toSatisfy(is("UnsupportedError", "2 outputs"));
    const cutOff = { outputs: ["hidden"] };
    await expect(load(cutOff)).rejects.toSatisfy(is("UnsupportedError", '"hidden"', "softmax"));
    const layers = [...network.layers, { ...network.layers[2], name: "idle" }];
    await expect(load({ layers })).rejects.toSatisfy(is("UnsupportedError", '"idle"'));
  });
});
