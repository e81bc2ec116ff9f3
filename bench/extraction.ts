import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import {
  FeatureExtractor,
  HDF5DatasetWriter,
  type ImageSource,
  type Int8Calibration,
  imageFolder,
  imageList,
  onnx,
} from "cnn-transfer";
import { drawAnimals } from "../examples/draw-animals.js";
import { createStepMeter, limitOf, processorSeconds, type StepSeconds } from "./extraction-limit.js";
import { fastDecoding } from "./fast-decoding.js";
import { kerasPipeline } from "./keras.js";
import { extractedNetworks, integerNetworks, type MeasuredNetwork } from "./networks.js";
import { median, printTable } from "./report.js";
import { watchMemory } from "./resident-memory.js";

const batchSize = 32;
const allRounds = 3;
const photographs = fileURLToPath(new URL("../../shared/data/animals", import.meta.url));
const squeezenetWeights = fileURLToPath(
  new URL("../../shared/data/weights/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5", import.meta.url),
);

/**
 * A folder of JPEG files to a closed HDF5 file, in turns with the steps of it measured alone and with the same in Python;
 * what fast decoding gains; and memory over many pictures.
 */
export async function extraction({ quick }: { readonly quick: boolean }): Promise<void> {
  await withPictures(async (temporary, paths) => {
    const networks = quick ? extractedNetworks.slice(1) : extractedNetworks;
    for (const measured of networks) await extractionIn(temporary, measured, paths, quick);
    if (quick) return;
    const weights = existsSync(squeezenetWeights) ? squeezenetWeights : "random";
    await fastDecoding(paths, path.join(temporary, "large"), weights);
    await memory(paths, path.join(temporary, "many.hdf5"));
  });
}

/** The same as the first of these, in 8-bit integers. */
export async function integerExtraction({ quick }: { readonly quick: boolean }): Promise<void> {
  await withPictures(async (temporary, paths) => {
    for (const measured of integerNetworks) await extractionIn(temporary, measured, paths, quick);
  });
}

async function withPictures(action: (temporary: string, paths: readonly string[]) => Promise<void>): Promise<void> {
  const temporary = await mkdtemp(path.join(os.tmpdir(), "cnn-transfer-bench-"));
  try {
    const folder = existsSync(photographs) ? photographs : path.join(temporary, "drawn");
    if (folder !== photographs) await drawAnimals(folder, 100, 0);
    const images = await imageFolder(folder);
    await action(
      temporary,
      images.images.flatMap(({ image }) => (typeof image === "string" ? [image] : [])),
    );
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function extractionIn(
  temporary: string,
  network: MeasuredNetwork,
  paths: readonly string[],
  quick: boolean,
): Promise<void> {
  const measured = quick ? { ...network, pictures: 150 } : network;
  const folder = path.join(temporary, measured.backbone);
  await linkPictures(paths, measured.pictures, folder);
  await extractionOf(measured, paths, folder, `${folder}.hdf5`, quick);
}

/** A folder of two classes with so many pictures, some of which may be the same. */
async function linkPictures(paths: readonly string[], count: number, folder: string): Promise<void> {
  for (let i = 0; i < count; i++) {
    const directory = path.join(folder, `class ${i % 2}`);
    if (i < 2) await mkdir(directory, { recursive: true });
    const target = paths[Math.floor((i * paths.length) / Math.min(count, paths.length)) % paths.length] as string;
    await symlink(target, path.join(directory, `${i}.jpg`));
  }
}

interface Round {
  readonly steps: StepSeconds;
  readonly job: WholeJob;
  readonly keras: number | undefined;
}

async function extractionOf(
  measured: MeasuredNetwork,
  paths: readonly string[],
  folder: string,
  file: string,
  quick: boolean,
): Promise<void> {
  const { backbone, pictures, int8 = false } = measured;
  const rounds = quick ? 1 : allRounds;
  const images = await imageFolder(folder);
  const calibration = int8 ? await calibrate(measured, images) : undefined;
  const some = paths.slice(0, Math.min(pictures, paths.length));
  const meter = await createStepMeter(measured, some, batchSize, calibration);
  const measuredRounds: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    const steps = await meter.measure();
    const job = await wholeJob(measured, images, file, calibration);
    const keras = quick || int8 ? undefined : (await kerasPipeline("extraction", backbone, folder))?.imagesPerSecond;
    measuredRounds.push({ steps, job, keras });
  }
  await meter.dispose();
  const middle = (figure: (round: Round) => number): number => median(measuredRounds.map(figure));
  const ms = (step: keyof StepSeconds) => `${(middle(({ steps }) => steps[step]) * 1000).toFixed(2)} ms/image`;
  const shareOf = (speed: (round: Round) => number): string => {
    const shares = measuredRounds.map((round) => speed(round) / limitOf(round.steps));
    return `${median(shares).toFixed(2)} of the limit (${Math.min(...shares).toFixed(2)} to ${Math.max(...shares).toFixed(2)})`;
  };
  const speed = (figure: (round: Round) => number) => `${middle(figure).toFixed(1)} images/s`;
  const hasKeras = measuredRounds.every(({ keras }) => keras !== undefined);
  printTable(
    `${backbone}${int8 ? " in 8-bit integers, its" : ""} features of ${pictures} pictures, batch ${batchSize}, medians of ${rounds} rounds`,
    [
      { what: "decode, processor time alone", figure: ms("decode") },
      { what: "resize, processor time alone", figure: ms("resize") },
      { what: "forward, processor time alone", figure: ms("forward") },
      { what: "limit: cores / the three", figure: speed(({ steps }) => limitOf(steps)), ratio: "1.00" },
      {
        what: "JPEG folder to closed HDF5 file",
        figure: speed(({ job }) => job.imagesPerSecond),
        ratio: shareOf(({ job }) => job.imagesPerSecond),
      },
      {
        what: "  its processor time",
        figure: `${(middle(({ job }) => job.processorSeconds) * 1000).toFixed(2)} ms/image`,
        ratio: `${middle(({ steps, job }) => processorSeconds(steps) / job.processorSeconds).toFixed(2)} of it are the three; it kept ${middle(({ job }) => job.cores).toFixed(2)} of ${os.availableParallelism()} cores busy`,
      },
      {
        what: "  its longest block of the event loop",
        figure: `${middle(({ job }) => job.longestBlock).toFixed(1)} ms`,
        ratio: `99 % below ${middle(({ job }) => job.usualBlock).toFixed(1)} ms`,
      },
      ...(hasKeras
        ? [
            {
              what: "the same in Python: Keras, Pillow, h5py",
              figure: speed(({ keras }) => keras as number),
              ratio: shareOf(({ keras }) => keras as number),
            },
          ]
        : []),
    ],
  );
}

interface WholeJob {
  readonly imagesPerSecond: number;
  /** Per picture. */
  readonly processorSeconds: number;
  /** Cores busy on average. */
  readonly cores: number;
  /** Delays of the event loop in ms, those included for which the system gave the processor to others. */
  readonly longestBlock: number;
  readonly usualBlock: number;
}

async function calibrate({ backbone, weights }: MeasuredNetwork, images: ImageSource): Promise<Int8Calibration> {
  const options = { backbone, weights, pooling: "avg", backend: onnx() } as const;
  await using extractor = await FeatureExtractor.create({
    ...options,
    precision: "int8",
    calibration: images,
    calibrationImages: 16,
  });
  return extractor.calibration as Int8Calibration;
}

async function wholeJob(
  { backbone, weights }: MeasuredNetwork,
  images: ImageSource,
  file: string,
  calibration: Int8Calibration | undefined,
): Promise<WholeJob> {
  const precision = calibration === undefined ? {} : ({ precision: "int8", calibration } as const);
  const options = { backbone, weights, pooling: "avg", backend: onnx(), ...precision } as const;
  await using extractor = await FeatureExtractor.create(options);
  // Starts the threads, as Python's side is given a batch before its time runs.
  const first = [];
  for await (const { image } of images) if (first.push(image) === batchSize) break;
  await extractor.extract(first);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const processor = process.cpuUsage();
  delay.enable();
  const start = performance.now();
  await using writer = await HDF5DatasetWriter.create(file, {
    rows: images.length,
    rowShape: extractor.featureShape,
    classLabels: images.classLabels,
    overwrite: true,
  });
  await extractor.extractTo(writer, images, { batchSize });
  await writer.close();
  const seconds = (performance.now() - start) / 1000;
  delay.disable();
  const { user, system } = process.cpuUsage(processor);
  return {
    imagesPerSecond: images.length / seconds,
    processorSeconds: (user + system) / 1e6 / images.length,
    cores: (user + system) / 1e6 / seconds,
    longestBlock: delay.max / 1e6,
    usualBlock: delay.percentile(99) / 1e6,
  };
}

async function memory(paths: readonly string[], file: string): Promise<void> {
  const many = imageList(
    Array.from({ length: 5000 }, (_, i) => paths[i % paths.length] as string),
    { labels: Array.from({ length: 5000 }, () => 0), classLabels: ["any"] },
  );
  await using extractor = await FeatureExtractor.create({ backbone: "squeezenet", weights: "random", backend: onnx() });
  await using writer = await HDF5DatasetWriter.create(file, {
    rows: many.length,
    rowShape: extractor.featureShape,
    classLabels: many.classLabels,
  });
  const resident = watchMemory("resident memory");
  const { imagesPerSecond } = await extractor.extractTo(writer, many, {
    batchSize,
    onProgress: () => resident.sample(),
  });
  await writer.close();
  printTable("SqueezeNet features of 5,000 pictures", [
    { what: "speed", figure: `${imagesPerSecond.toFixed(1)} images/s` },
    ...resident.rows(),
  ]);
}
