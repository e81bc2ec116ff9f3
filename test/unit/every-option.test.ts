import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as api from "../../src/index.js";
import { stripedPicture } from "../support/striped-picture.js";

/** What one function hands on to another, the other must know too: every option is given at once, where they go together. */
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "every-option-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const path = (name: string): string => join(folder, name);
const { signal } = new AbortController();
const backend = api.tfjsWasm();
const engine = api.h5wasm();
const classLabels = ["cat", "dog"];
const nothing = (): void => {};
const onnx = api.onnx({ threads: 1, spinning: false } satisfies Required<api.OnnxOptions>);

const pixels = { dtype: "uint8", shape: [8, 8, 3], data: new Uint8Array(192).map((_, at) => (at * 7) % 256) } as const;
const pictures = api.imageList([pixels, pixels, pixels, pixels], {
  labels: [0, 1, 0, 1],
  columns: { weight: [1, 2, 1, 2] },
  classLabels,
  names: ["a", "b", "c", "d"],
});
const xs = { dtype: "float32", shape: [8, 3], data: Float32Array.from({ length: 24 }, (_, i) => (i * 7) % 5) } as const;
const data: api.TrainingData = {
  length: 8,
  rowShape: [3],
  classLabels,
  async *[Symbol.asyncIterator]() {
    const ys = { dtype: "int32", shape: [8], data: Int32Array.of(0, 1, 0, 1, 0, 1, 0, 1) } as const;
    const weight = { dtype: "float64", shape: [8], data: new Float64Array(8).fill(1) } as const;
    yield { xs, ys, indices: Uint32Array.from({ length: 8 }, (_, i) => i), columns: { weight } };
  },
};

const convolution = { strides: [1, 1], padding: "same", dilationRate: [1, 1], groups: 1, useBias: true } as const;
const topology: api.Topology = {
  name: "small",
  layers: [
    { className: "InputLayer", name: "image", inputs: [], config: { shape: [8, 8, 3], dtype: "float32" } },
    {
      className: "Conv2D",
      name: "convolution",
      inputs: ["image"],
      config: { ...convolution, filters: 4, kernelSize: [3, 3], activation: "relu" },
    },
  ],
  inputs: ["image"],
  outputs: ["convolution"],
};
const backbone: api.Network = { ...topology, weights: api.randomWeights(topology, 1) };
const looks = {
  interpolation: "bilinear",
  keepAspectRatio: true,
  applyOrientation: true,
  maximumPixels: 1000,
  workers: 0,
  concurrency: 2,
} as const;
const learning = {
  optimizer: { name: "adam" },
  learningRate: 1e-3,
  l1: 1e-4,
  l2: 1e-4,
  clipping: { clipnorm: 1 },
  labelSmoothing: 0.1,
  backend,
} as const;

function fitting(name: string) {
  const monitor = { monitor: "loss", mode: "min", minDelta: 0 } as const;
  return {
    classWeight: "balanced",
    sampleWeight: "weight",
    epochs: 2,
    stepsPerEpoch: undefined,
    schedule: undefined,
    reduceOnPlateau: { ...monitor, factor: 0.5, patience: 1, cooldown: 0, minLearningRate: 1e-6 },
    earlyStopping: { ...monitor, patience: 5, baseline: 100, restoreBest: true, startFromEpoch: 0 },
    checkpoint: { path: path(`${name}.checkpoint.hdf5`), every: 1, resume: true, engine },
    saveBest: { ...monitor, path: path(`${name}.best.h5`) },
    history: { path: path(`${name}.csv`), startAt: 0 },
    callbacks: [{ onEpochEnd: nothing }],
    onProgress: nothing,
    signal,
  } as const;
}

test("TransferHead takes all its options at once", async () => {
  const settings = { task: "classification", inputShape: [3], classLabels, hidden: [4], activation: "relu" } as const;
  await using head = await api.TransferHead.create({
    ...learning,
    ...settings,
    batchNormalization: true,
    dropout: 0.1,
    normalize: false,
    seed: 1,
    metadata: { from: "a test" },
  } satisfies Required<api.TransferHeadOptions<"classification">>);
  await head.findLearningRate(data, {
    classWeight: "balanced",
    sampleWeight: "weight",
    minimum: 1e-6,
    maximum: 1,
    steps: 3,
    targetColumn: undefined,
    signal,
  } satisfies Required<api.LearningRateFinderOptions>);
  await head.fit(data, {
    ...fitting("head"),
    validation: data,
    targetColumn: undefined,
  } satisfies Required<api.FitOptions>);
  await head.evaluate(data, {
    targetColumn: undefined,
    threshold: 0.5,
    signal,
  } satisfies Required<api.EvaluateOptions>);
  await head.predict(xs, { signal } satisfies Required<api.AbortOptions>);
  await head.classify(xs, { top: 1, signal } satisfies Required<api.ClassifyOptions>);
  await head.encode({ engine });
  await head.save(path("head.h5"), { engine, overwrite: true } satisfies Required<api.SaveHeadOptions>);
  const loading = { ...learning, task: "classification", classLabels, engine, seed: 1 } as const;
  await using again = await api.TransferHead.load(
    path("head.h5"),
    loading satisfies Required<api.LoadHeadOptions<"classification">>,
  );
  const own = { ...learning, task: "classification", classLabels, seed: 1, metadata: {} } as const;
  await using ready = await api.TransferHead.fromNetwork(
    await again.network(),
    own satisfies Required<api.NetworkHeadOptions<"classification">>,
  );
  expect(ready.inputShape).toEqual([3]);
});

test("TransferModel takes all its options at once", async () => {
  const settings: Required<Omit<api.TransferModelOptions, "head">> = {
    ...looks,
    ...learning,
    decode: "exact",
    weights: "random",
    seed: 1,
    engine,
    cacheDirectory: folder,
    weightsBaseUrl: "http://127.0.0.1:9/",
    signal,
    task: "classification",
    backbone: "vgg-mini",
    layer: "block1_pool",
    pooling: "avg",
    imageSize: [32, 32],
    preprocess: "caffe",
    classLabels,
    hidden: [4],
    activation: "relu",
    batchNormalization: true,
    dropout: 0.1,
    normalize: false,
    unfreezeFrom: "block1_conv1",
    metadata: {},
    onDownload: nothing,
  };
  await using model = await api.TransferModel.create(settings);
  const rates = {
    learningRate: 1e-3,
    backboneLearningRate: 1e-4,
  } as const;
  const rows = { batchSize: 2, sampling: "each", augment: { horizontalFlip: true } } as const;
  await model.findLearningRate(pictures, {
    ...rates,
    ...rows,
    learningRateFactors: undefined,
    classWeight: "balanced",
    sampleWeight: "weight",
    minimum: 1e-6,
    maximum: 1,
    steps: 3,
    targetColumn: undefined,
    signal,
  } satisfies Required<api.ModelRateFinderOptions>);
  model.unfreeze({
    from: "block1_conv1",
    batchNormalization: true,
    optimizer: { name: "sgd" },
  } satisfies Required<api.UnfreezeOptions>);
  await model.fit(pictures, {
    ...fitting("model"),
    ...rates,
    ...rows,
    learningRateFactors: undefined,
    validation: pictures,
    targetColumn: undefined,
    cache: false,
    frozenBackend: backend,
    onFeatures: nothing,
  } satisfies Required<api.TransferFitOptions>);
  const asked = { batchSize: 2, signal } satisfies Required<api.PredictOptions>;
  await model.evaluate(pictures, {
    ...asked,
    targetColumn: undefined,
    threshold: 0.5,
  } satisfies Required<api.EvaluatePicturesOptions>);
  await model.predict(pictures, asked);
  await model.classify(pictures, { ...asked, top: 1 } satisfies Required<api.PredictOptions & api.ClassifyOptions>);
  const looked = await model.gradCam(pictures, {
    ...asked,
    layer: "block1_conv1",
    classIndex: [0, 1, 0, 1],
    backend,
  } satisfies Required<api.ModelGradCamOptions>);
  expect(looked.heatmaps.shape).toEqual([4, 32, 32]);
  await model.encode({ engine, format: "keras" });
  await model.save(path("model.h5"), { engine, overwrite: true } satisfies Required<api.SaveHeadOptions>);
  const loading: Required<api.LoadModelOptions> = {
    ...looks,
    ...learning,
    decode: "exact",
    task: "classification",
    classLabels,
    imageSize: [32, 32],
    preprocess: "caffe",
    headFrom: undefined,
    engine,
    seed: 1,
    signal,
  };
  await using again = await api.TransferModel.load(path("model.h5"), loading);
  expect(await again.predict(pictures, asked)).toEqual(await model.predict(pictures, asked));
});

test("LogisticRegression takes all its options at once", async () => {
  const solver = {
    tol: 1e-3,
    maxIter: 50,
    fitIntercept: true,
    standardize: true,
    classWeight: "balanced",
    cacheBytes: 1e6,
    classLabels,
    inputShape: [3],
    metadata: {},
    signal,
  } as const;
  const fitted = await api.LogisticRegression.fit(data, {
    ...solver,
    C: 1,
    onProgress: nothing,
  } satisfies Required<api.LogisticRegressionOptions>);
  await fitted.predict(xs, { signal });
  await fitted.predictProbabilities(xs, { signal });
  await fitted.classify(xs, { top: 1, signal });
  await fitted.evaluate(data, { signal });
  await fitted.encode({ engine });
  await fitted.save(path("logistic.h5"), { engine, overwrite: true });
  await api.LogisticRegression.load(path("logistic.h5"), {
    classLabels,
    engine,
  } satisfies Required<api.LoadLogisticOptions>);
  await using rows = await dataSet("grid");
  const { best } = await api.LogisticRegression.gridSearch(rows, {
    ...solver,
    Cs: [0.1, 1],
    folds: 2,
    shuffle: true,
    seed: 1,
    warmStart: true,
    onProgress: nothing,
  } satisfies Required<api.GridSearchOptions>);
  expect([0.1, 1]).toContain(best.C);
});

test("KNeighborsClassifier and NearestCentroid take all their options at once", async () => {
  const shape = { classLabels, inputShape: [3], signal } as const;
  const neighbors = await api.KNeighborsClassifier.fit(data, {
    ...shape,
    neighbors: 2,
    weights: "distance",
    metric: "euclidean",
    cacheBytes: 1e6,
  } satisfies Required<api.KNeighborsOptions>);
  const means = await api.NearestCentroid.fit(data, {
    ...shape,
    normalize: true,
  } satisfies Required<api.NearestCentroidOptions>);
  for (const each of [neighbors, means]) {
    await each.predict(xs, { signal });
    await each.predictProbabilities(xs, { signal });
    await each.classify(xs, { top: 1, signal });
    await each.evaluate(data, { signal });
  }
  await neighbors.save(path("neighbors.hdf5"), { overwrite: true });
  await means.encode({ engine });
  await means.save(path("means.hdf5"), { engine, overwrite: true });
  const loading = { engine, cacheBytes: 1e6, signal } satisfies Required<api.LoadNeighborsOptions>;
  await using again = await api.KNeighborsClassifier.load(path("neighbors.hdf5"), loading);
  expect(await again.predict(xs)).toEqual(await neighbors.predict(xs));
  const loaded = await api.NearestCentroid.load(path("means.hdf5"), {
    engine,
  } satisfies Required<api.LoadCentroidOptions>);
  expect(await loaded.predict(xs)).toEqual(await means.predict(xs));
});

/** Eight rows in a file. */
async function dataSet(name: string): Promise<api.HDF5DatasetGenerator> {
  const file = path(`${name}.hdf5`);
  const weight = new Float64Array(8).fill(1);
  await using writer = await api.HDF5DatasetWriter.create(file, {
    rows: 8,
    rowShape: [3],
    dtype: "float32",
    dataKey: "x",
    labelKey: "y",
    labelShape: [],
    labelDtype: "int32",
    columns: { weight: { dtype: "float64", shape: [] } satisfies Required<api.ColumnOptions> },
    classLabels,
    bufferSize: 4,
    overwrite: true,
    resume: false,
    takeOver: true,
    durability: "process",
    compression: undefined,
    attributes: { from: "a test" },
  } satisfies Required<api.HDF5DatasetWriterOptions>);
  await writer.add(xs, [0, 1, 0, 1, 0, 1, 0, 1], {
    names: [..."abcdefgh"],
    skipped: 0,
    columns: { weight },
  } satisfies Required<api.AddOptions>);
  await writer.close({ allowFewer: false });
  return api.HDF5DatasetGenerator.open(file, {
    ...batching,
    dataKey: "x",
    labelKey: "y",
    columns: ["weight"],
    classLabels,
    engine,
    allowIncomplete: true,
    dtype: "float32",
  } satisfies Required<api.HDF5DatasetGeneratorOptions> & { dtype: "float32" });
}

const batching = {
  batchSize: 4,
  shuffle: { blockRows: 2, bufferRows: 4 },
  sampling: "each",
  seed: 1,
  dropLast: false,
  prefetch: 1,
  preprocessors: [],
  augment: undefined,
} as const satisfies Required<api.BatchOptions>;

test("HDF5DatasetWriter and HDF5DatasetGenerator take all their options at once", async () => {
  await using rows = await dataSet("rows");
  await rows.verify({ signal });
  const { train } = rows.split({
    validation: 0.25,
    test: 0.25,
    stratify: true,
    seed: 1,
  } satisfies Required<api.PartOptions>);
  expect(rows.kFold(2, { stratify: true, seed: 1, shuffle: true })).toHaveLength(2);
  const again = train.with(batching);
  const pass = { pass: 1, reuse: true, signal } satisfies Required<api.PassOptions>;
  for await (const { xs: batch } of again.batches({ ...pass, binarize: true })) {
    expect(batch.shape.slice(1)).toEqual([3]);
  }
});

test("FeatureExtractor takes all its options at once", async () => {
  const precision = {
    precision: "int8",
    calibration: undefined,
    calibrationImages: 2,
    calibrationPath: path("small.int8.json"),
    onCalibration: nothing,
  } as const satisfies Required<api.PrecisionOptions>;
  const settings: Required<api.FeatureExtractorOptions> = {
    ...looks,
    ...precision,
    decode: "exact",
    weights: "random",
    seed: 1,
    engine,
    cacheDirectory: folder,
    weightsBaseUrl: "http://127.0.0.1:9/",
    signal,
    backbone: "vgg-mini",
    includeTop: false,
    imageSize: [32, 32],
    layer: "block2_pool",
    pooling: "avg",
    preprocess: "caffe",
    backend: onnx,
    onDownload: nothing,
  };
  await using exact = await api.FeatureExtractor.create({ ...settings, precision: "float32", ...withoutCalibration });
  const features = await exact.extract([stripedPicture(0)], { batchSize: 1, signal });
  const varied = api.imageList(Array.from({ length: 4 }, (_, at) => stripedPicture(at)));
  const all = { batchSize: 2, onProgress: nothing, onError: "skip", signal } as const;
  for await (const batch of exact.stream(varied, all satisfies Required<api.StreamOptions>)) {
    expect(batch.features.shape.slice(1)).toEqual(features.shape.slice(1));
  }
  await using writer = await api.HDF5DatasetWriter.create(path("features.hdf5"), { rowShape: exact.featureShape });
  await exact.extractTo(writer, varied, { ...all, resume: true } satisfies Required<api.ExtractToOptions>);
  await writer.close();
});

const withoutCalibration = {
  calibration: undefined,
  calibrationImages: undefined,
  calibrationPath: undefined,
  onCalibration: undefined,
} as const;

test("functions of pictures take all their options at once", async () => {
  const { workers, concurrency, ...decoding } = looks;
  const loading: Required<api.LoadImageOptions> = { ...decoding, size: [4, 4], name: "a", signal };
  await api.loadImage(pixels, loading);
  const { name: _, ...many } = {
    ...loading,
    workers,
    concurrency,
    decode: "exact",
    batchSize: 2,
    onError: "skip",
  } as const;
  for await (const batch of api.loadImages(pictures, {
    ...many,
    size: [4, 4],
  } satisfies Required<api.LoadImagesOptions>)) {
    expect(batch.pixels.shape).toEqual([2, 4, 4, 3]);
  }
  const training: Required<api.TrainingImagesOptions> = {
    ...looks,
    decode: "exact",
    batchSize: 2,
    sampling: "balanced",
    seed: 1,
    augment: { horizontalFlip: true },
    size: [4, 4],
    shuffle: true,
    targetColumn: undefined,
    signal,
  };
  for await (const batch of await api.trainingImages(pictures, training)) expect(batch.xs.shape).toEqual([2, 4, 4, 3]);
  await api.predictViews(pictures, {
    ...loading,
    size: [8, 8],
    views: api.flipViews(),
    predict: async (views) => ({ dtype: "float32", shape: [views.length, 1], data: new Float32Array(views.length) }),
    batchSize: 2,
    seed: 1,
  } satisfies Required<api.PredictViewsOptions>);
  const { decode: __, ...stored } = many;
  const written = await api.writeImages(pictures, path("images.hdf5"), {
    ...stored,
    size: [4, 4],
    split: { validation: 0.5, test: undefined, stratify: true, seed: 1 } satisfies Required<api.ImageSplitOptions>,
    dataKey: "images",
    overwrite: true,
    resume: false,
    takeOver: true,
    compression: { gzip: 1 },
    onProgress: nothing,
  } satisfies Required<api.WriteImagesOptions>);
  expect(written.files).toHaveLength(2);
});

test("functions of Keras files take all their options at once", async () => {
  const notes = {
    compile: undefined,
    l1: 1e-4,
    l2: 1e-4,
    frozen: ["convolution"],
    classLabels: ["a", "b", "c", "d"],
    metadata: {},
  } as const;
  await api.encodeKerasModel(backbone, {
    ...notes,
    format: "keras",
    engine,
  } satisfies Required<api.EncodeModelOptions>);
  const saving = { ...notes, engine, overwrite: true } satisfies Required<api.SaveKerasOptions>;
  await api.saveKeras(backbone, path("small.keras"), saving);
  const loading: Required<api.LoadKerasOptions> = {
    topology: undefined,
    customLayers: {},
    backend: "tensorflow",
    engine,
    onProgress: nothing,
    signal,
  };
  const { layers } = await api.loadKeras(path("small.keras"), loading);
  expect(layers).toHaveLength(2);
  const handler = api.kerasH5(path("small.keras"), { ...loading, ...saving } satisfies Required<api.KerasH5Options>);
  expect((await handler.load()).weightSpecs).toHaveLength(2);
});

test("functions of reports and of rows take all their options at once", async () => {
  await using model = await api.TransferModel.create({ backbone, preprocess: "tf", classLabels, backend, workers: 0 });
  const evaluation = await model.evaluate(pictures);
  const summary = await api.writeReport(path("report.html"), { evaluation, fileNames: ["a", "b", "c", "d"] }, {
    images: pictures,
    gradCam: (asked, classIndex) => model.gradCam(asked, { classIndex }),
    thumbnailSize: 16,
    overwrite: true,
    signal,
  } satisfies Required<api.WriteReportOptions>);
  expect(summary).toBeUndefined();
  await api.gradCam(
    { ...(await model.network()) },
    { dtype: "float32", shape: [1, 8, 8, 3], data: new Float32Array(192) },
    {
      backend,
      layer: "convolution",
      classIndex: 0,
      signal,
    } satisfies Required<api.GradCamOptions>,
  );
  await api.featureMap(data, {
    method: "pca",
    rows: 8,
    neighbors: 2,
    seed: 1,
    signal,
  } satisfies Required<api.FeatureMapOptions>);
  await api.nearestRows(data, xs, { top: 1, metric: "euclidean", signal });
  await api.principalComponents(xs, { components: 1, signal });
  api.confidenceInterval(evaluation.predictions, () => 1, {
    level: 0.9,
    resamples: 10,
    seed: 1,
  } satisfies Required<api.ConfidenceIntervalOptions>);
});

test("mergeShards takes all its options at once", async () => {
  const shards = api.shardPaths(path("sharded.hdf5"), 2);
  const extractor = await api.FeatureExtractor.create({ backbone, preprocess: "tf", backend, workers: 0 });
  for (const [index, file] of shards.entries()) {
    const part = await api.shardOf(pictures, { index, count: 2 });
    await using writer = await api.HDF5DatasetWriter.create(file, {
      rows: part.length,
      rowShape: extractor.featureShape,
      classLabels,
      dataKey: "x",
      labelKey: "y",
      attributes: { ...extractor.attributes, ...part.attributes },
    });
    await extractor.extractTo(writer, part);
    await writer.close();
  }
  await extractor.close();
  const { rows } = await api.mergeShards(shards, path("sharded.hdf5"), {
    dataKey: "x",
    labelKey: "y",
    compression: { gzip: 1 },
    overwrite: true,
    takeOver: true,
    onProgress: nothing,
    signal,
  } satisfies Required<api.MergeShardsOptions>);
  expect(rows).toBe(4);
});
