/**
 * Transfer learning from a folder of pictures to a Keras model file, step by step.
 * `npm run example -- --help` lists what can be changed.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  createRandom,
  FeatureExtractor,
  HDF5DatasetGenerator,
  HDF5DatasetWriter,
  type ImageFolder,
  type ImageSelection,
  imageFolder,
  isCnnTransferError,
  TransferHead,
} from "cnn-transfer";
import { drawAnimals } from "./draw-animals.js";
import { progressBar } from "./progress-bar.js";
import { help, readOptions, type TransferOptions, UsageError } from "./transfer-options.js";

const extensions = [".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"];
const drawingsPerClass = 48;
const unseenPerClass = 4;
const earlyLayers = {
  vgg16: "block3_pool",
  vgg19: "block3_pool",
  squeezenet: "fire3/concat",
  mobilenet: "conv_pw_3_relu",
};

async function main(options: TransferOptions): Promise<void> {
  const features = join(options.output, "features.hdf5");
  const model = join(options.output, "my_model.h5");
  await mkdir(options.output, { recursive: true });
  await rm(features, { force: true });
  await rm(model, { force: true });

  step("Pictures");
  const folder = await imageFolder(options.folder ?? (await drawPictures(options)), { extensions });
  const { seen, unseen } = holdOut(folder, options.seed);
  const classes = folder.classLabels.join(", ");
  console.log(`${folder.length} pictures of ${folder.classLabels.length} classes: ${classes}`);
  console.log(`${unseen.length} of them are kept for the end; nothing below sees them before.`);

  step("Features");
  await using extractor = await createExtractor(options);
  console.log(
    `${options.backbone} up to ${extractor.attributes.layer}, weights: ${extractor.attributes.weights}\n` +
      `${extractor.featureShape.join(" x ")} numbers per picture, on ${extractor.backend.description}`,
  );
  await using writer = await HDF5DatasetWriter.create(features, {
    rows: seen.length,
    rowShape: extractor.featureShape,
    classLabels: seen.classLabels,
    attributes: extractor.attributes,
  });
  const showExtraction = progressBar("extracting");
  const summary = await extractor.extractTo(writer, seen, {
    batchSize: options.batchSize,
    onError: "skip",
    onProgress: ({ done, total, imagesPerSecond }) =>
      showExtraction(done, total, `${imagesPerSecond.toFixed(1)} pictures/s`),
  });
  await writer.close();
  for (const { name, reason } of summary.skipped) console.log(`left out: ${name}, ${reason}`);
  console.log(`${summary.rows} rows in ${summary.seconds.toFixed(1)} s, written to ${features}`);

  step("Training");
  await using data = await HDF5DatasetGenerator.open(features, {
    batchSize: options.batchSize,
    shuffle: true,
    seed: options.seed,
  });
  const { train, validation } = data.split({ validation: 0.25, stratify: true });
  await using head = await TransferHead.create({
    inputShape: data.rowShape,
    classLabels: data.classLabels,
    hidden: [256],
    dropout: 0.5,
    normalize: true,
    seed: options.seed,
    metadata: extractor.attributes,
  });
  const showTraining = progressBar("training  ");
  await head.fit(train, {
    epochs: options.epochs,
    validation,
    onProgress: ({ epoch, loss, valAccuracy }) => {
      if (valAccuracy === undefined) return;
      showTraining(epoch, options.epochs, `loss ${loss.toFixed(3)}, validation accuracy ${percent(valAccuracy)}`);
    },
  });

  step("Report, on a quarter of the rows that the head was not trained on");
  console.log((await head.evaluate(validation)).toString());
  await head.save(model);
  console.log(`Saved as ${model}. In Python: keras.models.load_model("${model}")`);

  step("Pictures that nothing has seen, with the head loaded again from its file");
  await using loaded = await TransferHead.load(model);
  let right = 0;
  let total = 0;
  for await (const { features: rows, labels, names } of extractor.stream(unseen, { onError: "skip" })) {
    for (const [row, [best]] of (await loaded.classify(rows)).entries()) {
      const isRight = best !== undefined && best.label === unseen.classLabels[labels?.[row] ?? -1];
      if (isRight) right++;
      total++;
      console.log(`${isRight ? "✓" : "✗"} ${names[row]}: ${best?.label} (${percent(best?.probability ?? 0)})`);
    }
  }
  console.log(`${right} of ${total} right.`);
}

async function drawPictures(options: TransferOptions): Promise<string> {
  const folder = join(options.output, "drawings");
  await rm(folder, { recursive: true, force: true });
  await drawAnimals(folder, drawingsPerClass + unseenPerClass, options.seed);
  console.log(`No folder given, so here are cartoon cats, dogs and pandas: ${folder}`);
  return folder;
}

/** Takes a few pictures of each class out, at random. */
function holdOut(
  folder: ImageFolder,
  seed: number,
): { readonly seen: ImageSelection; readonly unseen: ImageSelection } {
  const random = createRandom(seed);
  const positions = [...folder.labels.keys()];
  const unseen = folder.classLabels.flatMap((_, label) => {
    const members = positions.filter((position) => folder.labels[position] === label);
    random.shuffle(members);
    return members.slice(0, Math.min(unseenPerClass, Math.floor(members.length / 5)));
  });
  const seen = positions.filter((position) => !unseen.includes(position));
  return { seen: folder.select(seen), unseen: folder.select(unseen) };
}

/** ImageNet's weights if they can be had. The library never takes others by itself; this example does, and says so. */
async function createExtractor(options: TransferOptions): Promise<FeatureExtractor> {
  const { backbone, weights, layer, pooling = "avg", backend } = options;
  if (weights === "random") return createRandomExtractor(options);
  const showDownload = progressBar("downloading");
  try {
    return await FeatureExtractor.create({
      backbone,
      weights,
      layer,
      pooling,
      backend,
      onDownload: ({ receivedBytes, totalBytes }) =>
        showDownload(receivedBytes, totalBytes ?? receivedBytes, "bytes of weights"),
    });
  } catch (error) {
    if (weights !== undefined || !isCnnTransferError(error, "WeightsDownloadError")) throw error;
    console.log(
      "ImageNet's weights are not in the cache and could not be downloaded.\n" +
        `To use them, put ${error.url}\nat ${error.cachePath}\n` +
        "Going on with random weights. They tell drawings apart; for photographs get the real ones.",
    );
    return createRandomExtractor(options);
  }
}

/** Untrained layers say less the deeper they are, so an early one is taken unless another was asked for. */
function createRandomExtractor(options: TransferOptions): Promise<FeatureExtractor> {
  const { backbone, layer = earlyLayers[backbone], pooling = "max", backend, seed } = options;
  return FeatureExtractor.create({ backbone, weights: "random", layer, pooling, backend, seed });
}

function step(title: string): void {
  console.log(`\n── ${title}`);
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") console.log(help);
  else await main(options);
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\nTry \`npm run example -- --help\`.`);
    process.exitCode = 2;
  } else if (isCnnTransferError(error)) {
    console.error(`${error.name}: ${error.message}`);
    process.exitCode = 1;
  } else throw error;
}
