import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Backend } from "../../src/backends/backend.js";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { autoEngine } from "../../src/hdf5/auto-engine.js";
import type { HDF5Engine } from "../../src/hdf5/engine.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { readKerasModel } from "../../src/keras/read-model.js";
import type { NdArray } from "../../src/ndarray.js";
import type { Network } from "../../src/network/network.js";

interface Values {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface Case {
  readonly file: string;
  readonly inputs: readonly Values[];
  readonly outputs: readonly Values[];
  readonly l2?: number;
  readonly learningRate?: number;
}

const fixtures = new URL("../fixtures/keras-models/", import.meta.url);
const cases = JSON.parse(readFileSync(new URL("cases.json", fixtures), "utf8")) as readonly Case[];
const backends: readonly (() => Backend)[] = [onnx, tfjsWasm];

async function readModel(path: string, engine: HDF5Engine = h5wasm()) {
  const file = await engine.open(path);
  try {
    return await readKerasModel(file, path);
  } finally {
    await file.close();
  }
}

async function expectOutputs(
  network: Network,
  inputs: readonly Values[],
  outputs: readonly Values[],
  tolerance: number,
) {
  const arrays = inputs.map(({ shape, data }): NdArray => ({ dtype: "float32", shape, data: Float32Array.from(data) }));
  for (const makeBackend of backends) {
    const backend = makeBackend();
    await backend.init();
    const loaded = await backend.load(network);
    try {
      const results = await loaded.run(arrays);
      expect(results.map(({ shape }) => shape)).toEqual(outputs.map(({ shape }) => shape));
      for (const [index, { data }] of results.entries()) {
        const golden = outputs[index]?.data ?? [];
        const scale = Math.max(...golden.map(Math.abs));
        const error = Math.max(...data.map((value, at) => Math.abs(value - (golden[at] as number))));
        expect(error / scale, `${backend.name}, output ${index}`).toBeLessThan(tolerance);
      }
    } finally {
      await loaded.dispose();
    }
  }
}

describe("readKerasModel", () => {
  test.each(cases)("runs $file as real Keras does, on every backend", async ({ file, inputs, outputs }) => {
    const { network } = await readModel(fileURLToPath(new URL(file, fixtures)));
    await expectOutputs(network, inputs, outputs, 1e-5);
  });

  test.each(cases)("finds in $file how it was compiled", async ({ file, l2, learningRate }) => {
    const model = await readModel(fileURLToPath(new URL(file, fixtures)), autoEngine());
    expect(model.l2).toBe(l2 ?? 0);
    expect(model.learningRate).toBe(learningRate);
    expect(model.classLabels).toBeUndefined();
  });

  test("keeps the layers in Keras's order and gives a layer that is applied twice a second entry", async () => {
    const { network } = await readModel(fileURLToPath(new URL("keras3-picture-network.h5", fixtures)));
    const shared = network.layers.filter(({ name, weightsOf }) => name === "shared" || weightsOf === "shared");
    expect(shared.map(({ name, weightsOf }) => [name, weightsOf])).toEqual([
      ["shared", undefined],
      ["shared_1", "shared"],
    ]);
    expect(network.inputs).toEqual(["second", "first"]);
  });
});

const models = fileURLToPath(new URL("../../../shared/data/keras_models/", import.meta.url));

describe.skipIf(!existsSync(models))("models of other people (skipped where ../shared/data is missing)", () => {
  test.each([
    "dogs_cats_cnn_k2.2.4-tf.h5",
    "mnist_cnn_gurdeep.h5",
    "shallownet_animals_k2.0.8.hdf5",
    "shallownet_animals_slava.hdf5",
    "siamese_functional_k2.0.8.h5",
  ])("%s gives the reference outputs", async (file) => {
    const reference = JSON.parse(readFileSync(`${models}reference_outputs/${file}.json`, "utf8")) as {
      readonly input_shapes: readonly (readonly number[])[];
      readonly outputs: readonly { readonly shape: readonly number[]; readonly values: readonly number[] }[];
    };
    const inputs = reference.input_shapes.map((shape, index) => ({
      shape,
      data: Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => 0.5 + 0.5 * Math.sin(0.37 * i + index)),
    }));
    const outputs = reference.outputs.map(({ shape, values }) => ({ shape, data: values }));
    const { network } = await readModel(models + file);
    await expectOutputs(network, inputs, outputs, 1e-4);
  });

  test.each([
    ["dl4j_sequential_lambda.h5", "UnsupportedError", /"lambda_1".*Lambda/],
    ["mnist_himal.weights.h5", "InvalidModelError", /no `model_config`.*weights only/],
    ["../weights/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5", "InvalidModelError", /weights only/],
  ])("%s is refused for the right reason", async (file, name, message) => {
    await expect(readModel(models + file)).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
  });
});
