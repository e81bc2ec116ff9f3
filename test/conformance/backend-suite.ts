import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createNetwork } from "../../src/backbones/create-network.js";
import type { Backend, LoadedNetwork } from "../../src/backends/backend.js";
import { isCnnTransferError } from "../../src/errors.js";
import type { NdArray } from "../../src/ndarray.js";
import { featureNetwork } from "../../src/network/feature-network.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network } from "../../src/network/network.js";
import { randomWeights } from "../../src/network/random-weights.js";
import { goldenBackbone, goldenDifference, goldenInput, readRandomNetworks } from "../support/backbone-goldens.js";
import type { BackendUnderTest } from "../support/backends.js";
import {
  type ConformanceNetwork,
  conformanceWeights,
  loadConformanceNetworks,
  relativeError,
  takeRows,
} from "../support/conformance-networks.js";
import { layer } from "../support/layers.js";
import { readVggMiniGolden, vggMiniPixels } from "../support/vgg-mini-golden.js";

/** Difference that is allowed, relative to an output's greatest value. */
const tolerance = 1e-5;

/** Declares everything that is asked of a backend. */
export function describeBackend(subject: BackendUnderTest): void {
  const networks = loadConformanceNetworks();
  const named = (name: string) => networks.find((candidate) => candidate.name === name) as ConformanceNetwork;

  describe("computes what Keras computes", () => {
    test.each(networks)("for $name", async ({ network, cases }) => {
      await using loaded = await load(subject.create(), network);
      expect(loaded.outputs).toEqual(network.outputs);
      for (const { inputs, outputs } of cases) expectOutputs(network, await loaded.run(inputs), outputs);
    });
  });

  describe("computes whole backbones as Keras does, with random weights", () => {
    for (const golden of readRandomNetworks()) {
      const size = golden.imageSize.join("x");
      const title = `${golden.backbone}${golden.alpha === undefined ? "" : ` ${golden.alpha}`} at ${size}, ${golden.includeTop ? "with" : "without"} top`;
      const skipped = subject.slowBackbones?.test(golden.backbone) ?? false;
      test.skipIf(skipped)(
        skipped ? `${title} (skipped: slow on this backend, whose layers are tested one by one)` : title,
        async () => {
          const topology = goldenBackbone(golden).topology(golden);
          const network = { ...topology, weights: randomWeights(topology, golden.seed) };
          const outputs = golden.layers.map(({ name }) => name);
          await using loaded = await load(subject.create(), network, { outputs });
          const results = await loaded.run([goldenInput(golden.input)]);
          const wrong = golden.layers.flatMap((layer, i) => {
            const difference = goldenDifference(layer, results[i] as NdArray<"float32">);
            return difference <= (golden.tolerance ?? tolerance) ? [] : [`${layer.name}: ${difference}`];
          });
          expect(wrong).toEqual([]);
        },
      );
    }
  });

  describe("computes what Keras computes with trained weights, from pixels to pooled features and classes", () => {
    test.each(readVggMiniGolden().cases)("vgg-mini at $size", async (golden) => {
      const pixels = vggMiniPixels(golden);
      const network = await createNetwork("vgg-mini", { includeTop: true, imageSize: golden.size });
      const { network: both, features } = featureNetwork(
        { ...network, outputs: ["block5_pool", "predictions"] },
        { layers: ["block5_pool", "predictions"], preprocess: "caffe", imageSize: golden.size },
      );
      await using loaded = await load(subject.create(), both, { outputs: features.map(({ output }) => output) });
      const [pooled, probabilities] = await loaded.run([pixels]);
      const expected = {
        dtype: "float32",
        shape: [golden.rows, 256],
        data: Float32Array.from(golden.features.flat()),
      } as const;
      expect(relativeError(pooled as NdArray<"float32">, expected)).toBeLessThanOrEqual(tolerance);
      for (const [row, best] of golden.best.entries()) {
        for (const [label, probability] of best) {
          expect(probabilities?.data[row * 200 + label]).toBeCloseTo(probability, 5);
        }
      }
    });
  });

  describe("takes batches of any size", () => {
    test.each([1, 2, 33])("%i rows", async (rows) => {
      const { network, cases } = named("classifier");
      const [{ inputs, outputs }] = cases as [ConformanceNetwork["cases"][number]];
      const numbers = Array.from({ length: rows }, (_, i) => i % 3);
      await using loaded = await load(subject.create(), network);
      const results = await loaded.run(inputs.map((input) => takeRows(input, numbers)));
      expectOutputs(
        network,
        results,
        outputs.map((output) => takeRows(output, numbers)),
      );
    });

    test("a last batch that is smaller gives the same rows as the full ones", async () => {
      const { network, cases } = named("convolutions");
      const [{ inputs, outputs }] = cases as [ConformanceNetwork["cases"][number]];
      await using loaded = await load(subject.create(), network);
      for (const numbers of [[0, 1], [2]]) {
        const results = await loaded.run(inputs.map((input) => takeRows(input, numbers)));
        expectOutputs(
          network,
          results,
          outputs.map((output) => takeRows(output, numbers)),
        );
      }
    });
  });

  describe("gives the layers that it is asked for", () => {
    test("several in one pass, in the order asked for, inputs and inner layers too", async () => {
      const { network, cases } = named("classifier");
      const [{ inputs }] = cases as [ConformanceNetwork["cases"][number]];
      const outputs = ["block_sum", "predictions", "pixels", "stem_relu"];
      await using all = await load(subject.create(), network, { outputs });
      expect(all.outputs).toEqual(outputs);
      const results = await all.run(inputs);
      expect(results.map(({ shape }) => shape)).toEqual([
        [3, 16, 15, 8],
        [3, 5],
        [3, 33, 30, 3],
        [3, 16, 15, 8],
      ]);
      expect([...(results[2]?.data ?? [])]).toEqual([...(inputs[0]?.data ?? [])]);
      for (const [i, name] of outputs.entries()) {
        await using alone = await load(subject.create(), network, { outputs: [name] });
        const [result] = await alone.run(inputs);
        expect(relativeError(result as NdArray<"float32">, results[i] as NdArray<"float32">)).toBeLessThan(tolerance);
      }
    });

    test("an input that no wanted layer needs is still given", async () => {
      const { network, cases } = named("shared-layers");
      const [{ inputs, outputs }] = cases as [ConformanceNetwork["cases"][number]];
      await using loaded = await load(subject.create(), network, { outputs: ["tower_1"] });
      expect(loaded.inputShapes).toEqual([
        [6, 6, 2],
        [6, 6, 2],
      ]);
      const [result] = await loaded.run(inputs);
      const expected = outputs[network.outputs.indexOf("tower_1")];
      expect(relativeError(result as NdArray<"float32">, expected as NdArray<"float32">)).toBeLessThan(tolerance);
    });

    test("a layer that does not exist is refused by name", async () => {
      await expect(load(subject.create(), named("dense").network, { outputs: ["no_such_layer"] })).rejects.toSatisfy(
        (error) => isCnnTransferError(error, "InvalidArgumentError") && error.message.includes("no_such_layer"),
      );
    });
  });

  describe("refuses what does not fit", () => {
    const { network, cases } = named("unknown-size");
    const pixels = cases[0]?.inputs[0] as NdArray<"uint8">;
    let loaded: LoadedForTest;
    beforeAll(async () => {
      loaded = await load(subject.create(), network);
    });
    afterAll(() => loaded.dispose());

    test.each([
      ["another number of channels", { ...pixels, shape: [3, 11, 21, 2] }, ["any, any, any, 3", "3, 11, 21, 2"]],
      ["another number of axes", { ...pixels, shape: [3, 154, 3] }, ["any, any, any, 3", "3, 154, 3"]],
      ["an empty batch", { ...pixels, shape: [0, 11, 14, 3], data: new Uint8Array(0) }, ["0, 11, 14, 3"]],
      [
        "another dtype",
        { dtype: "float32", shape: pixels.shape, data: Float32Array.from(pixels.data) },
        ["uint8", "float32"],
      ],
      ["fewer values than the shape says", { ...pixels, data: pixels.data.slice(1) }, ["3, 11, 14, 3", "1385"]],
    ] as [string, NdArray, string[]][])("%s", async (_, input, words) => {
      const error = await loaded.run([input]).catch((reason: unknown) => reason);
      expect(isCnnTransferError(error, "ShapeMismatchError")).toBe(true);
      for (const word of words) expect((error as Error).message).toContain(word);
    });

    test("another number of inputs", async () => {
      await expect(loaded.run([pixels, pixels])).rejects.toSatisfy((error) =>
        isCnnTransferError(error, "ShapeMismatchError"),
      );
    });

    test("and works afterwards", async () => {
      expectOutputs(network, await loaded.run([pixels]), cases[0]?.outputs ?? []);
    });

    test("a network with a layer of a kind that it does not know", async () => {
      const strange: Network = {
        name: "strange",
        inputs: ["x"],
        outputs: ["y"],
        layers: [
          { className: "InputLayer", name: "x", inputs: [], config: { shape: [4], dtype: "float32" } },
          { className: "Lambda", name: "y", inputs: ["x"], config: {} } as unknown as Layer,
        ],
        weights: new Map(),
      };
      await expect(load(subject.create(), strange)).rejects.toSatisfy(
        (error) =>
          isCnnTransferError(error, "UnsupportedError") &&
          error.message.includes("Lambda") &&
          error.message.includes('"y"'),
      );
    });

    test("a network without the weights that its layers need", async () => {
      await expect(load(subject.create(), { ...network, weights: new Map() })).rejects.toSatisfy(
        (error) => isCnnTransferError(error, "InvalidNetworkError") && error.message.includes("stem"),
      );
    });
  });

  describe("keeps its promises about runs and memory", () => {
    test("overlapping runs are each answered with their own result, in order", async () => {
      const { network, cases } = named("classifier");
      const [{ inputs, outputs }] = cases as [ConformanceNetwork["cases"][number]];
      await using loaded = await load(subject.create(), network);
      const finished: number[] = [];
      await Promise.all(
        Array.from({ length: 9 }, async (_, i) => {
          const rows = [i % 3];
          const results = await loaded.run(inputs.map((input) => takeRows(input, rows)));
          finished.push(i);
          expectOutputs(
            network,
            results,
            outputs.map((output) => takeRows(output, rows)),
          );
        }),
      );
      expect(finished).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    });

    test("the caller's arrays stay whole, and may be overwritten as soon as `run` has resolved", async () => {
      const { network, cases } = named("classifier");
      const [{ inputs, outputs }] = cases as [ConformanceNetwork["cases"][number]];
      const batch = inputs.map((input) => takeRows(input, [0, 1, 2]));
      await using loaded = await load(subject.create(), network);
      const results = await loaded.run(batch);
      expect(batch).toEqual(inputs);
      for (const { data } of batch) data.fill(0 as never);
      await loaded.run(batch);
      expectOutputs(network, results, outputs);
    });

    test("an aborted signal rejects with its reason, and a later run still works", async () => {
      const { network, cases } = named("classifier");
      const [{ inputs, outputs }] = cases as [ConformanceNetwork["cases"][number]];
      await using loaded = await load(subject.create(), network);
      const reason = new Error("enough");
      await expect(loaded.run(inputs, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      await expect(load(subject.create(), network, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);

      const controller = new AbortController();
      const runs = Array.from({ length: 6 }, () => loaded.run(inputs, { signal: controller.signal }));
      controller.abort(reason);
      const settled = await Promise.allSettled(runs);
      expect(settled.at(-1)).toEqual({ status: "rejected", reason });
      expectOutputs(network, await loaded.run(inputs), outputs);
    });

    test("after `dispose`, which may be called twice, a run is refused and nothing is held", async () => {
      const { network, cases } = named("classifier");
      const [{ inputs }] = cases as [ConformanceNetwork["cases"][number]];
      const backend = subject.create();
      await backend.init();
      const before = await subject.held();
      const loaded = await backend.load(network);
      await loaded.run(inputs);
      await loaded.run(inputs, { signal: AbortSignal.abort("no") }).catch(() => undefined);
      await loaded.run([]).catch(() => undefined);
      expect(await subject.held()).toBeGreaterThan(before);
      await loaded.dispose();
      await loaded.dispose();
      expect(await subject.held()).toBe(before);
      await expect(loaded.run(inputs)).rejects.toSatisfy((error) => isCnnTransferError(error, "ClosedError"));
    });

    test("runs that wait while it is disposed of all end, one way or the other", async () => {
      const { network, cases } = named("classifier");
      const [{ inputs, outputs }] = cases as [ConformanceNetwork["cases"][number]];
      const loaded = await load(subject.create(), network);
      const runs = Array.from({ length: 5 }, () => loaded.run(inputs));
      const settled = Promise.allSettled(runs);
      await loaded.dispose();
      for (const result of await settled) {
        if (result.status === "fulfilled") expectOutputs(network, result.value, outputs);
        else expect(isCnnTransferError(result.reason, "ClosedError")).toBe(true);
      }
    });

    test("ten loads and disposals hold no more than none", async () => {
      const { network, cases } = named("dense");
      const [{ inputs }] = cases as [ConformanceNetwork["cases"][number]];
      const backend = subject.create();
      await backend.init();
      const before = await subject.held();
      for (let i = 0; i < 10; i++) {
        await using loaded = await load(backend, network);
        await loaded.run(inputs);
      }
      expect(await subject.held()).toBe(before);
    });

    test("two networks loaded at once do not disturb each other", async () => {
      const one = named("dense");
      const other = named("pooling");
      const backend = subject.create();
      await using first = await load(backend, one.network);
      await using second = await load(backend, other.network);
      const [a, b] = await Promise.all([
        first.run(one.cases[0]?.inputs ?? []),
        second.run(other.cases[0]?.inputs ?? []),
      ]);
      expectOutputs(one.network, a, one.cases[0]?.outputs ?? []);
      expectOutputs(other.network, b, other.cases[0]?.outputs ?? []);
    });

    test("says what it is", async () => {
      const backend = subject.create();
      await backend.init();
      await backend.init();
      expect(backend).toMatchObject({ specVersion: 1, name: subject.name });
      expect(backend.description).toMatch(/\d+\.\d+/);
    });
  });

  const ticking = "timers go on ticking while it computes";
  const noThread = `${ticking} (skipped: this backend has no thread of its own)`;
  test.runIf(subject.ownThread)(subject.ownThread ? ticking : noThread, async () => {
    const size = 256;
    const network = heavyNetwork(size);
    await using loaded = await load(subject.create(), network);
    const input = { dtype: "float32", shape: [2, size, size, 3], data: new Float32Array(2 * size * size * 3) } as const;
    await loaded.run([input]);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const start = performance.now();
    await loaded.run([input]);
    const elapsed = performance.now() - start;
    clearInterval(timer);
    // Long enough to tell the difference; a blocked loop would tick once or never.
    expect(elapsed).toBeGreaterThan(50);
    expect(ticks).toBeGreaterThan(elapsed / 20);
  });
}

type LoadedForTest = LoadedNetwork & AsyncDisposable;

async function load(
  backend: Backend,
  network: Network,
  options: Parameters<Backend["load"]>[1] = {},
): Promise<LoadedForTest> {
  const loaded = await backend.load(network, options);
  return Object.assign(loaded, { [Symbol.asyncDispose]: () => loaded.dispose() });
}

function expectOutputs(
  network: Network,
  actual: readonly NdArray<"float32">[],
  expected: readonly NdArray<"float32">[],
): void {
  expect(actual.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
  const wrong = expected.flatMap((output, i) => {
    const error = relativeError(actual[i] as NdArray<"float32">, output);
    return error <= tolerance ? [] : [`${network.outputs[i]}: ${error}`];
  });
  expect(wrong).toEqual([]);
}

/** A network that takes a while: four convolutions over a large picture. */
function heavyNetwork(size: number): Network {
  const layers: Layer[] = [
    { className: "InputLayer", name: "x", inputs: [], config: { shape: [size, size, 3], dtype: "float32" } },
  ];
  for (let i = 0; i < 4; i++) {
    const settings = { filters: 64, activation: "relu" } as const;
    layers.push(layer("Conv2D", `conv_${i}`, [layers[i]?.name ?? ""], settings));
  }
  layers.push({ className: "GlobalAveragePooling2D", name: "y", inputs: ["conv_3"], config: { keepdims: false } });
  const topology = { name: "heavy", layers, inputs: ["x"], outputs: ["y"] };
  return { ...topology, weights: conformanceWeights(topology, 1) };
}
