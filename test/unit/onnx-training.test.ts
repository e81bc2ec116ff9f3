import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { GradientClipping, OptimizerConfig, TrainableBackend } from "../../src/backends/trainable-backend.js";
import { isCnnTransferError } from "../../src/errors.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network, NetworkWeights } from "../../src/network/network.js";
import { headNetwork, imageNetwork } from "../support/head-network.js";
import { headTraining } from "../support/head-training.js";

/** Weights whose numbers of values are no multiples of those that a kernel takes at once. */
const odd = { features: 301, hidden: 37 };

/** A kernel whose gradient is computed in blocks, the last of which is not whole. */
const large = { features: 9001, hidden: 257, rows: 4 };

/** The greatest difference of each weight, relative to its greatest value. */
function relativeErrors(expected: NetworkWeights, actual: NetworkWeights | undefined): readonly number[] {
  return [...expected].flatMap(([layer, own]) =>
    own.map(({ array }, position) => {
      const other = actual?.get(layer)?.[position]?.array.data ?? new Float32Array();
      const greatest = array.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      return array.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (other[i] ?? 9))), 0) / greatest;
    }),
  );
}

function scaled(weights: NetworkWeights, layer: string, factor: number): NetworkWeights {
  return new Map(
    [...weights].map(([name, own]) => [
      name,
      name === layer
        ? own.map((weight) => ({
            ...weight,
            array: { ...weight.array, data: weight.array.data.map((x) => factor * x) },
          }))
        : own,
    ]),
  );
}

describe("training on onnx", () => {
  // Adam's epsilon is large, as otherwise it makes whole steps of the rounding errors in gradients that come to almost 0.
  const adam = {
    name: "adamw",
    learningRate: 0.001,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-3,
    weightDecay: 0.01,
  } as const;
  const momentum = { name: "sgd", learningRate: 0.001, momentum: 0.9, nesterov: true } as const;

  const rmsprop = {
    name: "rmsprop",
    learningRate: 0.001,
    rho: 0.9,
    momentum: 0.9,
    epsilon: 1e-3,
    centered: false,
  } as const;

  test.each<[string, OptimizerConfig, GradientClipping, typeof odd]>([
    ["adamw", adam, {}, odd],
    ["sgd with momentum and clipnorm", momentum, { clipnorm: 0.05 }, odd],
    ["sgd with momentum and globalClipnorm", momentum, { globalClipnorm: 0.05 }, odd],
    ["sgd with momentum and clipvalue", momentum, { clipvalue: 0.001 }, odd],
    ["adamw on a large kernel", adam, {}, large],
    ["rmsprop on a large kernel", rmsprop, {}, large],
    ["sgd with momentum and clipvalue on a large kernel", momentum, { clipvalue: 0.001 }, large],
    ["sgd with momentum and clipnorm on a large kernel", momentum, { clipnorm: 0.05 }, large],
  ])("trains to the weights of tfjs-wasm, 30 steps with %s", async (_, optimizer, clipping, sizes) => {
    const { network, xs, ys } = headNetwork(sizes);
    const train = async (backend: TrainableBackend) => {
      const head = await backend.loadForTraining(network, { ...headTraining, optimizer, clipping, l2: 0.001 });
      for (let i = 0; i < 30; i++) await head.step(xs, ys);
      const [state, outputs] = [await head.readState(), await head.run([xs])];
      await head.dispose();
      return { weights: state.weights, slots: [...state.slots.values()], outputs: outputs[0]?.data };
    };
    const [expected, actual] = [await train(tfjsWasm()), await train(onnx())];
    const errors = [expected.weights, ...expected.slots].flatMap((values, at) =>
      relativeErrors(values, [actual.weights, ...actual.slots][at]),
    );
    expect(errors.length).toBeGreaterThanOrEqual(8);
    expect(Math.max(...errors.slice(0, 4))).toBeLessThan(1e-5);
    // The running values are of gradients, which have fewer digits, and fewer still where four rows are learnt by heart.
    expect(Math.max(...errors)).toBeLessThan(sizes === large ? 2e-3 : 2e-4);
  });

  test.each<[string, readonly number[], Layer<"Flatten"> | Layer<"Dropout">]>([
    [
      "input that is flattened",
      [29, 31, 10],
      { className: "Flatten", name: "first", inputs: ["features"], config: {} },
    ],
    [
      "input with dropout",
      [8990],
      { className: "Dropout", name: "first", inputs: ["features"], config: { rate: 0.3 } },
    ],
  ])("trains a large kernel behind an %s as tfjs-wasm does, on batches of changing sizes", async (_, shape, first) => {
    const { network: head, xs, ys } = headNetwork({ features: 8990, hidden: 256, rows: 6 });
    const layers = head.layers.flatMap((layer): readonly Layer[] => {
      if (layer.className === "InputLayer") return [{ ...layer, config: { shape, dtype: "float32" } }, first];
      return [layer.name === "hidden" ? ({ ...layer, inputs: ["first"] } as Layer) : layer];
    });
    const train = async (backend: TrainableBackend) => {
      const network = await backend.loadForTraining({ ...head, layers }, { ...headTraining, optimizer: adam });
      for (const rows of [6, 6, 3, 6, 3, 3]) {
        const data = xs.data.subarray(0, rows * 8990);
        await network.step(
          { dtype: "float32", shape: [rows, ...shape], data },
          { dtype: "float32", shape: [rows, 3], data: ys.data.subarray(0, rows * 3) },
        );
      }
      const weights = await network.readWeights();
      await network.dispose();
      return weights;
    };
    const errors = relativeErrors(await train(tfjsWasm()), await train(onnx()));
    expect(errors).toHaveLength(4);
    expect(Math.max(...errors)).toBeLessThan(1e-5);
  });

  test("a gradient in blocks makes the step that a whole one does", async () => {
    const { network, xs, ys } = headNetwork(large);
    const train = async (clipping: GradientClipping) => {
      const head = await onnx().loadForTraining(network, { ...headTraining, optimizer: adam, clipping, l2: 0.001 });
      const { loss } = await head.step(xs, ys);
      const { weights } = await head.readState();
      await head.dispose();
      return { loss, weights };
    };
    // Clipping by a norm, here one that no gradient reaches, takes the whole gradient.
    const [blocks, whole] = [await train({}), await train({ globalClipnorm: 1e9 })];
    expect(blocks.loss).toBeCloseTo(whole.loss, 6);
    expect(Math.max(...relativeErrors(whole.weights, blocks.weights))).toBeLessThan(1e-7);
  });

  test("large kernels with penalties and rates of their own, batches of one row and a state to go on from train as on tfjs-wasm", async () => {
    const { network, xs, ys } = headNetwork({ features: 2900, hidden: 2900, rows: 3 });
    const [input, hidden, ...rest] = network.layers as readonly [Layer, Layer, ...Layer[]];
    const again = { ...hidden, name: "again", inputs: ["hidden"] } as Layer;
    // One kernel for two layers: its gradient is a sum, which is no product to be taken in blocks.
    const shared = { ...hidden, name: "shared", inputs: ["again"], weightsOf: "hidden" } as Layer;
    const weights = new Map([
      ...network.weights,
      [
        "again",
        (network.weights.get("hidden") ?? []).map((w) => ({ ...w, array: { ...w.array, data: w.array.data.slice() } })),
      ],
    ] as const);
    const moved = rest.map((layer) =>
      layer.inputs[0] === "hidden" ? ({ ...layer, inputs: ["shared"] } as Layer) : layer,
    );
    const large: Network = { ...network, layers: [input, hidden, again, shared, ...moved], weights };
    const layers = new Map([
      ["hidden", { learningRateFactor: 0.5, l1: 1e-5 }],
      ["again", { learningRateFactor: 2, l1: 1e-5, l2: 1e-3 }],
    ]);
    const load = (backend: TrainableBackend) =>
      backend.loadForTraining(large, {
        ...headTraining,
        optimizer: momentum,
        clipping: { clipvalue: 0.001 },
        layers,
        l2: 1e-4,
      });
    const batch = (rows: number) =>
      [
        { ...xs, shape: [rows, 2900], data: xs.data.subarray(0, rows * 2900) },
        { ...ys, shape: [rows, 3], data: ys.data.subarray(0, rows * 3) },
      ] as const;
    const train = async (backend: TrainableBackend) => {
      let head = await load(backend);
      const losses: number[] = [];
      for (const rows of [3, 1, 3, 1]) {
        losses.push((await head.step(...batch(rows))).loss);
        const state = await head.readState();
        await head.dispose();
        head = await load(backend);
        await head.setState(state);
      }
      const trained = await head.readWeights();
      await head.dispose();
      return { losses, trained };
    };
    const [expected, actual] = [await train(tfjsWasm()), await train(onnx())];
    // tfjs-wasm sums penalties in 32 bits, which loses digits over millions of values.
    const bare = await onnx().loadForTraining(large, headTraining);
    const sum = (layer: string, of: (value: number) => number) =>
      (weights.get(layer)?.[0]?.array.data ?? new Float32Array()).reduce((all, value) => all + of(value), 0);
    const [absolute, square] = [Math.abs, (value: number) => value * value];
    const penalties =
      1e-5 * (sum("hidden", absolute) + sum("again", absolute)) +
      1e-4 * (sum("hidden", square) + sum("predictions", square)) +
      1e-3 * sum("again", square);
    const { loss } = await bare.step(...batch(3));
    await bare.dispose();
    expect(penalties).toBeGreaterThan(loss);
    expect((actual.losses[0] ?? 0) / (loss + penalties)).toBeCloseTo(1, 6);
    const errors = relativeErrors(expected.trained, actual.trained);
    expect(errors).toHaveLength(6);
    expect(Math.max(...errors)).toBeLessThan(1e-4);
  });

  test("steps that are asked for at once, each with a batch of its own, give what they give one after the other", async () => {
    const { network, xs, ys } = headNetwork(odd);
    const batches = [1, 2, 3].map((factor) => ({ ...xs, data: xs.data.map((x) => factor * x) }));
    const [head, other] = [
      await onnx().loadForTraining(network, headTraining),
      await onnx().loadForTraining(network, headTraining),
    ];
    for (let i = 0; i < 2; i++) {
      await Promise.all(batches.map((batch) => head.step(batch, ys)));
      for (const batch of batches) await other.step(batch, ys);
    }
    expect(await head.readState()).toEqual(await other.readState());
    await Promise.all([head.dispose(), other.dispose()]);
  });

  test("takes weights of layers that stand still, which the graph holds as constants, and goes on from there", async () => {
    const { network, xs, ys } = headNetwork();
    const layers = new Map([["hidden", { trainable: false }]]);
    const head = await onnx().loadForTraining(network, { ...headTraining, layers });
    const reference = await tfjsWasm().loadForTraining(network, { ...headTraining, layers });
    const both = [head, reference];
    for (const each of both) for (let i = 0; i < 3; i++) await each.step(xs, ys);
    for (const each of both) await each.setWeights(scaled(await each.readWeights(), "hidden", 2));
    const [first, second] = [await head.step(xs, ys), await reference.step(xs, ys)];
    expect(first.loss).toBeCloseTo(second.loss, 5);
    const hidden = (weights: NetworkWeights) => weights.get("hidden")?.[0]?.array.data[5];
    expect(hidden(await head.readWeights())).toBe(2 * (hidden(network.weights) ?? 0));
    expect((await head.readState()).step).toBe(4);
    for (const each of both) await each.dispose();
  });

  test("trains weights that begin with one array as weights of their own, also where one of them stands still", async () => {
    const { network, xs, ys } = headNetwork({ hidden: 3, dropout: 0 });
    const zeros = { dtype: "float32", shape: [3], data: new Float32Array(3) } as const;
    const shared: Network = {
      ...network,
      weights: new Map(
        [...network.weights].map(([layer, own]) => [
          layer,
          own.map((weight) => (weight.name === "bias" ? { ...weight, array: zeros } : weight)),
        ]),
      ),
    };
    for (const layers of [undefined, new Map([["hidden", { trainable: false }]])]) {
      const train = async (backend: TrainableBackend) => {
        const head = await backend.loadForTraining(shared, { ...headTraining, layers });
        for (let i = 0; i < 3; i++) await head.step(xs, ys);
        const [{ loss }, weights] = [await head.step(xs, ys), await head.readWeights()];
        await head.dispose();
        return [loss, ...["hidden", "predictions"].flatMap((name) => [...(weights.get(name)?.[1]?.array.data ?? [])])];
      };
      const [expected, actual] = [await train(tfjsWasm()), await train(onnx())];
      expect(actual).toHaveLength(7);
      for (const [at, value] of actual.entries()) expect(value).toBeCloseTo(expected[at] ?? Number.NaN, 5);
    }
    expect(zeros.data).toEqual(new Float32Array(3));
  });

  test("refuses gradients that need pictures of a known size, by layer and operator; below the lowest trained layer it takes any", async () => {
    const { network, xs, ys } = imageNetwork({
      className: "AveragePooling2D",
      config: { poolSize: [2, 2], strides: [2, 2], padding: "same" },
    });
    const [input, ...rest] = network.layers as readonly [Layer<"InputLayer">, ...Layer[]];
    const free: Network = {
      ...network,
      layers: [{ ...input, config: { shape: [null, null, 2], dtype: "float32" } }, ...rest],
    };
    await expect(onnx().loadForTraining(free, headTraining)).rejects.toSatisfy(
      (error) =>
        isCnnTransferError(error, "UnsupportedError") &&
        ['"between"', "AveragePool", "known size"].every((word) => error.message.includes(word)),
    );
    const layers = new Map([["convolution", { trainable: false }]]);
    const head = await onnx().loadForTraining(free, { ...headTraining, layers });
    const known = await onnx().loadForTraining(network, { ...headTraining, layers });
    expect(await head.step(xs, ys)).toEqual(await known.step(xs, ys));
    await Promise.all([head.dispose(), known.dispose()]);
  });

  test("a step that fails changes nothing, and the next one goes on", async () => {
    const { network, xs, ys } = imageNetwork({
      className: "Conv2D",
      config: {
        filters: 3,
        kernelSize: [3, 3],
        strides: [1, 1],
        padding: "valid",
        dilationRate: [1, 1],
        groups: 1,
        useBias: true,
        activation: "relu",
      },
    });
    const [input, ...rest] = network.layers as readonly [Layer<"InputLayer">, ...Layer[]];
    const free: Network = {
      ...network,
      layers: [{ ...input, config: { shape: [null, null, 2], dtype: "float32" } }, ...rest],
    };
    const layers = new Map(["convolution", "between"].map((name) => [name, { trainable: false }]));
    const load = () => onnx().loadForTraining(free, { ...headTraining, layers });
    const [head, other] = [await load(), await load()];
    for (const each of [head, other]) await each.step(xs, ys);
    const before = await head.readState();
    const rows = ys.shape[0] as number;
    const small = { dtype: "float32", shape: [rows, 1, 1, 2], data: new Float32Array(rows * 2) } as const;
    await expect(head.step(small, ys)).rejects.toSatisfy((error) => isCnnTransferError(error, "BackendError"));
    expect(await head.readState()).toEqual(before);
    expect(await head.step(xs, ys)).toEqual(await other.step(xs, ys));
    expect(await head.readState()).toEqual(await other.readState());
    await Promise.all([head.dispose(), other.dispose()]);
  });

  test("refuses a weight that does not fit into a memory of WebAssembly with what belongs to it, before it takes any", async () => {
    const units = 2 ** 12;
    const features = 3 * 2 ** 15;
    const { network: small } = headNetwork({ features, hidden: 1, rows: 1 });
    const layers = small.layers.map((layer) =>
      layer.className === "Dense" && layer.name === "hidden" ? { ...layer, config: { ...layer.config, units } } : layer,
    ) as readonly Layer[];
    const array = (shape: readonly number[]) => {
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
      return { dtype: "float32", shape, data } as const;
    };
    const weights: NetworkWeights = new Map([
      [
        "hidden",
        [
          { name: "kernel", array: array([features, units]) },
          { name: "bias", array: array([units]) },
        ],
      ],
      [
        "predictions",
        [
          { name: "kernel", array: array([units, 3]) },
          { name: "bias", array: array([3]) },
        ],
      ],
    ]);
    const before = process.memoryUsage.rss();
    await expect(onnx().loadForTraining({ ...small, layers, weights }, headTraining)).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(/"kernel" of layer "hidden" takes 1610612736 bytes, and 4833935360 with.*4 GiB/),
    });
    expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(256);
  });

  test("leaves no thread where a network is refused", async () => {
    const config = { poolSize: [2, 2], strides: [2, 2], padding: "same" } as const;
    const { network } = imageNetwork({ className: "AveragePooling2D", config });
    const [input, ...rest] = network.layers as readonly [Layer<"InputLayer">, ...Layer[]];
    const free: Network = {
      ...network,
      layers: [{ ...input, config: { shape: [null, null, 2], dtype: "float32" } }, ...rest],
    };
    const threads = () =>
      (process.report.getReport() as unknown as { readonly workers: readonly unknown[] }).workers.length;
    const before = threads();
    await expect(onnx().loadForTraining(free, headTraining)).rejects.toMatchObject({ name: "UnsupportedError" });
    // A thread is in the report only once it has started.
    await setTimeout(500);
    expect(threads()).toBe(before);
  });

  test("a state that is read while steps are under way is that between two of them", async () => {
    const { network, xs, ys } = headNetwork(odd);
    const [head, other] = [
      await onnx().loadForTraining(network, headTraining),
      await onnx().loadForTraining(network, headTraining),
    ];
    const [, state] = await Promise.all([head.step(xs, ys), head.readState(), head.step(xs, ys)]);
    await other.step(xs, ys);
    expect(state).toEqual(await other.readState());
    // It is a copy: what is done to it does not reach the network, nor the other way round.
    for (const weight of [...state.weights.values()].flat()) weight.array.data.fill(0);
    await other.step(xs, ys);
    expect(await head.readState()).toEqual(await other.readState());
    await Promise.all([head.dispose(), other.dispose()]);
  });

  test("holds no more memory after 20 networks that were disposed of than after 5", async () => {
    const { network, xs, ys } = headNetwork({ features: 20_000, hidden: 200, rows: 4 });
    const resident = async (networks: number) => {
      for (let i = 0; i < networks; i++) {
        const head = await onnx().loadForTraining(network, headTraining);
        await head.step(xs, ys);
        await head.dispose();
      }
      return process.memoryUsage.rss() / 2 ** 20;
    };
    const before = await resident(5);
    // Each holds 61 MiB: kept, they would be 915.
    expect((await resident(15)) - before).toBeLessThan(200);
  });

  test("leaves the event loop free while it computes", async () => {
    const { network, xs, ys } = headNetwork({ features: 20_000, hidden: 200, rows: 64 });
    const head = await onnx().loadForTraining(network, headTraining);
    await head.step(xs, ys);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    for (let i = 0; i < 5; i++) await head.step(xs, ys);
    clearInterval(timer);
    await head.dispose();
    expect(ticks).toBeGreaterThan(10);
  });

  test("holds no more memory after 1,000 steps than after 100", async () => {
    const { network, xs, ys } = headNetwork({ features: 2000, hidden: 64, rows: 32 });
    const head = await onnx().loadForTraining(network, headTraining);
    const resident = async (steps: number) => {
      for (let i = 0; i < steps; i++) await head.step(xs, ys);
      return process.memoryUsage.rss() / 2 ** 20;
    };
    const before = await resident(100);
    // A step brings 256 KB along: kept, they would be 230 MB.
    expect((await resident(900)) - before).toBeLessThan(80);
    await head.dispose();
  });
});
