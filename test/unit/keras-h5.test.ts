import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { kerasH5 } from "../../src/keras/keras-h5.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import { saveKeras } from "../../src/keras/save-keras.js";
import { randomWeights } from "../../src/network/random-weights.js";
import type { Values } from "../support/expect-outputs.js";
import { expectOutputs } from "../support/expect-outputs.js";
import { layer, networkOf } from "../support/layers.js";

const fixtures = fileURLToPath(new URL("../fixtures/keras-files/", import.meta.url));
interface Case {
  readonly name: string;
  readonly inputs: readonly Values[];
  readonly outputs: readonly Values[];
}

let folder: string;
let cases: readonly Case[];
beforeAll(async () => {
  await tf.setBackend("cpu");
  cases = JSON.parse(await readFile(`${fixtures}cases.json`, "utf8")) as readonly Case[];
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keras-h5-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function predict(model: tfl.LayersModel, inputs: readonly Values[]): readonly Values[] {
  const xs = inputs.map(({ shape, data }) => tf.tensor([...data], [...shape]));
  const ys = [model.predict(xs.length === 1 ? (xs[0] as tf.Tensor) : xs)].flat();
  return ys.map((y) => ({ shape: y.shape, data: [...y.dataSync()] }));
}

/** A model with every kind of layer whose config or weights tfjs writes in a way of its own. */
function ownModel(): tfl.LayersModel {
  const input = tfl.input({ shape: [8, 8, 3] });
  const flat = tfl.sequential({
    layers: [
      tfl.layers.flatten({ inputShape: [3, 3, 4] }),
      tfl.layers.dense({ units: 6, activation: "hardSigmoid", useBias: false }),
    ],
  });
  let x = tfl.layers
    .conv2d({ filters: 2, kernelSize: 3, activation: "relu", kernelRegularizer: tfl.regularizers.l2({ l2: 0.5 }) })
    .apply(input) as tfl.SymbolicTensor;
  x = tfl.layers.batchNormalization({ movingVarianceInitializer: "randomUniform" }).apply(x) as tfl.SymbolicTensor;
  x = tfl.layers.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2 }).apply(x) as tfl.SymbolicTensor;
  x = tfl.layers
    .separableConv2d({ filters: 4, kernelSize: 3, depthMultiplier: 2, trainable: false })
    .apply(x) as tfl.SymbolicTensor;
  x = tfl.layers.prelu().apply(tfl.layers.leakyReLU({ alpha: 0.1 }).apply(x)) as tfl.SymbolicTensor;
  x = flat.apply(x) as tfl.SymbolicTensor;
  x = tfl.layers.dense({ units: 3, activation: "softmax" }).apply(x) as tfl.SymbolicTensor;
  const model = tfl.model({ inputs: input, outputs: x });
  model.setWeights(model.getWeights().map((weight, i) => tf.randomUniform(weight.shape, 0.1, 0.9, "float32", i)));
  model.compile({ optimizer: tf.train.adam(0.25), loss: "categoricalCrossentropy", metrics: ["accuracy"] });
  return model;
}

const picture: Values = { shape: [2, 8, 8, 3], data: Array.from({ length: 384 }, (_, i) => Math.sin(i)) };

describe("tf.loadLayersModel(kerasH5(...))", () => {
  test.each(["keras3-chain.h5", "keras2-nested.h5", "keras3-nested.keras", "keras3-many.keras"])(
    "gives Keras's predictions of %s",
    async (file) => {
      const { inputs, outputs } = cases.find(({ name }) => file.startsWith(name)) as Case;
      const model = await tfl.loadLayersModel(kerasH5(fixtures + file));
      for (const [index, { shape, data }] of predict(model, inputs).entries()) {
        expect(shape).toEqual(outputs[index]?.shape);
        const error = Math.max(...data.map((value, at) => Math.abs(value - (outputs[index]?.data[at] as number))));
        expect(error / Math.max(...data.map(Math.abs))).toBeLessThan(1e-5);
      }
      model.dispose();
    },
  );

  test("compiles the model as it was, and keeps frozen what was", async () => {
    const model = await tfl.loadLayersModel(kerasH5(`${fixtures}keras3-chain.h5`));
    expect(model.loss).toBe("categoricalCrossentropy");
    expect((model.optimizer as tf.AdamOptimizer).getConfig()).toMatchObject({ learningRate: 0.03125 });
    const history = await model.fit(tf.ones([2, 8, 8, 3]), tf.oneHot(tf.tensor1d([0, 1], "int32"), 3), { verbose: 0 });
    expect(history.history.loss).toHaveLength(1);
    const nested = await tfl.loadLayersModel(kerasH5(`${fixtures}keras2-nested.h5`));
    expect(
      nested.layers.filter(({ trainable, weights }) => !trainable && weights.length > 0).map(({ name }) => name),
    ).toEqual(["frozen", "still/dense", "batch_normalization"]);
  });

  test.each([
    ["grouped convolution", layer("Conv2D", "out", ["in"], { filters: 3, groups: 3 }), /"out" \(Conv2D\).*groups/],
    [
      "strides wider than the window",
      layer("Conv2D", "out", ["in"], { kernelSize: [2, 2], strides: [3, 3], padding: "same" }),
      /"out".*WebAssembly/,
    ],
    [
      "bilinear enlarging",
      layer("UpSampling2D", "out", ["in"], { size: [2, 2], interpolation: "bilinear" }),
      /"out" \(UpSampling2D\).*another rule/,
    ],
    [
      "a layer that tfjs lacks",
      layer("UnitNormalization", "out", ["in"]),
      /"out" \(UnitNormalization\).*no such layer/,
    ],
    ["an activation that tfjs lacks", layer("Activation", "out", ["in"], { activation: "exponential" }), /exponential/],
    [
      "a threshold",
      layer("ReLU", "out", ["in"], { threshold: 1, maxValue: null, negativeSlope: 0 }),
      /"out" \(ReLU\).*max_value/,
    ],
  ])("refuses %s, which tfjs would fail on or compute otherwise", async (_, last, message) => {
    const topology = networkOf([layer("InputLayer", "in", [], { shape: [8, 8, 3] }), last]);
    await saveKeras({ ...topology, weights: randomWeights(topology, 1) }, join(folder, "x.h5"));
    await expect(kerasH5(join(folder, "x.h5")).load()).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(message),
    });
  });
});

describe("model.save(kerasH5(...))", () => {
  test.each(["own.h5", "own.keras"])("writes %s, which is the model again here and in tfjs", async (name) => {
    const model = ownModel();
    const path = join(folder, name);
    const { modelArtifactsInfo } = await model.save(kerasH5(path), { includeOptimizer: true });
    expect(modelArtifactsInfo.modelTopologyType).toBe("JSON");
    const expected = predict(model, [picture]);
    const network = await loadKeras(path);
    await expectOutputs(network, [picture], expected, 1e-5);
    expect(network.compile).toMatchObject({
      loss: "categorical_crossentropy",
      optimizer: { name: "adam", learningRate: 0.25 },
    });
    expect(network.frozen).toHaveLength(1);
    const back = await tfl.loadLayersModel(kerasH5(path));
    const again = predict(back, [picture])[0]?.data ?? [];
    expect(Math.max(...again.map((value, at) => Math.abs(value - (expected[0]?.data[at] as number))))).toBeLessThan(
      1e-5,
    );
  });

  test.each([
    ["a File", new File([], "x.h5"), "InvalidArgumentError"],
    ["a name of another kind", "x.json", "InvalidArgumentError"],
  ])("refuses to save to %s", async (_, target, name) => {
    await expect(ownModel().save(kerasH5(target))).rejects.toMatchObject({ name });
  });

  test("refuses a layer that is not known, and weights that are missing", async () => {
    const unknown = tfl.sequential({ layers: [tfl.layers.embedding({ inputDim: 3, outputDim: 2, inputLength: 4 })] });
    await expect(unknown.save(kerasH5(join(folder, "x.h5")))).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(/Embedding/),
    });
    await expect(ownModel().save(kerasH5(join(folder, "x.h5")), { trainableOnly: true })).rejects.toMatchObject({
      name: "InvalidWeightsError",
    });
  });
});

describe("loadKeras of a tfjs model", () => {
  /** A model.json with its values in shards, as tfjs and its converter write them. */
  async function write(quantize?: "uint8" | "uint16" | "float16") {
    const model = ownModel();
    let artifacts: tf.io.ModelArtifacts = {};
    await model.save(
      tf.io.withSaveHandler(async (saved) => {
        artifacts = saved;
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } };
      }),
    );
    const values = new Float32Array(artifacts.weightData as ArrayBuffer);
    let position = 0;
    const packed: Uint8Array[] = [];
    const weights = (artifacts.weightSpecs ?? []).map((spec) => {
      const size = spec.shape.reduce((a, b) => a * b, 1);
      const part = values.subarray(position, position + size);
      position += size;
      if (quantize === undefined || quantize === "float16") {
        packed.push(new Uint8Array((quantize ? Uint16Array.from(part, half) : part.slice()).buffer));
        return quantize ? { ...spec, quantization: { dtype: quantize, original_dtype: "float32" } } : spec;
      }
      const [min, max] = [Math.min(...part), Math.max(...part)];
      const scale = (max - min) / (quantize === "uint8" ? 255 : 65535);
      const codes = [...part].map((value) => Math.round((value - min) / scale));
      packed.push(new Uint8Array((quantize === "uint8" ? Uint8Array.from(codes) : Uint16Array.from(codes)).buffer));
      return { ...spec, quantization: { dtype: quantize, min, scale, original_dtype: "float32" } };
    });
    const bytes = Uint8Array.from(packed.flatMap((part) => [...part]));
    const json = {
      format: "layers-model",
      modelTopology: artifacts.modelTopology,
      weightsManifest: [{ paths: ["a.bin", "b.bin"], weights }],
    };
    await writeFile(join(folder, "model.json"), JSON.stringify(json));
    await writeFile(join(folder, "a.bin"), bytes.subarray(0, 100));
    await writeFile(join(folder, "b.bin"), bytes.subarray(100));
    return { expected: predict(model, [picture]), json, bytes };
  }

  test.each([
    [undefined, 1e-5],
    ["float16", 1e-2],
    ["uint16", 1e-3],
    ["uint8", 5e-2],
  ] as const)("packed as %s runs as in tfjs", async (quantize, tolerance) => {
    const { expected } = await write(quantize);
    await expectOutputs(await loadKeras(join(folder, "model.json")), [picture], expected, tolerance);
  });

  test("takes the Files of a browser", async () => {
    const { json, bytes } = await write();
    const network = await loadKeras([
      new File([bytes.slice(100)], "b.bin"),
      new File([JSON.stringify(json)], "model.json"),
      new File([bytes.slice(0, 100)], "a.bin"),
    ]);
    expect(network.weights).toEqual((await loadKeras(join(folder, "model.json"))).weights);
    await expect(loadKeras([new File([JSON.stringify(json)], "model.json")])).rejects.toMatchObject({
      name: "InvalidModelError",
      message: expect.stringMatching(/"a\.bin", which is not among those given/),
    });
  });

  test("refuses short and missing shards, paths that lead elsewhere, and graph models", async () => {
    const { json } = await write();
    const load = () => loadKeras(join(folder, "model.json"));
    await writeFile(join(folder, "b.bin"), "short");
    await expect(load()).rejects.toMatchObject({ name: "InvalidModelError", message: expect.stringMatching(/105/) });
    await rm(join(folder, "b.bin"));
    await expect(load()).rejects.toMatchObject({ name: "FileAccessError", reason: "missing" });
    for (const path of ["../a.bin", "/etc/passwd", "file:///etc/passwd"]) {
      const manifest = [{ paths: [path], weights: [] }];
      await writeFile(join(folder, "model.json"), JSON.stringify({ ...json, weightsManifest: manifest }));
      await expect(load()).rejects.toMatchObject({ name: "InvalidModelError", message: expect.stringContaining(path) });
    }
    const graph = { format: "graph-model", modelTopology: { node: [], versions: {} }, weightsManifest: [] };
    await writeFile(join(folder, "model.json"), JSON.stringify(graph));
    await expect(load()).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(/graph model.*tfjs_layers_model/),
    });
  });
});

/** The nearest half of a float32 in 0.1..0.9, which has a simple exponent. */
function half(value: number): number {
  const exponent = Math.floor(Math.log2(value));
  return ((exponent + 15) << 10) + Math.round((value / 2 ** exponent - 1) * 1024);
}
