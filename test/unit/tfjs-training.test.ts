import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsNode } from "../../src/backends/tfjs/tfjs-node.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { tfjsWebgpu } from "../../src/backends/tfjs/tfjs-webgpu.node.js";
import type { TrainableBackend, TrainingState } from "../../src/backends/trainable-backend.js";
import { type CnnTransferErrors, isCnnTransferError } from "../../src/errors.js";
import type { NdArray } from "../../src/ndarray.js";
import type { Network, NetworkWeights } from "../../src/network/network.js";
import { createRandom } from "../../src/random.js";
import { everyLayerNetwork } from "../support/every-layer-network.js";
import { headNetwork, imageNetwork } from "../support/head-network.js";
import { headTraining } from "../support/head-training.js";
import { tfjsNodeHint, tfjsNodeIsBuilt, tfjsNodeModule } from "../support/tfjs-node-build.js";

const backends: readonly { readonly name: string; readonly run: boolean; readonly create: () => TrainableBackend }[] = [
  { name: "onnx", run: true, create: () => onnx() },
  { name: "tfjs-wasm", run: true, create: () => tfjsWasm() },
  { name: "tfjs-webgpu", run: true, create: () => tfjsWebgpu({ allowFallbackAdapter: true }) },
  { name: "tfjs-cpu", run: true, create: () => tfjsCpu() },
  { name: `tfjs-node${tfjsNodeHint}`, run: tfjsNodeIsBuilt, create: () => tfjsNode({ module: tfjsNodeModule }) },
];

const momentum = {
  name: "rmsprop",
  learningRate: 0.002,
  rho: 0.9,
  momentum: 0.8,
  epsilon: 1e-7,
  centered: false,
} as const;

const is =
  (name: keyof CnnTransferErrors, ...words: readonly string[]) =>
  (error: unknown) =>
    isCnnTransferError(error, name) && words.every((word) => error.message.includes(word));

describe.each(backends)("training on $name", ({ name, run, create }) => {
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
    const tensors = () => (name === "onnx" ? 0 : tf.memory().numTensors);
    const before = tensors();
    const { network, xs, ys } = headNetwork();
    const head = await backend.loadForTraining(network, { ...headTraining, l2: 0.01 });
    await head.step(xs, ys);
    const held = tensors();
    for (let i = 0; i < 5; i++) await head.step(xs, ys);
    await head.run([xs]);
    await head.readWeights();
    expect(tensors()).toBe(held);
    await head.dispose();
    await head.dispose();
    expect(tensors()).toBe(before);
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

  test.runIf(run)("goes on from a state as if it had not stopped, bit for bit, dropout included", async () => {
    const { network, xs, ys } = headNetwork();
    const optimizer = { ...momentum, centered: true };
    const straight = await create().loadForTraining(network, { ...headTraining, optimizer });
    for (let i = 0; i < 3; i++) await straight.step(xs, ys);
    const state = await straight.readState();
    expect(state.step).toBe(3);
    expect([...state.slots.keys()].sort()).toEqual(["average_gradient", "momentum", "velocity"]);
    const names = (weights: NetworkWeights) => [...weights].map(([layer, own]) => [layer, own.map(({ name }) => name)]);
    for (const slot of state.slots.values()) expect(names(slot)).toEqual(names(state.weights));
    const copy = structuredClone(state);
    const expected = [await straight.step(xs, ys), await straight.step(xs, ys)];
    expect(state).toEqual(copy);

    const resumed = await create().loadForTraining(network, { ...headTraining, optimizer });
    await resumed.step(xs, ys);
    await resumed.setState(state);
    expect(await resumed.readState()).toEqual(state);
    expect([await resumed.step(xs, ys), await resumed.step(xs, ys)]).toEqual(expected);
    expect(await resumed.readState()).toEqual(await straight.readState());
    await Promise.all([straight.dispose(), resumed.dispose()]);
  });

  test.runIf(run)("refuses a state of another optimizer or network, and keeps its own", async () => {
    const { network, xs, ys } = headNetwork();
    const head = await create().loadForTraining(network, headTraining);
    await head.step(xs, ys);
    const state = await head.readState();
    const refused = (change: object, ...words: readonly string[]) =>
      expect(head.setState({ ...state, ...change } as TrainingState)).rejects.toSatisfy(
        is("InvalidWeightsError", ...words),
      );
    await refused({ slots: new Map() }, "none", '"momentum", "velocity"');
    await refused({ step: -1 }, "`step`", "-1");
    await refused({ weights: new Map([...state.weights].slice(1)) }, '"hidden"', '"kernel", "bias"');
    await refused({ weights: new Map([...state.weights, ["other", []]]) }, '"other"');
    const [first] = state.weights.get("hidden") ?? [];
    const flat = { ...first, array: { ...first?.array, shape: [first?.array.data.length] } };
    const reshaped = new Map<string, unknown>([...state.weights, ["hidden", [flat, state.weights.get("hidden")?.[1]]]]);
    await refused(
      { slots: new Map<string, unknown>([...state.slots, ["velocity", reshaped]]) },
      "velocity",
      '"kernel"',
      "expected",
    );
    expect(await head.readState()).toEqual(state);
    await head.dispose();
  });

  test.runIf(run)("takes pixels as bytes and as numbers alike", async () => {
    const { network, ys } = headNetwork();
    const layers = network.layers.map((layer) =>
      layer.className === "InputLayer" ? { ...layer, config: { ...layer.config, dtype: "uint8" as const } } : layer,
    );
    const data = Uint8Array.from({ length: 16 * 20 }, (_, i) => (i * 37) % 256);
    const train = async (xs: NdArray) => {
      const head = await create().loadForTraining({ ...network, layers }, headTraining);
      const result = await head.step(xs, ys);
      await expect(head.step({ dtype: "int32", shape: [16, 20], data: Int32Array.from(data) }, ys)).rejects.toSatisfy(
        is("ShapeMismatchError", "int32"),
      );
      await head.dispose();
      return result;
    };
    const bytes = await train({ dtype: "uint8", shape: [16, 20], data });
    expect(await train({ dtype: "float32", shape: [16, 20], data: Float32Array.from(data) })).toEqual(bytes);
  });

  test.runIf(run)("takes no step back: a step that the arrays do not allow leaves the state as it was", async () => {
    const { network, xs, ys } = headNetwork();
    const head = await create().loadForTraining(network, headTraining);
    const before = await head.readState();
    const weights = (data: readonly number[]) => ({
      sampleWeights: { dtype: "float32" as const, shape: [data.length], data: Float32Array.from(data) },
    });
    await expect(head.step(xs, ys, weights([1, 2]))).rejects.toSatisfy(
      is("ShapeMismatchError", "sampleWeights", "[2]"),
    );
    const infinite = weights([Number.POSITIVE_INFINITY, ...new Array<number>(15).fill(1)]);
    await expect(head.step(xs, ys, infinite)).rejects.toSatisfy(is("InvalidArgumentError", "sampleWeights[0]"));
    await expect(head.step(xs, ys, { learningRate: -1 })).rejects.toSatisfy(is("InvalidArgumentError", "learningRate"));
    expect(await head.readState()).toEqual(before);
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
    await expect(load({ labelSmoothing: 1 })).rejects.toSatisfy(is("InvalidArgumentError", "`labelSmoothing`", "1"));
    const two = { clipnorm: 1, clipvalue: 2 };
    await expect(load({ clipping: two })).rejects.toSatisfy(is("InvalidArgumentError", "`clipnorm` and `clipvalue`"));
    await expect(load({ clipping: { clipvalue: 0 } })).rejects.toSatisfy(
      is("InvalidArgumentError", "`clipping.clipvalue`"),
    );
    const sgd = { name: "sgd", learningRate: 0.1, momentum: 0, nesterov: true };
    await expect(load({ optimizer: sgd })).rejects.toSatisfy(is("InvalidArgumentError", "`optimizer.nesterov`"));
    const layers = (name: string, settings: object) => load({ layers: new Map([[name, settings]]) });
    await expect(layers("hiden", {})).rejects.toSatisfy(is("InvalidArgumentError", '"hiden"', '"hidden"'));
    await expect(layers("hidden", { learningRateFactor: 0 })).rejects.toSatisfy(
      is("InvalidArgumentError", "trainable"),
    );
    await expect(layers("dropout", { l2: 1 })).rejects.toSatisfy(is("InvalidArgumentError", '"dropout"', "kernel"));
    const names = network.layers.map(({ name }) => [name, { trainable: false }] as const);
    await expect(load({ layers: new Map(names) })).rejects.toSatisfy(is("UnsupportedError", "no weights"));
  });
});

const perturbing = [
  ["SpatialDropout2D", { rate: 0.4 }],
  ["GaussianDropout", { rate: 0.4 }],
  ["AlphaDropout", { rate: 0.4 }],
  ["GaussianNoise", { stddev: 0.5 }],
  ["StochasticDepth", { dropPathRate: 0.4 }],
] as const;

describe("layers that act at random while training", () => {
  test.runIf(tfjsNodeIsBuilt).each(perturbing)("%s acts alike on all backends", async (className, config) => {
    const { network, xs, ys } = imageNetwork({ className, config } as never);
    const without = imageNetwork({ className: "Activation", config: { activation: "linear" } }).network;
    const train = async (backend: TrainableBackend, trained: Network) => {
      const loaded = await backend.loadForTraining(trained, headTraining);
      const losses = [];
      for (let i = 0; i < 3; i++) losses.push((await loaded.step(xs, ys)).loss);
      await loaded.dispose();
      return losses;
    };
    const losses = await train(tfjsCpu(), network);
    for (const backend of [onnx(), tfjsWasm(), tfjsNode({ module: tfjsNodeModule })]) {
      for (const [at, loss] of (await train(backend, network)).entries()) expect(loss).toBeCloseTo(losses[at] ?? 0, 5);
    }
    expect(losses[0]).not.toBeCloseTo((await train(tfjsCpu(), without))[0] ?? 0, 3);
  });
});

describe("a network of every kind of layer and setting", () => {
  test("trains alike on onnx, tfjs-wasm and tfjs-cpu, dropout included, and leaves no value behind", async () => {
    const network: Network = { ...everyLayerNetwork(), outputs: ["predictions"] };
    const random = createRandom(3);
    const xs: NdArray = {
      dtype: "uint8",
      shape: [4, 12, 10, 3],
      data: Uint8Array.from({ length: 4 * 360 }, () => 256 * random.double()),
    };
    const ys: NdArray<"float32"> = { dtype: "float32", shape: [4, 4], data: new Float32Array(16) };
    for (let row = 0; row < 4; row++) ys.data[5 * row] = 1;
    const train = async (backend: TrainableBackend, name: string) => {
      // Small steps: large ones lead to values so near a kink of a ReLU that rounding decides on which side they are.
      const optimizer = { name: "sgd", learningRate: 0.001, momentum: 0.9, nesterov: true } as const;
      const trained = await backend.loadForTraining(network, { ...headTraining, optimizer });
      await trained.step(xs, ys);
      const held = () => tf.engine().registry[name]?.numDataIds();
      const before = held();
      for (let i = 0; i < 3; i++) await trained.step(xs, ys);
      expect(held()).toBe(before);
      const weights = await trained.readWeights();
      await trained.dispose();
      return weights;
    };
    const expected = await train(tfjsCpu(), "cpu");
    for (const actual of [await train(tfjsWasm(), "wasm"), await train(onnx(), "onnx")]) {
      for (const [layer, weights] of expected) {
        for (const [at, { name, array }] of weights.entries()) {
          const other = actual.get(layer)?.[at]?.array.data ?? new Float32Array();
          const scale = Math.max(...array.data.map(Math.abs));
          const error = Math.max(...array.data.map((value, i) => Math.abs(value - (other[i] as number)))) / scale;
          expect(error, `${layer} ${name}`).toBeLessThan(1e-5);
        }
      }
    }
  });
});

describe("what cannot be trained is refused before anything is allocated", () => {
  test.each([
    ["Resizing", { height: 6, width: 6, interpolation: "bilinear" }, "gradient"],
    ["UpSampling2D", { size: [2, 2], interpolation: "bilinear" }, "gradient"],
    ["RandomFlip", { mode: "horizontal" }, "augmentImages"],
    ["ActivityRegularization", { l1: 0, l2: 0.1 }, "adds to the loss"],
  ])("%s, naming the layer and the reason", async (className, config, reason) => {
    const backend = tfjsWasm();
    await backend.init();
    const before = tf.memory().numTensors;
    const { network } = imageNetwork({ className, config } as never);
    await expect(backend.loadForTraining(network, headTraining)).rejects.toSatisfy(
      is("UnsupportedError", '"between"', className, reason),
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  test("a resizing below the lowest trained layer is not among it", async () => {
    const { network, xs, ys } = imageNetwork({
      className: "Resizing",
      config: { height: 6, width: 6, interpolation: "bilinear" },
    });
    const layers = new Map([["convolution", { trainable: false }]]);
    const trained = await tfjsWasm().loadForTraining(network, { ...headTraining, layers });
    await trained.step(xs, ys);
    await trained.dispose();
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
