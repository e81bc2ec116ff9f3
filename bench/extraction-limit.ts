import { readFile } from "node:fs/promises";
import os from "node:os";
import {
  createNetwork,
  createResizer,
  decodeImage,
  featureNetwork,
  type Int8Calibration,
  imageList,
  type LoadedNetwork,
  loadImages,
  type NdArray,
  onnx,
} from "cnn-transfer";
import type { MeasuredNetwork } from "./networks.js";

/** Seconds of processor time that one picture takes, each step measured by itself. */
export interface StepSeconds {
  readonly decode: number;
  readonly resize: number;
  readonly forward: number;
}

/** Pictures per second if all cores did nothing but these steps. */
export function limitOf(steps: StepSeconds): number {
  return os.availableParallelism() / processorSeconds(steps);
}

/** All steps together. */
export function processorSeconds({ decode, resize, forward }: StepSeconds): number {
  return decode + resize + forward;
}

/** Measures each step of an extraction alone. */
export interface StepMeter {
  measure(): Promise<StepSeconds>;
  dispose(): Promise<void>;
}

/**
 * @param paths pictures; they are held in memory, compressed and decoded, so that some hundred are enough
 * @param calibration for a forward pass in 8-bit integers
 */
export async function createStepMeter(
  { backbone, weights, size, layer, preprocess }: MeasuredNetwork,
  paths: readonly string[],
  batchSize: number,
  calibration?: Int8Calibration,
): Promise<StepMeter> {
  const files = await Promise.all(paths.map((path) => readFile(path)));
  const decoded: NdArray<"uint8">[] = [];
  for (const file of files) decoded.push(await decodeImage(file));
  const resize = createResizer({ size });
  const network = await createNetwork(backbone, { weights, imageSize: size });
  const { network: features } = featureNetwork(network, {
    layers: [layer],
    pooling: "avg",
    preprocess,
    imageSize: size,
  });
  const backend = onnx();
  const loaded = await (calibration ? backend.loadQuantized(features, calibration) : backend.load(features));
  const batches: NdArray<"uint8">[] = [];
  const options = { size, batchSize, workers: 0 };
  for await (const { pixels } of loadImages(imageList(decoded), options)) batches.push(pixels);
  await loaded.run([batches[0] as NdArray<"uint8">]);
  return {
    async measure() {
      const perPicture = async (work: () => Promise<unknown>) => (await processorSecondsOf(work)) / paths.length;
      return {
        decode: await perPicture(() => inParallel(4, files, (file) => decodeImage(file))),
        resize: await perPicture(async () => decoded.forEach((pixels) => void resize(pixels))),
        forward: await perPicture(() => inParallel(2, batches, (pixels) => run(loaded, pixels))),
      };
    },
    dispose: () => loaded.dispose(),
  };
}

function run(loaded: LoadedNetwork, pixels: NdArray<"uint8">): Promise<unknown> {
  return loaded.run([pixels]);
}

async function inParallel<T>(lanes: number, items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Processor time of all threads of this process, in seconds. */
async function processorSecondsOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
