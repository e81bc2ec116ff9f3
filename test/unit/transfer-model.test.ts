import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { gradCam } from "../../src/explain/grad-cam.js";
import type { TransferModelOptions } from "../../src/fine-tuning/transfer-model-options.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { preprocessInput } from "../../src/images/preprocess.js";
import type { Network } from "../../src/network/network.js";
import { predictedClasses } from "../../src/training/metrics.js";
import { TransferHead } from "../../src/transfer-head.js";
import { TransferModel } from "../../src/transfer-model.js";
import { writeImages } from "../../src/write-images.js";
import { colouredPictures, colours } from "../support/coloured-pictures.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "transfer-model-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const imageSize = [32, 32] as const;
const train = colouredPictures(24, imageSize, 1);
const validation = colouredPictures(9, imageSize, 2);
const backend = tfjsWasm();

function create(options: Partial<TransferModelOptions> = {}): Promise<TransferModel> {
  return TransferModel.create({ backbone: "vgg-mini", imageSize, classLabels: colours, backend, seed: 3, ...options });
}

function bits({ weights }: Network): readonly (readonly [string, Uint32Array])[] {
  return [...weights].flatMap(([layer, own]) =>
    own.map(({ name, array }) => [`${layer}/${name}`, new Uint32Array(array.data.slice().buffer)] as const),
  );
}

function greatestDifference(a: Network, b: Network): number {
  let greatest = 0;
  for (const [layer, own] of a.weights) {
    for (const [index, { array }] of own.entries()) {
      const other = b.weights.get(layer)?.[index]?.array.data ?? [];
      const scale = array.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);
      array.data.forEach((value, i) => {
        greatest = Math.max(greatest, Math.abs(value - (other[i] as number)) / scale);
      });
    }
  }
  return greatest;
}

const fitting = { epochs: 3, batchSize: 8, learningRate: 1e-3 };

describe("TransferModel", () => {
  test("learns with the head alone, then with the last block, and leaves what is frozen as it was to the last bit", async () => {
    await using model = await create();
    const before = model.network();
    await model.fit(train, { ...fitting, epochs: 8, learningRate: 1e-2, validation });
    expect((await model.evaluate(validation)).accuracy).toBeGreaterThan(0.6);
    expect(greatestDifference({ ...before, weights: withoutHead(model.network()) }, before)).toBe(0);
    model.unfreeze({ from: "block5_conv1" });
    expect(model.frozen).toHaveLength(7);
    await model.fit(train, { ...fitting, validation, backboneLearningRate: 1e-4 });
    expect(model.history.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    for (const layer of model.frozen) expect(model.network().weights.get(layer)).toEqual(before.weights.get(layer));
    expect(model.network().weights.get("block5_conv1")).not.toEqual(before.weights.get("block5_conv1"));
    const { accuracy, loss } = await model.evaluate(validation);
    expect([accuracy, loss]).toEqual([
      model.history.at(-1)?.valAccuracy,
      expect.closeTo(model.history.at(-1)?.valLoss ?? 0, 4),
    ]);
  });

  test("says by Grad-CAM where it looks, in batches as in one, over the pictures as its network sees them", async () => {
    await using model = await create();
    const layer = "block4_conv1";
    const classIndex = Array.from({ length: 9 }, (_, row) => row % colours.length);
    const found = await model.gradCam(validation, { layer, classIndex, batchSize: 4 });
    expect(found.heatmaps.shape.slice(0, 1)).toEqual([9]);
    expect(Math.max(...found.heatmaps.data)).toBe(1);
    expect([...found.classIndices]).toEqual(classIndex);
    expect(found.images.shape).toEqual([9, 32, 32, 3]);
    expect(found.backend.name).toBe("tfjs-wasm");
    const pixels = preprocessInput(found.images, "caffe");
    const expected = await gradCam(model.network(), pixels, { backend, layer, classIndex });
    for (const [at, value] of expected.heatmaps.data.entries()) expect(found.heatmaps.data[at]).toBeCloseTo(value, 4);
    // Before the softmax, and so not the probabilities; but the best class is that of `predict`.
    const best = await model.gradCam(validation);
    const probabilities = await model.predict(validation);
    expect([...best.classIndices]).toEqual([...predictedClasses(probabilities)]);
    await expect(model.gradCam([])).rejects.toThrow(/no pictures/);
    const elsewhere = await model.gradCam(validation, { layer, classIndex, backend: onnx() });
    expect(elsewhere.backend.name).toBe("onnx");
    // Not against tfjs-wasm's: pictures of one colour have equal values side by side, of which rounding picks the greatest.
    const there = await gradCam(model.network(), pixels, { backend: onnx(), layer, classIndex });
    for (const [at, value] of there.heatmaps.data.entries()) expect(elsewhere.heatmaps.data[at]).toBeCloseTo(value, 4);
  });

  test("goes on where it stopped when fit is called again, also where it is trained in another way meanwhile", async () => {
    await using once = await create({ unfreezeFrom: "block5_conv1", dropout: 0.3 });
    await once.fit(train, { ...fitting, cache: false });
    await using twice = await create({ unfreezeFrom: "block5_conv1", dropout: 0.3 });
    await twice.fit(train, { ...fitting, epochs: 1, cache: false });
    await twice.fit(train, { ...fitting, epochs: 2, cache: false });
    expect(bits(twice.network())).toEqual(bits(once.network()));
    expect(twice.history).toEqual(once.history);
    await using mixed = await create({ unfreezeFrom: "block5_conv1", dropout: 0.3 });
    await mixed.fit(train, { ...fitting, epochs: 1, cache: false });
    await mixed.fit(train, { ...fitting, epochs: 2, cache: true, frozenBackend: backend });
    expect(greatestDifference(mixed.network(), once.network())).toBeLessThan(1e-5);
  });

  test("predicts and goes on from its file: frozen layers, optimizer, picture size and preparation are there", async () => {
    await using model = await create({ metadata: { note: "mine" }, interpolation: "bicubic", optimizer: "rmsprop" });
    model.unfreeze({ from: "block5_conv1" });
    await model.fit(train, { ...fitting, epochs: 1 });
    for (const name of ["model.h5", "model.keras"]) {
      const file = path.join(folder, name);
      await model.save(file);
      await using loaded = await TransferModel.load(file, { backend });
      expect(await loaded.predict(validation)).toEqual(await model.predict(validation));
      expect(loaded.frozen).toEqual(model.frozen);
      expect([loaded.imageSize, loaded.classLabels, loaded.metadata]).toEqual([[32, 32], colours, { note: "mine" }]);
      await loaded.fit(train, { ...fitting, epochs: 1, backboneLearningRate: 1e-5 });
      await expect(model.save(file, { overwrite: false })).rejects.toMatchObject({ reason: "exists" });
    }
  });

  test("takes a trained head, and gives what the head gives", async () => {
    await using head = await TransferHead.create({
      inputShape: [256],
      classLabels: colours,
      hidden: [7],
      backend,
      seed: 9,
    });
    await using model = await create({ head, classLabels: undefined });
    expect(
      model
        .network()
        .layers.slice(-2)
        .map(({ name }) => name),
    ).toEqual(["hidden_1", "predictions"]);
    expect(model.network().weights.get("hidden_1")).toEqual((await head.network()).weights.get("hidden_1"));
  });

  test("is usable after an abort, and a fit that runs while it is closed rejects", async () => {
    const model = await create({ unfreezeFrom: "block5_conv1" });
    const stop = new AbortController();
    const fit = model.fit(train, {
      ...fitting,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error("enough")),
    });
    await expect(fit).rejects.toThrow("enough");
    const [best] = await model.classify(validation, { top: 1 });
    expect(colours).toContain(best?.[0]?.label);
    const running = model.fit(train, { ...fitting, epochs: 50 });
    running.catch(() => undefined);
    await expect(model.fit(train)).rejects.toThrow(/while another/);
    await model.close();
    await expect(running).rejects.toMatchObject({ name: "ClosedError" });
    await expect(model.predict(validation)).rejects.toMatchObject({ name: "ClosedError" });
  });

  test("is as it was after a fit that diverges, and goes on as if that had not been", async () => {
    const options = { unfreezeFrom: "block5_conv1", optimizer: { name: "sgd", momentum: 0.9 } } as const;
    const fit = { ...fitting, epochs: 1, cache: false };
    await using undisturbed = await create(options);
    await undisturbed.fit(train, fit);
    await undisturbed.fit(train, fit);
    await using model = await create(options);
    await model.fit(train, fit);
    const before = model.network();
    const diverging = model.fit(train, { ...fit, learningRate: 1e30 });
    await expect(diverging).rejects.toMatchObject({ name: "TrainingDivergedError", epoch: 2 });
    expect(bits(model.network())).toEqual(bits(before));
    await model.fit(train, fit);
    expect(bits(model.network())).toEqual(bits(undisturbed.network()));
  });

  test("keeps batch normalizations frozen where it is told to", async () => {
    await using model = await TransferModel.create({
      backbone: "mobilenet",
      weights: "random",
      imageSize: [32, 32],
      classLabels: colours,
      backend,
    });
    model.unfreeze({ from: "conv_pw_13", batchNormalization: false });
    expect(model.frozen).toContain("conv_pw_13_bn");
    expect(model.frozen).not.toContain("conv_pw_13");
    model.unfreeze({ from: "conv_pw_13" });
    expect(model.frozen).not.toContain("conv_pw_13_bn");
  });

  test.each([
    ["a rate for a backbone that is frozen", { backboneLearningRate: 1e-4 }, /call `unfreeze` first/],
    ["a factor for a frozen layer", { learningRateFactors: { block1_conv1: 2 } }, /"block1_conv1", which is frozen/],
    ["a rate of zero", { learningRate: 0 }, /`learningRate` is 0/],
    ["a cache where pictures vary", { cache: true, augment: { rotationRange: 9 } }, /of `train`, `augment` varies/],
    ["a cache that is no folder", { cache: "" }, /`cache` is ""/],
  ])("refuses %s", async (_, options, message) => {
    await using model = await create();
    await expect(model.fit(train, options)).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(message),
    });
  });

  test("computes in float32 only, and says so by the name of the option", async () => {
    const refused = { name: "InvalidArgumentError", message: expect.stringMatching(/has no option `precision`/u) };
    const int8: object = { precision: "int8" };
    await expect(create(int8)).rejects.toMatchObject(refused);
    await using model = await create();
    await expect(model.predict([], int8)).rejects.toMatchObject(refused);
    await expect(TransferModel.load("model.h5", int8)).rejects.toMatchObject(refused);
  });

  test("refuses pictures of other classes, and a head beside the settings of one", async () => {
    await using model = await create({ classLabels: ["a", "b", "c"] });
    let computed = 0;
    const onFeatures = () => {
      computed++;
    };
    await expect(model.fit(train, { onFeatures })).rejects.toThrow(/other classes/);
    await expect(model.fit(train, { epochs: 0.5, onFeatures })).rejects.toThrow(/`epochs` is 0.5/);
    expect(computed).toBe(0);
    await expect(model.evaluate(train)).rejects.toThrow(/other classes/);
    await using head = await TransferHead.create({ inputShape: [256], classLabels: colours, backend });
    await expect(create({ head })).rejects.toThrow(/`classLabels` was given beside `head`/);
    await expect(create({ classLabels: undefined })).rejects.toThrow(/Neither `classLabels` nor `head`/);
  });
});

describe("what the frozen part gives, computed once", () => {
  const trained = { unfreezeFrom: "block5_conv1" } as const;

  test("leads to the same weights, from pictures and from rows of an HDF5 file", async () => {
    await using plain = await create(trained);
    await plain.fit(train, { ...fitting, validation, cache: false });
    await using cached = await create(trained);
    let computed = 0;
    const onFeatures = ({ done }: { readonly done: number }) => {
      computed = done;
    };
    await cached.fit(train, { ...fitting, validation, cache: true, frozenBackend: backend, onFeatures });
    expect(computed).toBe(9);
    expect(greatestDifference(cached.network(), plain.network())).toBeLessThan(1e-5);

    const file = path.join(folder, "pictures.hdf5");
    await writeImages(train, file, { size: imageSize });
    const order = { batchSize: 8, shuffle: true, seed: 3 } as const;
    await using rows = await HDF5DatasetGenerator.open(file, { ...order, dtype: "uint8" });
    await using fromRows = await create(trained);
    await fromRows.fit(rows, { epochs: 3, learningRate: 1e-3, cache: true, frozenBackend: backend });
    expect(greatestDifference(fromRows.network(), plain.network())).toBeLessThan(1e-5);
  });

  test("is taken again from its folder for the same pictures and weights, and for no others", async () => {
    const cache = path.join(folder, "kept");
    const run = async (pictures: typeof train, options: Partial<TransferModelOptions> = {}) => {
      let computed = 0;
      await using model = await create({ ...trained, ...options });
      const onFeatures = () => {
        computed++;
      };
      await model.fit(pictures, { ...fitting, epochs: 1, cache, onFeatures, frozenBackend: backend });
      return computed;
    };
    expect(await run(train)).toBe(1);
    expect(await run(train)).toBe(0);
    expect(await run(colouredPictures(24, imageSize, 5))).toBe(1);
    expect(await run(train.select([1, 0, ...train.images.keys()].slice(0, 24)))).toBe(1);
    expect(await run(train, { interpolation: "nearest" })).toBe(1);
    expect(await run(train, { weights: "random" })).toBe(1);
    expect(await readdir(cache)).toHaveLength(5);
  });

  test("is computed anew where its file is damaged, and goes on where its file is unfinished", async () => {
    const cache = path.join(folder, "damaged");
    const many = colouredPictures(80, imageSize, 4);
    await using model = await create(trained);
    const stop = new AbortController();
    const onFeatures = () => stop.abort(new Error("enough"));
    const options = { ...fitting, epochs: 1, cache, frozenBackend: backend };
    await expect(model.fit(many, { ...options, onFeatures, signal: stop.signal })).rejects.toThrow("enough");
    const done: number[] = [];
    const note = (progress: { readonly done: number }) => done.push(progress.done);
    await model.fit(many, { ...options, onFeatures: note });
    expect(done.at(-1)).toBe(80);
    const [name = ""] = await readdir(cache);
    expect(name).toMatch(/^frozen-[0-9a-f]{32}\.hdf5$/);
    const file = path.join(cache, name);
    const whole = await readFile(file);

    // The frozen part's weights are as before, so its file would be taken.
    const spoilt = Buffer.from(whole);
    spoilt[Math.floor(whole.length / 2)] = (spoilt[Math.floor(whole.length / 2)] as number) ^ 1;
    await writeFile(file, spoilt);
    done.length = 0;
    await model.fit(many, { ...options, onFeatures: note });
    expect(done.at(-1)).toBe(80);
    expect(await readFile(file)).toEqual(whole);
    await truncate(file, 1000);
    done.length = 0;
    await model.fit(many, { ...options, onFeatures: note });
    expect(done.at(-1)).toBe(80);
    done.length = 0;
    await model.fit(many, { ...options, onFeatures: note });
    expect(done).toEqual([]);
  });

  test("is not computed for a fit whose files cannot be written", async () => {
    await using model = await create(trained);
    let computed = 0;
    const onFeatures = () => computed++;
    const history = { path: path.join(folder, "missing", "history.json") };
    await expect(model.fit(train, { ...fitting, frozenBackend: backend, onFeatures, history })).rejects.toMatchObject({
      name: "FileAccessError",
      path: history.path,
    });
    expect(computed).toBe(0);
  });

  test("leaves no files behind when the model is closed, if no folder was given", async () => {
    const own = path.join(folder, "temporary");
    await mkdir(own);
    const before = process.env.TMPDIR;
    process.env.TMPDIR = own;
    try {
      await using model = await create();
      await model.fit(train, fitting);
      // The test runner has files of its own there.
      const ours = async () => (await readdir(own)).filter((name) => name.startsWith("cnn-transfer-"));
      expect(await ours()).toHaveLength(1);
      await model.close();
      expect(await ours()).toEqual([]);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  });
});

function withoutHead({ weights }: Network): Network["weights"] {
  return new Map([...weights].filter(([layer]) => layer.startsWith("block")));
}
