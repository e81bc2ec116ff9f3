import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import * as api from "../../src/index.js";
import { headNetwork } from "../support/head-network.js";
import { headTraining } from "../support/head-training.js";
import { someCalibration } from "../support/some-calibration.js";

/** What comes from JavaScript, where no compiler looks. */
type Untyped = (...given: readonly unknown[]) => unknown;

/** A parameter of a public function, a value that is right for it, and those of the wrong values that it takes as well. */
interface Parameter {
  readonly name: string;
  readonly right: unknown;
  readonly takes: readonly unknown[];
  /** Objects of options are told from others, as what is wrong with them can be in them. */
  readonly kind: "value" | "options" | "optional options";
}

interface Subject {
  readonly name: string;
  readonly call: Untyped;
  readonly parameters: readonly Parameter[];
}

const value = (name: string, right: unknown, ...takes: readonly unknown[]): Parameter => ({
  name,
  right,
  takes,
  kind: "value",
});
const options = (right: object): Parameter => ({ name: "options", right, takes: [], kind: "options" });
const optional = (right: object = {}): Parameter => ({ name: "options", right, takes: [], kind: "optional options" });
const subject = (name: string, call: unknown, ...parameters: readonly Parameter[]): Subject => ({
  name,
  call: call as Untyped,
  parameters,
});
/** A generator does nothing before its first batch is asked for. */
const first =
  (call: unknown) =>
  async (...given: readonly unknown[]) => {
    for await (const _ of (call as Untyped)(...given) as AsyncIterable<unknown>) break;
  };

const { network, xs: batch } = headNetwork();
const topology: api.Topology = network;
const pixels = { dtype: "uint8", shape: [8, 8, 3], data: new Uint8Array(192).fill(7) } as const;
const photographs: api.Network = {
  name: "photographs",
  layers: [
    { className: "InputLayer", name: "image", inputs: [], config: { shape: [8, 8, 3], dtype: "float32" } },
    { className: "GlobalAveragePooling2D", name: "average", inputs: ["image"], config: { keepdims: false } },
  ],
  inputs: ["image"],
  outputs: ["average"],
  weights: new Map(),
};
const pictures = api.imageList([pixels, pixels, pixels, pixels], {
  labels: [0, 1, 0, 1],
  classLabels: ["cat", "dog"],
  names: ["a", "b", "c", "d"],
});
const xs = { dtype: "float32", shape: [4, 3], data: Float32Array.from({ length: 12 }, (_, i) => (i * 7) % 5) } as const;
const data: api.TrainingData = {
  length: 4,
  rowShape: [3],
  classLabels: ["cat", "dog"],
  async *[Symbol.asyncIterator]() {
    yield { xs, ys: { dtype: "int32", shape: [4], data: Int32Array.of(0, 1, 0, 1) } };
  },
};
const predictions: api.Predictions = {
  trueClasses: Int32Array.of(0, 1),
  predictedClasses: Int32Array.of(0, 1),
  probabilities: { dtype: "float64", shape: [2, 2], data: Float64Array.of(0.9, 0.1, 0.2, 0.8) },
  indices: undefined,
};
const report = api.classificationReport([0, 1], [0, 1], ["cat", "dog"]);

const folder = await mkdtemp(join(tmpdir(), "public-arguments-"));
const path = join(folder, "rows.hdf5");
const writer = await api.HDF5DatasetWriter.create(path, { rowShape: [3], classLabels: ["cat", "dog"] });
await writer.add(xs, [0, 1, 0, 1]);
await writer.close();
const generator = await api.HDF5DatasetGenerator.open(path);
const open = await api.HDF5DatasetWriter.create(join(folder, "open.hdf5"), { rowShape: [3] });
const backend = api.tfjsCpu();
const extractor = await api.FeatureExtractor.create({ backbone: photographs, preprocess: "none", backend, workers: 0 });
const features = await api.HDF5DatasetWriter.create(join(folder, "features.hdf5"), {
  rowShape: extractor.featureShape,
});
const head = await api.TransferHead.create({ inputShape: [3], classLabels: ["cat", "dog"], backend });
const logistic = await api.LogisticRegression.fit(data);
const neighbors = await api.KNeighborsClassifier.fit(data, { neighbors: 1 });
const centroids = await api.NearestCentroid.fit(data);
const tuned = await api.TransferModel.create({
  ...{ backbone: photographs, preprocess: "none", classLabels: ["cat", "dog"], backend, workers: 0 },
});
const model = join(folder, "model.h5");
await head.save(model);
const map = await api.featureMap(data);
const kerasFile = await api.h5wasm().open(model);
const engine = api.h5wasm();
const shard = { index: 0, count: 2 };
const calibration = { ...someCalibration, network: network.name };
const environment = {};
const random = api.createRandom(1);

const loaded = await Promise.all([backend, api.onnx()].map((each) => each.load(network)));
const inTraining = await Promise.all([backend, api.onnx()].map((each) => each.loadForTraining(network, headTraining)));
const state = await inTraining[0]?.readState();
const ys = {
  dtype: "float32",
  shape: [batch.shape[0] as number, 3],
  data: new Float32Array(3 * (batch.shape[0] as number)),
} as const;
const engines = await Promise.all(
  [api.h5wasm(), api.jsfive(), api.contiguous()].map(async (engine) => ({ engine, file: await engine.open(path) })),
);

afterAll(async () => {
  for (const each of [...loaded, ...inTraining]) await each.dispose();
  for (const { file } of engines) await file.close();
  for (const each of [generator, extractor, head, tuned, kerasFile]) await each.close();
  for (const each of [open, features]) await each.abort();
  await rm(folder, { recursive: true, force: true });
});

const subjects: readonly Subject[] = [
  subject("createNetwork", api.createNetwork, value("backbone", "vgg-mini"), optional()),
  subject(
    "loadBackboneWeights",
    api.loadBackboneWeights,
    value("backbone", api.vggMini),
    value("topology", api.vggMini.topology({ includeTop: false, imageSize: [64, 64] })),
    value("build", { includeTop: false, imageSize: [64, 64] }),
    optional(),
  ),
  subject("mobilenet", api.mobilenet, optional()),
  subject("mobilenetV2", api.mobilenetV2, optional()),
  subject("mobilenetV3Large", api.mobilenetV3Large, optional()),
  subject("mobilenetV3Small", api.mobilenetV3Small, optional()),
  subject("resolveBackbone", api.resolveBackbone, value("backbone", "vgg16")),
  subject("auto", api.auto, optional()),
  subject("autoTrainable", api.autoTrainable, optional()),
  subject("onnx", api.onnx, optional()),
  subject("toOnnx", api.toOnnx, value("network", network), optional()),
  ...[backend, api.onnx(), api.auto(), api.autoTrainable()].flatMap((each) => [
    subject(`load of ${each.name}`, each.load.bind(each), value("network", network), optional()),
    subject(
      `inputGradient of ${each.name}`,
      each.inputGradient.bind(each),
      value("network", network),
      value("inputs", [batch]),
      value("seed", ys),
      optional(),
    ),
  ]),
  ...[backend, api.onnx(), api.autoTrainable()].map((each) =>
    subject(
      `loadForTraining of ${each.name}`,
      each.loadForTraining.bind(each),
      value("network", network),
      options(headTraining),
    ),
  ),
  ...[api.onnx(), api.auto()].flatMap((each) => [
    subject(
      `calibrate of ${each.name}`,
      each.calibrate.bind(each),
      value("network", network),
      options({ rangeBatches: [batch], judgingBatches: [batch] }),
    ),
    subject(
      `loadQuantized of ${each.name}`,
      each.loadQuantized.bind(each),
      value("network", network),
      value("calibration", calibration),
      optional(),
    ),
  ]),
  ...[...loaded, ...inTraining].map((each) =>
    subject("run of a loaded network", each.run.bind(each), value("inputs", [batch]), optional()),
  ),
  ...inTraining.flatMap((each) => [
    subject("step", each.step.bind(each), value("xs", batch), value("ys", ys), optional()),
    subject("setWeights", each.setWeights.bind(each), value("weights", network.weights)),
    subject("setState", each.setState.bind(each), value("state", state)),
  ]),

  ...engines.flatMap(({ engine, file }) => [
    subject(`open of ${engine.name}`, engine.open.bind(engine), value("source", path)),
    subject(`list of ${engine.name}`, file.list.bind(file), value("path", "/")),
    subject(`stat of ${engine.name}`, file.stat.bind(file), value("path", "/")),
    subject(
      `read of ${engine.name}`,
      file.read.bind(file),
      value("path", "features"),
      value("rows", undefined, undefined),
    ),
    subject(
      `readStrings of ${engine.name}`,
      file.readStrings.bind(file),
      value("path", "label_names"),
      value("rows", undefined, undefined),
    ),
    subject(`attributes of ${engine.name}`, file.attributes.bind(file), value("path", "/")),
    subject(`attribute of ${engine.name}`, file.attribute.bind(file), value("path", "/"), value("name", "complete")),
  ]),
  subject("encode of h5wasm", engine.encode.bind(engine), value("items", [])),

  subject("toLayersModel", api.toLayersModel, value("network", network), value("layersLibrary", {})),
  subject("tfjsWasm", api.tfjsWasm, optional()),
  subject("tfjsWebgpu", api.tfjsWebgpu, optional()),
  subject("tfjsNode", api.tfjsNode, optional()),
  subject("tfjsNodeGpu", api.tfjsNodeGpu, optional()),
  subject("gradCam", api.gradCam, value("network", network), value("pixels", pixels), optional({ backend })),
  subject(
    "overlayHeatmap",
    api.overlayHeatmap,
    value("image", pixels),
    value("heatmap", { dtype: "float32", shape: [2, 2], data: new Float32Array(4) }),
    optional(),
  ),

  subject("FeatureExtractor.create", api.FeatureExtractor.create, options({ backbone: photographs, backend })),
  subject("extract", extractor.extract.bind(extractor), value("images", [pixels]), optional()),
  subject("stream", first(extractor.stream.bind(extractor)), value("source", pictures), optional()),
  subject(
    "extractTo",
    extractor.extractTo.bind(extractor),
    value("writer", features),
    value("source", pictures),
    optional(),
  ),
  subject("trainingImages", api.trainingImages, value("source", pictures), options({ size: [8, 8] })),
  subject(
    "writeImages",
    api.writeImages,
    value("source", pictures),
    value("path", join(folder, "images.hdf5")),
    options({ size: [8, 8] }),
  ),

  subject("HDF5DatasetGenerator.open", api.HDF5DatasetGenerator.open, value("source", path), optional()),
  subject("batches", first(generator.batches.bind(generator)), optional()),
  subject("split", generator.split.bind(generator), options({ validation: 0.5 })),
  subject("kFold", generator.kFold.bind(generator), value("folds", 2, 1), optional()),
  subject("subset", generator.subset.bind(generator), value("places", [0])),
  subject("dataset", generator.dataset.bind(generator), optional()),
  subject("with", generator.with.bind(generator), options({ batchSize: 2 })),
  subject("verify", generator.verify.bind(generator), optional()),
  subject(
    "HDF5DatasetWriter.create",
    api.HDF5DatasetWriter.create,
    value("path", join(folder, "new.hdf5")),
    options({ rowShape: [3] }),
  ),
  subject("add", open.add.bind(open), value("rows", xs), value("labels", undefined, undefined), optional()),
  subject("skip", open.skip.bind(open), value("count", 1, undefined, 1)),
  subject("storeClassLabels", open.storeClassLabels.bind(open), value("classLabels", ["cat"])),
  subject("storeAttributes", open.storeAttributes.bind(open), value("attributes", {}, {})),
  subject("close", open.close.bind(open), optional()),

  subject("aspectAwareResize", api.aspectAwareResize, value("size", [4, 4]), optional()),
  subject("augmentImages", api.augmentImages, options({ horizontalFlip: true })),
  subject("randomCrop", api.randomCrop, value("size", [4, 4])),
  subject("tenCrop", api.tenCrop, value("size", [4, 4])),
  subject("meanSubtract", api.meanSubtract, value("means", [1, 2, 3])),
  subject("decodeImage", api.decodeImage, value("input", pixels), optional()),
  subject("imageFolder", api.imageFolder, value("directory", folder), optional()),
  subject("imageList", api.imageList, value("inputs", [pixels]), optional()),
  subject("loadImage", api.loadImage, value("input", pixels), optional()),
  subject("loadImages", first(api.loadImages), value("source", pictures), options({ size: [8, 8] })),
  subject("select", pictures.select.bind(pictures), value("indices", [0])),
  subject("withColumns", pictures.withColumns.bind(pictures), value("columns", {}, {})),
  subject("what aspectAwareResize makes", api.aspectAwareResize([4, 4]), value("image", pixels)),
  subject("what meanSubtract makes", api.meanSubtract([1, 2, 3]), value("image", pixels)),
  subject("what tenCrop makes", api.tenCrop([4, 4]), value("image", pixels)),
  ...[api.augmentImages({ horizontalFlip: true }), api.randomCrop([4, 4])].map((transform) =>
    subject("what varies images", transform, value("image", pixels), value("random", random)),
  ),
  subject("what createResizer makes", api.createResizer({ size: [4, 4] }), value("image", pixels)),
  subject("preprocessInput", api.preprocessInput, value("pixels", pixels), value("mode", "tf")),
  subject("createResizer", api.createResizer, options({ size: [4, 4] })),
  subject("resizeImage", api.resizeImage, value("image", pixels), options({ size: [4, 4] })),

  subject("fromLayersModel", api.fromLayersModel, value("model", {})),
  subject(
    "kerasH5",
    (...given: Parameters<typeof api.kerasH5>) => api.kerasH5(...given).load(),
    value("source", model),
    optional(),
  ),
  subject("loadKeras", api.loadKeras, value("source", model), optional()),
  subject(
    "readKerasWeights",
    api.readKerasWeights,
    value("file", kerasFile),
    value("topology", await head.network()),
    value("fileName", model),
  ),
  subject("saveKeras", api.saveKeras, value("network", network), value("path", join(folder, "saved.h5")), optional()),
  subject("encodeKerasModel", api.encodeKerasModel, value("network", network), optional()),
  subject("cut", api.cut, value("network", network), value("layers", "hidden")),
  subject(
    "featureNetwork",
    api.featureNetwork,
    value("network", photographs),
    options({ layers: ["average"], preprocess: "tf", imageSize: [8, 8] }),
  ),
  subject("randomWeights", api.randomWeights, value("topology", topology), value("seed", 0, 1)),
  subject("inferShapes", api.inferShapes, value("topology", topology)),
  subject("countParameters", api.countParameters, value("topology", topology)),
  subject("summary", api.summary, value("topology", topology)),
  subject("validateNetwork", api.validateNetwork, value("network", network)),
  subject("weightShapes", api.weightShapes, value("topology", topology)),
  subject("createRandom", api.createRandom, value("seed", 1, 1)),
  subject("integerBelow", random.integerBelow, value("limit", 3, 1)),
  subject("shuffle", random.shuffle, value("items", [1, 2])),
  subject("sizeOf", api.sizeOf, value("shape", [1])),

  subject("LogisticRegression.fit", api.LogisticRegression.fit, value("data", data), optional()),
  subject(
    "LogisticRegression.gridSearch",
    api.LogisticRegression.gridSearch,
    value("data", generator),
    optional({ folds: 2 }),
  ),
  subject("LogisticRegression.load", api.LogisticRegression.load, value("source", model), optional()),
  subject("LogisticRegression.encode", logistic.encode.bind(logistic), optional()),
  subject(
    "LogisticRegression.save",
    logistic.save.bind(logistic),
    value("path", join(folder, "logistic.h5")),
    optional(),
  ),
  subject("KNeighborsClassifier.fit", api.KNeighborsClassifier.fit, value("data", data), optional({ neighbors: 1 })),
  subject("KNeighborsClassifier.load", api.KNeighborsClassifier.load, value("source", model), optional()),
  subject("NearestCentroid.load", api.NearestCentroid.load, value("source", model), optional()),
  subject("NearestCentroid.fit", api.NearestCentroid.fit, value("data", data), optional()),
  subject(
    "KNeighborsClassifier.save",
    neighbors.save.bind(neighbors),
    value("path", join(folder, "knn.hdf5")),
    optional(),
  ),
  subject("NearestCentroid.encode", centroids.encode.bind(centroids), optional()),
  subject(
    "NearestCentroid.save",
    centroids.save.bind(centroids),
    value("path", join(folder, "means.hdf5")),
    optional(),
  ),
  ...Object.entries({ logistic, neighbors, centroids }).flatMap(([name, classifier]) => [
    subject(`${name}.predict`, classifier.predict.bind(classifier), value("predict", xs), optional()),
    subject(
      `${name}.predictProbabilities`,
      classifier.predictProbabilities.bind(classifier),
      value("predictProbabilities", xs),
      optional(),
    ),
    subject(`${name}.classify`, classifier.classify.bind(classifier), value("classify", xs), optional()),
    subject(`${name}.evaluate`, classifier.evaluate.bind(classifier), value("data", data), optional()),
  ]),

  subject(
    "TransferHead.create",
    api.TransferHead.create,
    options({ inputShape: [3], classLabels: ["a", "b"], backend }),
  ),
  subject(
    "TransferHead.fromNetwork",
    api.TransferHead.fromNetwork,
    value("network", network),
    options({ classLabels: ["a", "b", "c"], backend }),
  ),
  subject("TransferHead.load", api.TransferHead.load, value("source", model), optional({ backend })),
  subject("TransferHead.fit", head.fit.bind(head), value("train", data), optional({ epochs: 1 })),
  subject(
    "TransferHead.findLearningRate",
    head.findLearningRate.bind(head),
    value("train", data),
    optional({ steps: 3 }),
  ),
  subject("TransferHead.evaluate", head.evaluate.bind(head), value("data", data), optional()),
  subject("TransferHead.predict", head.predict.bind(head), value("predict", xs), optional()),
  subject("TransferHead.classify", head.classify.bind(head), value("predict", xs), optional()),
  subject("TransferHead.encode", head.encode.bind(head), optional()),
  subject("TransferHead.save", head.save.bind(head), value("path", join(folder, "head.h5")), optional()),

  subject(
    "TransferModel.create",
    api.TransferModel.create,
    options({ backbone: photographs, preprocess: "none", classLabels: ["a", "b"], backend }),
  ),
  subject("TransferModel.load", api.TransferModel.load, value("source", model), optional({ backend })),
  subject("TransferModel.unfreeze", tuned.unfreeze.bind(tuned), options({ from: "average" })),
  subject("TransferModel.fit", tuned.fit.bind(tuned), value("train", pictures), optional({ epochs: 1 })),
  subject("TransferModel.evaluate", tuned.evaluate.bind(tuned), value("pictures", pictures), optional()),
  subject("TransferModel.predict", tuned.predict.bind(tuned), value("pictures", pictures), optional()),
  subject("TransferModel.classify", tuned.classify.bind(tuned), value("pictures", pictures), optional()),
  subject(
    "TransferModel.findLearningRate",
    tuned.findLearningRate.bind(tuned),
    value("train", pictures),
    optional({ steps: 3 }),
  ),
  subject("TransferModel.gradCam", tuned.gradCam.bind(tuned), value("pictures", pictures), optional()),
  subject("TransferModel.encode", tuned.encode.bind(tuned), optional()),
  subject("TransferModel.save", tuned.save.bind(tuned), value("path", join(folder, "tuned.h5")), optional()),

  subject(
    "mergeShards",
    api.mergeShards,
    value("paths", [path]),
    value("target", join(folder, "merged.hdf5")),
    optional(),
  ),
  subject("shardPath", api.shardPath, value("path", "a.hdf5"), value("shard", shard)),
  subject("shardPaths", api.shardPaths, value("path", "a.hdf5"), value("count", 2, 1)),
  subject("shardFromEnvironment", api.shardFromEnvironment, value("environment", environment, {}), optional()),
  subject("shardOf", api.shardOf, value("source", pictures), value("shard", shard)),

  subject("featureMap", api.featureMap, value("data", data), optional()),
  subject("plotCalibration", api.plotCalibration, value("calibration", api.calibration(predictions)), optional()),
  subject("plotClassScores", api.plotClassScores, value("perClass", report.perClass), optional()),
  subject("plotConfusionMatrix", api.plotConfusionMatrix, value("report", report), optional()),
  subject("plotFeatureMap", api.plotFeatureMap, value("map", map), optional()),
  subject("plotHistory", api.plotHistory, value("history", [{ epoch: 1, loss: 1, learningRate: 1 }]), optional()),
  subject("plotPictures", api.plotPictures, value("pictures", []), optional()),
  subject(
    "svgToPNG",
    api.svgToPNG,
    value("svg", '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'),
    optional(),
  ),
  subject(
    "describeMachine",
    api.describeMachine,
    value("backend", { name: "onnx", description: "CPU", skipped: [] }, undefined),
  ),
  subject("reportHTML", api.reportHTML, value("report", {})),
  subject("thumbnail", api.thumbnail, value("input", pixels), optional()),
  subject("writeReport", api.writeReport, value("path", join(folder, "report.html")), value("report", {}), optional()),

  subject("calibration", api.calibration, value("predictions", predictions), optional()),
  subject(
    "classificationReport",
    api.classificationReport,
    value("trueClasses", [0]),
    value("predictedClasses", [0]),
    value("classLabels", ["a"]),
  ),
  subject(
    "confidenceInterval",
    api.confidenceInterval,
    value("predictions", predictions),
    value("figure", () => 1),
    optional(),
  ),
  subject("foldRows", api.foldRows, value("count", 4, 1), options({ folds: 2 })),
  subject(
    "multiLabelReport",
    api.multiLabelReport,
    value("labels", [0, 1]),
    value("probabilities", predictions.probabilities),
    value("labelNames", ["a", "b"]),
  ),
  subject("nearestRows", api.nearestRows, value("data", data), value("queries", xs), optional()),
  subject(
    "predictViews",
    api.predictViews,
    value("images", pictures),
    options({ views: api.flipViews(), predict: async () => xs }),
  ),
  subject("principalComponents", api.principalComponents, value("xs", xs), optional()),
  subject("probabilityScores", api.probabilityScores, value("predictions", predictions)),
  subject("topKAccuracy", api.topKAccuracy, value("predictions", predictions), value("k", 1, 1)),
  subject(
    "regressionReport",
    api.regressionReport,
    value("numbers", [1]),
    value("predicted", [1]),
    value("outputNames", ["a"]),
  ),
  subject("cosineDecay", api.cosineDecay, options({ initialLearningRate: 1, decaySteps: 2 })),
  subject("exponentialDecay", api.exponentialDecay, options({ initialLearningRate: 1, decaySteps: 2, decayRate: 0.5 })),
  subject("oneCycle", api.oneCycle, options({ maxLearningRate: 1, totalSteps: 5 })),
  subject("stepDecay", api.stepDecay, options({ initialLearningRate: 1, epochs: 2 })),
  subject("splitRows", api.splitRows, value("count", 4, 1), options({ size: 0.5 })),
  subject(
    "topConfusions",
    api.topConfusions,
    value("predictions", predictions),
    value("classLabels", ["a", "b"]),
    optional(),
  ),
];

const wrong: readonly unknown[] = [undefined, null, 1, {}];

function wrongFor({ kind, takes }: Parameter): readonly unknown[] {
  if (kind === "value")
    return wrong.filter((one) => !takes.some((right) => JSON.stringify(right) === JSON.stringify(one)));
  return [...(kind === "options" ? [undefined] : []), null, 1, "text"];
}

async function errorOf({ call, parameters }: Subject, place: number, given: unknown): Promise<unknown> {
  try {
    await call(...parameters.map(({ right }, at) => (at === place ? given : right)));
  } catch (error) {
    return error;
  }
  return undefined;
}

const cases = subjects.flatMap((each) => each.parameters.map((parameter, place) => ({ each, parameter, place })));

describe("a public function refuses by its name an argument of the wrong kind", () => {
  test.each(cases.map((one) => [`${one.each.name}(${one.parameter.name})`, one] as const))(
    "%s",
    async (_, { each, parameter, place }) => {
      for (const given of wrongFor(parameter)) {
        const error = await errorOf(each, place, given);
        expect({ given, error: String(error) }).toEqual({
          given,
          error: expect.stringMatching(new RegExp(`\`${parameter.name}\\b`)),
        });
        expect(api.isCnnTransferError(error)).toBe(true);
      }
    },
  );
});

describe("a public function refuses an option that it does not have, and names the one that was meant", () => {
  test.each(cases.filter(({ parameter }) => parameter.kind !== "value").map((one) => [one.each.name, one] as const))(
    "%s",
    async (_, { each, parameter, place }) => {
      const error = await errorOf(each, place, { ...(parameter.right as object), bachSize: 1 });
      expect(String(error)).toMatch(/`bachSize`/);
      expect(api.isCnnTransferError(error, "InvalidArgumentError")).toBe(true);
    },
  );
});

describe("a class that a function of its own makes refuses `new`, and names that function", () => {
  const classes: readonly (readonly [string, unknown, string])[] = [
    ["FeatureExtractor", api.FeatureExtractor, "create"],
    ["HDF5DatasetWriter", api.HDF5DatasetWriter, "create"],
    ["HDF5DatasetGenerator", api.HDF5DatasetGenerator, "open"],
    ["TransferHead", api.TransferHead, "create"],
    ["TransferModel", api.TransferModel, "create"],
    ["LogisticRegression", api.LogisticRegression, "fit"],
    ["KNeighborsClassifier", api.KNeighborsClassifier, "fit"],
    ["NearestCentroid", api.NearestCentroid, "fit"],
  ];
  test.each(classes)("%s", (name, untyped, instead) => {
    const Class = untyped as new (...given: readonly unknown[]) => unknown;
    for (const given of [[], [{ backbone: "vgg16" }], [path, { batchSize: 2 }]]) {
      expect(() => new Class(...given)).toThrow(
        expect.objectContaining({
          name: "InvalidArgumentError",
          message: expect.stringContaining(`await ${name}.${instead}(`),
        }),
      );
    }
  });
});

/** Names of what a class has at run time that may take arguments. */
function methodsOf(of: object): readonly string[] {
  return Object.entries(Object.getOwnPropertyDescriptors(of))
    .filter(([name, { value: method }]) => name !== "constructor" && takesArguments(method))
    .map(([name]) => name);
}

function takesArguments(value: unknown): boolean {
  return typeof value === "function" && !/^[^(]*\(\s*\)/.test(String(value));
}

test("every public function and method that takes arguments is asked", () => {
  const asked = new Set(subjects.flatMap(({ name }) => [name, name.replace(/^.*\./, "")]));
  const isClass = (each: unknown): each is { readonly prototype: object } => /^class\b/.test(String(each));
  const all = Object.entries(api).flatMap(([name, each]): readonly string[] => {
    if (!isClass(each)) return takesArguments(each) ? [name] : [];
    if (each.prototype instanceof Error) return [];
    return [...methodsOf(each).map((method) => `${name}.${method}`), ...methodsOf(each.prototype)];
  });
  expect(all.length).toBeGreaterThan(90);
  expect(all.filter((name) => !asked.has(name))).toEqual(["isCnnTransferError"]);
});
