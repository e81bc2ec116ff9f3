import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsNode } from "../../src/backends/tfjs/tfjs-node.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { TrainableBackend } from "../../src/backends/trainable-backend.js";
import type { NdArray } from "../../src/ndarray.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network, NetworkWeights } from "../../src/network/network.js";
import { tfjsNodeHint, tfjsNodeIsBuilt, tfjsNodeModule } from "../support/tfjs-node-build.js";

interface TrainingCase {
  readonly l2: number;
  readonly learningRate: number;
  readonly inputShape: readonly number[];
  readonly layers: readonly { readonly className: string; readonly name: string; readonly config: object }[];
  readonly start: WeightLists;
  readonly xs: readonly (readonly number[])[];
  readonly ys: readonly (readonly number[])[];
  readonly losses: readonly number[];
  readonly outputs: readonly (readonly number[])[];
  readonly end: WeightLists;
}

type WeightLists = Record<
  string,
  readonly { readonly name: string; readonly shape: readonly number[]; readonly data: readonly number[] }[]
>;

const folder = new URL("../fixtures/training-steps/", import.meta.url);
const cases = new Map(
  readdirSync(folder).map((file) => [
    file.replace(".json", ""),
    JSON.parse(readFileSync(new URL(file, folder), "utf8")) as TrainingCase,
  ]),
);
const heads = [...cases.keys()].filter((name) => name !== "convolution");
const rows = 8;

const backends: readonly { readonly name: string; readonly run: boolean; readonly backend: () => TrainableBackend }[] =
  [
    { name: "tfjs-wasm", run: true, backend: () => tfjsWasm() },
    { name: "tfjs-cpu", run: true, backend: () => tfjsCpu() },
    { name: `tfjs-node${tfjsNodeHint}`, run: tfjsNodeIsBuilt, backend: () => tfjsNode({ module: tfjsNodeModule }) },
  ];

describe.each(backends)("$name", ({ run, backend, name }) => {
  const trains = name.startsWith("tfjs-wasm") ? heads : [...cases.keys()];

  test.runIf(run).each(trains)(
    "takes ten steps of Adam on %s with the losses, outputs and weights of Keras",
    async (caseName) => {
      const golden = cases.get(caseName) as TrainingCase;
      const network = networkOf(golden);
      const trained = await backend().loadForTraining(network, {
        loss: "categorical_crossentropy",
        optimizer: { name: "adam", learningRate: golden.learningRate, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
        l2: golden.l2,
        seed: 0,
      });
      for (const [index, loss] of golden.losses.entries()) {
        const xs = array([rows, ...golden.inputShape], golden.xs[index] as number[]);
        const result = await trained.step(xs, array([rows, 3], golden.ys[index] as number[]));
        expect(Math.abs(result.loss - loss) / loss).toBeLessThan(1e-5);
        expect(relativeError(result.outputs.data, golden.outputs[index] as number[])).toBeLessThan(1e-5);
      }
      const weights = await trained.readWeights();
      for (const [layer, expected] of Object.entries(golden.end)) {
        for (const [position, { data }] of expected.entries()) {
          const weight = weights.get(layer)?.[position]?.array.data ?? new Float32Array();
          expect(relativeError(weight, data), `${layer} ${position}`).toBeLessThan(1e-5);
        }
      }
      await trained.dispose();
    },
  );
});

function networkOf({ inputShape, layers, start }: TrainingCase): Network {
  const input: Layer = {
    className: "InputLayer",
    name: "input",
    inputs: [],
    config: { shape: inputShape, dtype: "float32" },
  };
  const rest = layers.map((layer, index) => ({ ...layer, inputs: [layers[index - 1]?.name ?? "input"] }) as Layer);
  return {
    name: "golden",
    layers: [input, ...rest],
    inputs: ["input"],
    outputs: [rest.at(-1)?.name ?? ""],
    weights: weightsOf(start),
  };
}

function weightsOf(lists: WeightLists): NetworkWeights {
  return new Map(
    Object.entries(lists).map(([layer, weights]) => [
      layer,
      weights.map(({ name, shape, data }) => ({ name, array: array(shape, data) })),
    ]),
  );
}

function array(shape: readonly number[], data: readonly number[]): NdArray<"float32"> {
  return { dtype: "float32", shape, data: Float32Array.from(data) };
}

/** Greatest difference, relative to the greatest expected value. */
function relativeError(actual: Float32Array, expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] as number)))) / scale;
}
