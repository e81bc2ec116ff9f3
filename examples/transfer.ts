/**
 * Transfer learning from a folder of pictures to a Keras model file, step by step.
 * `npm run example -- --help` lists what can be changed.
 */
import { mkdir } from "node:fs/promises";
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
  type RunningBackend,
  TransferHead,
} from "cnn-transfer";
import { drawAnimals } from "./draw-animals.js";
import { progressBar } from "./progress-bar.js";
import { help, readOptions, type TransferOptions, UsageError } from "./transfer-options.js";

const extensions = [".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"];
const drawingsPerClass = 48;
const unseenPerClass = 4;
/** One is kept for the end, and of the others some are for training and some for validation. */
const leastPerClass = 5;
const earlyLayers = {
  vgg16: "block3_pool",
  vgg19: "block3_pool",
  squeezenet: "fire3/concat",
  mobilenet: "conv_pw_3_relu",
  "vgg-mini": "block2_pool",
};

async function main(options: TransferOptions, signal: AbortSignal): Promise<void> {
  const features = join(options.output, "features.hdf5");
  const model = join(options.output, "my_model.h5");
  await mkdir(options.output, { recursive: true });

  step("Pictures");
  const folder = await imageFolder(options.folder ?? (await drawPictures(options)), { extensions });
  checkClasses(folder);
  const { seen, unseen } = holdOut(folder, options.seed);
  const classes = folder.classLabels.join(", ");
  console.log(`${folder.length} pictures of ${folder.classLabels.length} classes: ${classes}`);
  console.log(`${unseen.length} of them are kept for the end; nothing below sees them before.`);

  step("Features");
  await using extractor = await createExtractor(options, signal);
  console.log(
    `${options.backbone} up to ${extractor.attributes.layer}, weights: ${extractor.attributes.weights}\n` +
      `${extractor.featureShape.join(" x ")} numbers per picture`,
  );
  showBackend("runs", extractor.backend);
  await using writer = await HDF5DatasetWriter.create(features, {
    rows: seen.length,
    rowShape: extractor.featureShape,
    classLabels: seen.classLabels,
    attributes: extractor.attributes,
    // A file of an earlier run stays as it is until the new one is complete.
    overwrite: true,
    resume: options.resume,
  });
  if (writer.rowsWritten > 0) console.log(`going on behind the ${writer.rowsWritten} rows of an earlier run`);
  const showExtraction = progressBar("extracting");
  const summary = await extractor.extractTo(writer, seen, {
    batchSize: options.batchSize,
    onError: "skip",
    resume: options.resume,
    signal,
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
  showBackend("trains", head.backend);
  const showTraining = progressBar("training  ");
  await head.fit(train, {
    epochs: options.epochs,
    validation,
    signal,
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
  for await (const { features: rows, labels, names } of extractor.stream(unseen, { onError: "skip", signal })) {
    for (const [row, [best]] of (await loaded.classify(rows)).entries()) {
      const isRight = best !== undefined && best.label === unseen.classLabels[labels?.[row] ?? -1];
      if (isRight) right++;
      total++;
      console.log(`${isRight ? "✓" : "✗"} ${names[row]}: ${best?.label} (${percent(best?.probability ?? 0)})`);
    }
  }
  console.log(`${right} of ${total} right.`);
}

/** Draws into a folder that has its name from here, and replaces only files that were drawn before. */
async function drawPictures(options: TransferOptions): Promise<string> {
  const folder = join(options.output, "drawn-animals");
  await drawAnimals(folder, drawingsPerClass + unseenPerClass, options.seed);
  console.log(`No folder given, so here are cartoon cats, dogs and pandas: ${folder}`);
  return folder;
}

/** Says what is missing before hours are spent on it. */
function checkClasses({ directory, classLabels, labels }: ImageFolder): void {
  if (classLabels.length < 2) {
    throw new PicturesError(
      `"${directory}" has one class, "${classLabels[0]}", and there is nothing to tell apart. ` +
        "Make a folder for each class, at least two, with the pictures of the class in it.",
    );
  }
  const counts = classLabels.map((name, label) => ({ name, count: labels.filter((each) => each === label).length }));
  const small = counts.filter(({ count }) => count < leastPerClass);
  if (small.length === 0) return;
  throw new PicturesError(
    `Too few pictures in "${directory}": ${small.map(({ name, count }) => `"${name}" has ${count}`).join(", ")}. ` +
      `Each class needs at least ${leastPerClass}, and a few dozen to be learned well. ` +
      `Counted are files that end in ${extensions.join(", ")}.`,
  );
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

/**
 * Trained weights if they can be had: those of vgg-mini always can, others are downloaded. The library never takes random
 * ones by itself; this example does, and says so.
 */
async function createExtractor(options: TransferOptions, signal: AbortSignal): Promise<FeatureExtractor> {
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
      signal,
      onDownload: ({ receivedBytes, totalBytes }) =>
        showDownload(receivedBytes, totalBytes ?? receivedBytes, "bytes of weights"),
    });
  } catch (error) {
    if (weights !== undefined || !isCnnTransferError(error, "WeightsDownloadError")) throw error;
    console.log(
      `${error.message}\nGoing on with random weights. They tell drawings apart; for photographs get the real ones.`,
    );
    return createRandomExtractor(options);
  }
}

/** Untrained layers say less the deeper they are, so an early one is taken unless another was asked for. */
function createRandomExtractor(options: TransferOptions): Promise<FeatureExtractor> {
  const { backbone, layer = earlyLayers[backbone], pooling = "max", backend, seed } = options;
  return FeatureExtractor.create({ backbone, weights: "random", layer, pooling, backend, seed });
}

function showBackend(does: string, { description, skipped }: RunningBackend): void {
  console.log(`${does} on ${description}`);
  for (const { backend, reason } of skipped) console.log(`  not on ${backend}: ${reason}`);
}

function step(title: string): void {
  console.log(`\n── ${title}`);
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

/** The pictures are not such that one could learn from them. */
class PicturesError extends Error {}

const interruption = new AbortController();
// The first Ctrl-C stops in good order, a second one at once.
process.once("SIGINT", () => interruption.abort());
try {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") console.log(help);
  else await main(options, interruption.signal);
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\nTry \`npm run example -- --help\`.`);
    process.exitCode = 2;
  } else if (interruption.signal.aborted && error === interruption.signal.reason) {
    console.error(
      "\nStopped. Features that are done are kept in features.hdf5.partial: the same command with --resume goes on " +
        "behind them, and without it begins anew. A download goes on by itself.",
    );
    process.exitCode = 130;
  } else if (error instanceof PicturesError) {
    console.error(error.message);
    process.exitCode = 1;
  } else if (isCnnTransferError(error)) {
    console.error(`${error.name}: ${error.message}`);
    process.exitCode = 1;
  } else throw error;
}
