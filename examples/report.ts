/**
 * A report about a run: features of drawings, a head trained on them, and one page that shows how good it is and what it
 * takes for what. `tsx examples/report.ts [folder of pictures, one folder for each class]`
 */
import { mkdir, writeFile } from "node:fs/promises";
import {
  describeMachine,
  FeatureExtractor,
  featureMap,
  HDF5DatasetGenerator,
  HDF5DatasetWriter,
  imageFolder,
  KNeighborsClassifier,
  NearestCentroid,
  plotConfusionMatrix,
  plotHistory,
  svgToPNG,
  TransferHead,
  TransferModel,
  writeReport,
} from "cnn-transfer";
import { drawAnimals } from "./draw-animals.js";

await mkdir("output", { recursive: true });
const folder = process.argv[2] ?? "output/drawings-to-report";
if (process.argv[2] === undefined) await drawAnimals(folder, 40, 7);

const images = await imageFolder(folder);
await using extractor = await FeatureExtractor.create({ backbone: "vgg-mini", pooling: "avg" });
await using writer = await HDF5DatasetWriter.create("output/report.hdf5", {
  rows: images.length,
  rowShape: extractor.featureShape,
  classLabels: images.classLabels,
  overwrite: true,
});
await extractor.extractTo(writer, images);
await writer.close();

await using data = await HDF5DatasetGenerator.open("output/report.hdf5", { batchSize: 32, shuffle: true, seed: 1 });
const { train, validation } = data.split({ validation: 0.4, stratify: true });
await using head = await TransferHead.create({
  inputShape: data.rowShape,
  classLabels: data.classLabels,
  hidden: [64],
  dropout: 0.5,
  normalize: true,
  seed: 1,
});
await head.fit(train, { epochs: 15, validation });
const evaluation = await head.evaluate(validation);

// What a head has to beat: two classifiers that learn nothing.
const nearest = await (await KNeighborsClassifier.fit(train)).evaluate(validation);
const means = await (await NearestCentroid.fit(train)).evaluate(validation);
console.log(`head ${evaluation.accuracy}, neighbours ${nearest.accuracy}, class means ${means.accuracy}`);

const report = {
  title: "Drawn animals",
  remarks: `Five nearest neighbours are right in ${(100 * nearest.accuracy).toFixed(1)} % of the rows.`,
  evaluation,
  history: head.history,
  trainingLabels: train.labels,
  fileNames: await data.fileNames(),
  featureMap: await featureMap(data),
  settings: { ...extractor.attributes, hidden: 64, dropout: 0.5, epochs: 15 },
  machine: describeMachine(extractor.backend),
  date: new Date(),
};
// Backbone and head as one model, which can be asked where it looks.
await using model = await TransferModel.create({ backbone: "vgg-mini", pooling: "avg", head });
await writeReport("output/report.html", report, {
  images,
  gradCam: (pictures, classIndex) => model.gradCam(pictures, { classIndex }),
});
await writeFile("output/history.svg", plotHistory(head.history));
await writeFile("output/confusions.png", await svgToPNG(plotConfusionMatrix(evaluation)));
console.log("wrote output/report.html, output/history.svg and output/confusions.png");
