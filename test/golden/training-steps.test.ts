import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsNode } from "../../src/backends/tfjs/tfjs-node.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import type { LayerTraining, TrainableBackend, TrainingOptions } from "../../src/backends/trainable-backend.js";
import type { Json } from "../../src/keras/layer-config.js";
import { readTopology } from "../../src/keras/read-topology.js";
import { type NdArray, sizeOf } from "../../src/ndarray.js";
import type { Network, NetworkWeights } from "../../src/network/network.js";
import { createRandom } from "../../src/random.js";
import { tfjsNodeHint, tfjsNodeIsBuilt, tfjsNodeModule } from "../support/tfjs-node-build.js";
import { anyWebgpu, webgpuHint, webgpuStarts } from "../support/webgpu.js";

type WeightLists = Record<
  string,
  readonly { readonly name: string; readonly shape: readonly number[]; readonly data: readonly number[] }[]
>;

type TrainingRun = Omit<TrainingOptions, "layers"> & {
  readonly name: string;
  readonly layers?: Record<string, LayerTraining>;
  readonly learningRates?: readonly number[];
  readonly weighted?: boolean;
  readonly losses: readonly number[];
  readonly outputs: readonly number[];
  readonly end: WeightLists;
};

interface Golden {
  readonly kerasVersion: string;
  readonly model: Json;
  readonly inputShape: readonly number[];
  readonly outputs: number;
  readonly start: WeightLists;
  /** Whether inputs are whole numbers from 0 to 255. */
  readonly pixels: boolean;
  readonly ys: readonly (readonly number[])[];
  readonly sampleWeights: readonly (readonly number[])[];
  readonly runs: readonly TrainingRun[];
}

const folder = new URL("../fixtures/training-steps/", import.meta.url);
const cases = readdirSync(folder)
  .sort()
  .flatMap((file) => {
    const golden = JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Golden;
    return golden.runs.map((training) => ({
      name: `${file.replace(".json", "")}: ${training.name}`,
      golden,
      training,
    }));
  });
const rows = 8;
const tolerance = 1e-5;

const backends: readonly { readonly name: string; readonly run: boolean; readonly backend: () => TrainableBackend }[] =
  [
    { name: "onnx", run: true, backend: () => onnx() },
    { name: "tfjs-wasm", run: true, backend: () => tfjsWasm() },
    { name: `tfjs-webgpu${webgpuHint}`, run: webgpuStarts, backend: anyWebgpu },
    { name: "tfjs-cpu", run: true, backend: () => tfjsCpu() },
    { name: `tfjs-node${tfjsNodeHint}`, run: tfjsNodeIsBuilt, backend: () => tfjsNode({ module: tfjsNodeModule }) },
  ];

describe.each(backends)("ten steps on $name have the losses, outputs and weights of Keras", ({ run, backend }) => {
  test.runIf(run).each(cases)("$name", async ({ golden, training }) => {
    const { layers = {}, learningRates, weighted, losses, outputs, end, name: _, ...options } = training;
    const loading = backend().loadForTraining(networkOf(golden), {
      ...options,
      layers: new Map(Object.entries(layers)),
      seed: 0,
    });
    if (resizes(golden) && backend().name !== "onnx") {
      await expect(loading).rejects.toMatchObject({
        name: "UnsupportedError",
        message: expect.stringMatching(/"larger" \(UpSampling2D\).*in tfjs that is wrong.*onnx\(\)/),
      });
      return;
    }
    const trained = await loading;
    const inputs = inputsOf(golden);
    let last = new Float32Array();
    for (const [index, loss] of losses.entries()) {
      const xs = inputs();
      const ys = array([rows, golden.outputs], golden.ys[index] as number[]);
      const result = await trained.step(xs, ys, {
        learningRate: learningRates?.[index],
        sampleWeights: weighted ? array([rows], golden.sampleWeights[index] as number[]) : undefined,
      });
      expect(Math.abs(result.loss - loss) / loss, `loss of step ${index + 1}`).toBeLessThan(tolerance);
      last = result.outputs.data as Float32Array<ArrayBuffer>;
    }
    expect(relativeError(last, outputs), "outputs").toBeLessThan(tolerance);
    const weights = await trained.readWeights();
    expect(Object.keys(end).sort()).toEqual([...weights.keys()].sort());
    for (const [layer, expected] of Object.entries(end)) {
      const still = layers[layer]?.trainable === false;
      for (const [position, { name, data }] of expected.entries()) {
        const weight = weights.get(layer)?.[position]?.array.data ?? new Float32Array();
        if (still)
          expect(weight, `${layer} ${name}`).toEqual(Float32Array.from(golden.start[layer]?.[position]?.data ?? []));
        expect(relativeError(weight, data), `${layer} ${name}`).toBeLessThan(tolerance);
      }
    }
    await trained.dispose();
  });
});

/** The inputs of one step after another, as the script draws them. */
function inputsOf({ inputShape, pixels }: Golden): () => NdArray<"float32"> {
  const random = createRandom(11);
  const draw = () => (pixels ? Math.floor(256 * random.double()) : -1 + 3 * random.double());
  return () => array([rows, ...inputShape], Array.from({ length: rows * sizeOf(inputShape) }, draw));
}

/** Whether gradients flow through layers that resize, of which tfjs has wrong ones. */
function resizes({ model }: Golden): boolean {
  return JSON.stringify(model).includes('"Resizing"');
}

function networkOf({ model, kerasVersion, start }: Golden): Network {
  return { ...readTopology(model, kerasVersion), weights: weightsOf(start) };
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
