/**
 * The whole way in an app of your own, with nothing around it.
 * `tsx examples/own-app.ts path/to/folder` (one sub-folder per class).
 */
import { FeatureExtractor, HDF5DatasetGenerator, HDF5DatasetWriter, imageFolder, TransferHead } from "cnn-transfer";

const [folder = "animals/", weights = "imagenet"] = process.argv.slice(2);

const images = await imageFolder(folder);
await using extractor = await FeatureExtractor.create({ backbone: "vgg16", weights, pooling: "avg" });
await using writer = await HDF5DatasetWriter.create("animals.hdf5", {
  rows: images.length,
  rowShape: extractor.featureShape,
  classLabels: images.classLabels,
});
await extractor.extractTo(writer, images, { batchSize: 32, onProgress: console.log });
await writer.close();

await using data = await HDF5DatasetGenerator.open("animals.hdf5", { batchSize: 32, shuffle: true, seed: 1 });
const { train, validation } = data.split({ validation: 0.25, stratify: true });
await using head = await TransferHead.create({
  inputShape: data.rowShape,
  classLabels: data.classLabels,
  hidden: [256],
  dropout: 0.5,
});
await head.fit(train, { epochs: 20, validation });
console.log((await head.evaluate(validation)).toString()); // report, as scikit-learn prints it
await head.save("my_model.h5"); // keras.models.load_model("my_model.h5")
