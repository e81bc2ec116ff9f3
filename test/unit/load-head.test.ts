import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { createNetwork } from "../../src/backbones/create-network.js";
import { vgg16 } from "../../src/backbones/vgg.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import type { HDF5Item, WritableHDF5Engine } from "../../src/hdf5/engine.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { readKerasModel } from "../../src/keras/read-model.js";
import { encodeKerasModel } from "../../src/keras/write-model.js";
import type { Network } from "../../src/network/network.js";
import { headNetwork } from "../../src/training/head-network.js";
import { TransferHead } from "../../src/transfer-head.js";
import { separableData } from "../support/separable-data.js";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/keras-models/${name}.h5`, import.meta.url));
const classLabels = ["a", "b", "c"];
const network = headNetwork({ inputShape: [6], classLabels, hidden: [4] });
const load = (source: Uint8Array | string, options = {}) =>
  TransferHead.load(source, { backend: tfjsCpu(), ...options });

/** Writes files with one text of the model config replaced, as another program might have written it. */
function editing(search: string | RegExp, replacement: string): WritableHDF5Engine {
  const engine = h5wasm();
  function* edit(items: Iterable<HDF5Item>): Generator<HDF5Item> {
    for (const item of items) {
      const config = item.attributes?.get("model_config");
      if (config?.dtype !== "string") {
        yield item;
        continue;
      }
      const edited = String(config.data[0]).replace(search, replacement);
      expect(edited).not.toBe(config.data[0]);
      yield {
        ...item,
        attributes: new Map([...(item.attributes ?? []), ["model_config", { ...config, data: [edited] }]]),
      };
    }
  }
  return { ...engine, encode: (items) => engine.encode(edit(items)) };
}

describe("TransferHead.load", () => {
  test.each(["keras3-sequential-head", "keras2-sequential-head"])(
    "loads %s of real Keras when labels are given",
    async (name) => {
      await using head = await load(fixture(name), { classLabels });
      expect(head.classLabels).toEqual(classLabels);
      expect(head.inputShape).toEqual([6]);
      const { xs } = separableData(3, [6], 3);
      const { shape } = await head.predict({ dtype: "float32", shape: [3, 6], data: xs });
      expect(shape).toEqual([3, 3]);
      const data = separableData(60, [6], 3);
      const [log] = await head.fit({ ...data, classLabels }, { epochs: 1 });
      expect(log?.epoch).toBe(1);
    },
  );

  test("takes learning rate and penalty from the file, unless options say otherwise", async () => {
    const options = { classLabels: ["a", "b", "c", "d"] };
    const data = separableData(16, [2, 2, 3], 4);
    await using ofFile = await load(fixture("keras3-functional-head"), options);
    await using without = await load(fixture("keras3-functional-head"), { ...options, l2: 0 });
    const difference =
      (await ofFile.evaluate({ ...data, classLabels: options.classLabels })).loss -
      (await without.evaluate({ ...data, classLabels: options.classLabels })).loss;
    const kernels = [...(await ofFile.network()).weights.values()].flat().filter(({ name }) => name === "kernel");
    const squares = kernels.flatMap(({ array }) => [...array.data]).reduce((sum, value) => sum + value * value, 0);
    expect(difference).toBeCloseTo(0.0625 * squares, 6);
  });

  test.each([
    ["no labels", {}, /holds no class labels.*names of its 3 classes/],
    ["two labels for three classes", { classLabels: ["a", "b"] }, /tells 3 classes apart, but there are 2/],
    ["a label twice", { classLabels: ["a", "b", "a"] }, /"a" twice/],
    ["a learning rate of zero", { classLabels, learningRate: 0 }, /`learningRate` is 0/],
  ])("refuses %s", async (_, options, message) => {
    await expect(load(fixture("keras3-sequential-head"), options)).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });

  test.each<readonly [string, () => Promise<Uint8Array | string>, string, RegExp]>([
    [
      "a network of two inputs",
      async () => fixture("keras3-picture-network"),
      "UnsupportedError",
      /2 inputs and 2 outputs/,
    ],
    [
      "a head that ends in another activation",
      () => encodeKerasModel(network, { engine: editing('"softmax"', '"sigmoid"') }),
      "UnsupportedError",
      /"predictions" has the activation sigmoid/,
    ],
    [
      "a layer that is not known",
      () => encodeKerasModel(network, { engine: editing('"class_name":"Dense"', '"class_name":"Lambda"') }),
      "UnsupportedError",
      /"hidden_1".*Lambda/,
    ],
    [
      "fewer units than the weights have",
      () => encodeKerasModel(network, { engine: editing('"units":4', '"units":5') }),
      "InvalidWeightsError",
      /"hidden_1"/,
    ],
    [
      "a config that is no JSON",
      () => encodeKerasModel(network, { engine: editing(/^\{/, "{{") }),
      "InvalidModelError",
      /"model_config".*not JSON/,
    ],
    ["a file that is no HDF5", async () => new Uint8Array(100), "InvalidDatasetError", /HDF5/],
    ["a file that is not there", async () => "no/such/file.h5", "FileAccessError", /no such file/],
    [
      "a feature file",
      async () =>
        h5wasm().encode([{ path: "/features", data: { dtype: "float32", shape: [1], data: new Float32Array(1) } }]),
      "InvalidModelError",
      /no `model_config`/,
    ],
  ])("refuses %s", async (_, make, name, message) => {
    await expect(load(await make(), { classLabels })).rejects.toMatchObject({
      name,
      message: expect.stringMatching(message),
    });
  });

  test("predicts with a head whose layers are frozen, but does not train it as if they were not", async () => {
    const engine = editing('"name":"hidden_1","trainable":true', '"name":"hidden_1","trainable":false');
    await using head = await load(await encodeKerasModel(network, { engine, classLabels }));
    await head.predict({ dtype: "float32", shape: [1, 6], data: new Float32Array(6) });
    await expect(head.fit(separableData(6, [6], 3))).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(/"hidden_1" are frozen/),
    });
  });

  test("does not train with another penalty than the file's in silence", async () => {
    const engine = editing(/"kernel_regularizer":null/, '"kernel_regularizer":{"class_name":"L1","config":{"l1":0.1}}');
    const bytes = await encodeKerasModel(network, { engine, classLabels: ["class 0", "class 1", "class 2"] });
    await using head = await load(bytes);
    const data = separableData(6, [6], 3);
    await expect(head.fit(data)).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(/Pass `l2`/),
    });
    await using told = await load(bytes, { l2: 0.1 });
    expect(await told.fit(data, { epochs: 1 })).toHaveLength(1);
  });
});

describe("encodeKerasModel", () => {
  async function readBack(bytes: Uint8Array) {
    const file = await h5wasm().open(bytes);
    const model = await readKerasModel(file, "bytes");
    await file.close();
    return model;
  }

  test("writes any network of known layers, such as a backbone, and reads it back as it was", async () => {
    const backbone: Network = await createNetwork(vgg16, { weights: "random", seed: 1, imageSize: [32, 32] });
    const { network: again, classLabels: labels, metadata } = await readBack(await encodeKerasModel(backbone));
    expect(again.layers).toEqual(backbone.layers);
    expect([...again.weights.keys()]).toEqual([...backbone.weights.keys()]);
    const bytesOf = ({ weights }: Network, layer: string) =>
      (weights.get(layer) ?? []).map(({ array }) =>
        Buffer.from(array.data.buffer, array.data.byteOffset, array.data.byteLength),
      );
    for (const layer of backbone.weights.keys()) {
      const [before, after] = [bytesOf(backbone, layer), bytesOf(again, layer)];
      expect(before.every((bytes, index) => bytes.equals(after[index] ?? Buffer.alloc(0)))).toBe(true);
    }
    expect([labels, metadata]).toEqual([undefined, undefined]);
  });

  test("cuts a list of names that is too long for one attribute, as Keras does", async () => {
    const names = Array.from({ length: 700 }, (_, index) => `${"long".repeat(30)}_${index}`);
    const long: Network = {
      name: "long",
      layers: [
        { className: "InputLayer", name: "in", inputs: [], config: { shape: [2], dtype: "float32" } },
        ...names.map(
          (name, index) => ({ className: "Flatten", name, inputs: [names[index - 1] ?? "in"], config: {} }) as const,
        ),
      ],
      inputs: ["in"],
      outputs: [names.at(-1) ?? ""],
      weights: new Map(),
    };
    const bytes = await encodeKerasModel(long);
    const file = await h5wasm().open(bytes);
    const attributes = await file.attributes("/model_weights");
    await file.close();
    expect(attributes).toEqual(expect.arrayContaining(["layer_names0", "layer_names1"]));
    expect(attributes).not.toContain("layer_names");
    expect((await readBack(bytes)).network.layers).toEqual(long.layers);
  });

  test("refuses preprocessing, which Keras has as a function only, and weights that do not fit", async () => {
    const preprocessed: Network = {
      name: "preprocessed",
      layers: [
        { className: "InputLayer", name: "pixels", inputs: [], config: { shape: [4, 4, 3], dtype: "uint8" } },
        { className: "PreprocessInput", name: "preprocess", inputs: ["pixels"], config: { mode: "caffe" } },
      ],
      inputs: ["pixels"],
      outputs: ["preprocess"],
      weights: new Map(),
    };
    await expect(encodeKerasModel(preprocessed)).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(/"preprocess".*mode "caffe"/),
    });
    await expect(encodeKerasModel({ ...network, weights: new Map() })).rejects.toMatchObject({
      name: "InvalidNetworkError",
      layer: "hidden_1",
    });
  });

  test("writes what h5py users expect: names of classes and metadata beside Keras's own groups", async () => {
    const bytes = await encodeKerasModel(network, { classLabels, metadata: { backbone: "vgg16", size: 224 } });
    const file = await h5wasm().open(bytes);
    expect(await file.list("/")).toEqual(["label_names", "model_weights"]);
    expect(await file.readStrings("label_names")).toEqual(classLabels);
    expect((await file.attribute("/", "metadata"))?.data[0]).toBe('{"backbone":"vgg16","size":224}');
    expect((await file.attribute("/model_weights/features", "weight_names"))?.shape).toEqual([0]);
    expect((await file.attribute("/model_weights/predictions", "weight_names"))?.data).toEqual([
      "predictions/kernel:0",
      "predictions/bias:0",
    ]);
    await file.close();
  });
});
