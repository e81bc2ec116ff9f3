import { existsSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
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
import { integerNetworks, type MeasuredNetwork, measuredNetworks } from "./networks.js";
import { sampleNoise } from "./noise.js";
import { runPython } from "./python.js";
import { compare, type Lane, median, printTable, rowOf } from "./report.js";
import { watchMemory } from "./resident-memory.js";
import { inTemporaryFolder } from "./temporary-folder.js";

const batchSize = 32;
const allRounds = 3;
const photographs = fileURLToPath(new URL("../../shared/data/animals", import.meta.url));
const squeezenetWeights = fileURLToPath(
  new URL("../../shared/data/weights/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5", import.meta.url),
);

/** What is measured of extractions. */
interface ExtractionOptions {
  readonly quick: boolean;
  /** Only this network, and nothing beside it. */
  readonly network: string | undefined;
}

/**
 * A folder of JPEG files to a closed HDF5 file, in turns with the steps of it measured alone and with the same in Python;
 * what fast decoding gains; and memory over many pictures.
 */
export async function extraction({ quick, network }: ExtractionOptions): Promise<void> {
  await withPictures(async (temporary, paths) => {
    const asked = measuredNetworks.filter(({ backbone }) => network === undefined || backbone === network);
    for (const measured of quick ? asked.slice(-1) : asked) await extractionIn(temporary, measured, paths, quick);
    if (quick || network !== undefined) return;
    const weights = existsSync(squeezenetWeights) ? squeezenetWeights : "random";
    await fastDecoding(paths, path.join(temporary, "large"), weights);
    await memory(paths, path.join(temporary, "many.hdf5"));
  });
}

/** The same as the first of these, in 8-bit integers. */
export async function integerExtraction({ quick }: { readonly quick: boolean }): Promise<void> {
  await withPictures(async (temporary, paths) => {
    const networks = quick ? integerNetworks.slice(-1) : integerNetworks;
    for (const measured of networks) await extractionIn(temporary, measured, paths, quick);
  });
}

async function withPictures(action: (temporary: string, paths: readonly string[]) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (temporary) => {
    const folder = existsSync(photographs) ? photographs : path.join(temporary, "drawn");
    if (folder !== photographs) await drawAnimals(folder, 100, 0);
    const images = await imageFolder(folder);
    await action(
      temporary,
      images.images.flatMap(({ image }) => (typeof image === "string" ? [image] : [])),
    );
  });
}

async function extractionIn(
  temporary: string,
  network: MeasuredNetwork,
  paths: readonly string[],
  quick: boolean,
): Promise<void> {
  const measured = quick ? { ...network, pictures: 300 } : network;
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
  /** Images per second of the same in Python, by how pictures are read. */
  readonly keras: Readonly<Record<string, number>> | undefined;
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
    sampleNoise();
    const steps = await meter.measure();
    const job = await wholeJob(measured, images, file, calibration);
    const keras = int8
      ? undefined
      : await runPython<Readonly<Record<string, number>>>("extraction_peer.py", backbone, folder);
    measuredRounds.push({ steps, job, keras });
  }
  await meter.dispose();
  const all = (figure: (round: Round) => number | undefined): readonly number[] =>
    measuredRounds.map(figure).filter((each) => each !== undefined);
  const peer = (what: string, how: string): Lane => ({ what, role: "peer", figures: all(({ keras }) => keras?.[how]) });
  const ours = all(({ job }) => job.imagesPerSecond);
  const busy = median(all(({ job }) => job.cores));
  const share = median(all(({ steps, job }) => processorSeconds(steps) / job.processorSeconds));
  const ms = (figure: (round: Round) => number) => all((round) => 1000 * figure(round));
  printTable(
    `${backbone}${int8 ? " in 8-bit integers" : ""}, JPEG folder of ${pictures} pictures to closed HDF5 file, batch ${batchSize}, medians of ${rounds} rounds`,
    [
      ...compare(
        [
          {
            what: "limit: cores / (decode + resize + forward)",
            role: "limit",
            figures: all(({ steps }) => limitOf(steps)),
          },
          { what: "FeatureExtractor, HDF5DatasetWriter", role: "ours", figures: ours },
          peer("Keras, Pillow in threads, h5py", "threads"),
          peer("Keras, pictures of tf.data, h5py", "tf_data"),
          peer("Keras, Pillow one by one, h5py", "load_img"),
        ],
        { name: "images/s", faster: "more" },
      ),
      rowOf(
        "decode, processor time alone",
        ms(({ steps }) => steps.decode),
        "ms/image",
      ),
      rowOf(
        "resize, processor time alone",
        ms(({ steps }) => steps.resize),
        "ms/image",
      ),
      rowOf(
        "forward, processor time alone",
        ms(({ steps }) => steps.forward),
        "ms/image",
      ),
      rowOf(
        "processor time of the whole job",
        ms(({ job }) => job.processorSeconds),
        "ms/image",
        `${share.toFixed(2)} of it are the three; it kept ${busy.toFixed(2)} of ${os.availableParallelism()} cores busy`,
      ),
      rowOf(
        "longest block of the event loop",
        all(({ job }) => job.longestBlock),
        "ms",
        `99 % below ${median(all(({ job }) => job.usualBlock)).toFixed(1)} ms`,
      ),
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
