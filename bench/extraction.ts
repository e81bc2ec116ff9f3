import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  createNetwork,
  FeatureExtractor,
  featureNetwork,
  HDF5DatasetWriter,
  type ImageSource,
  imageFolder,
  imageList,
  loadImages,
  type NdArray,
  onnx,
} from "cnn-transfer";
import { drawAnimals } from "../examples/draw-animals.js";
import { kerasPipeline } from "./keras.js";
import { type MeasuredNetwork, measuredNetworks } from "./networks.js";
import { printTable } from "./report.js";

const batchSize = 32;
const photographs = fileURLToPath(new URL("../../shared/data/animals", import.meta.url));

/** A folder of JPEG files to a closed HDF5 file, against the bare forward of the same pictures, and against Python. */
export async function extraction(): Promise<void> {
  const temporary = await mkdtemp(path.join(os.tmpdir(), "cnn-transfer-bench-"));
  try {
    const folder = existsSync(photographs) ? photographs : path.join(temporary, "drawn");
    if (folder !== photographs) await drawAnimals(folder, 100, 0);
    const images = await imageFolder(folder);
    for (const measured of measuredNetworks) {
      await extractionOf(measured, images, folder, path.join(temporary, `${measured.backbone}.hdf5`));
    }
    await memory(images, path.join(temporary, "many.hdf5"));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function extractionOf(
  measured: MeasuredNetwork,
  images: ImageSource,
  folder: string,
  file: string,
): Promise<void> {
  const bare = await bareForward(measured, images);
  const whole = await wholeJob(measured, images, file);
  const keras = await kerasPipeline("extraction", measured.backbone, folder);
  printTable(`${measured.backbone} features of ${images.length} pictures, batch ${batchSize}`, [
    { what: "bare forward of decoded pictures", figure: `${bare.toFixed(2)} images/s`, ratio: "1.00" },
    {
      what: "JPEG folder to closed HDF5 file",
      figure: `${whole.toFixed(2)} images/s`,
      ratio: (whole / bare).toFixed(2),
    },
    ...(keras?.imagesPerSecond
      ? [
          {
            what: "the same in Python: Keras, Pillow, h5py",
            figure: `${keras.imagesPerSecond.toFixed(2)} images/s`,
            ratio: (keras.imagesPerSecond / bare).toFixed(2),
          },
        ]
      : []),
  ]);
}

async function bareForward({ backbone, weights, size, layer }: MeasuredNetwork, images: ImageSource): Promise<number> {
  const network = await createNetwork(backbone, { weights, imageSize: size });
  const features = featureNetwork(network, {
    layers: [layer],
    pooling: "avg",
    preprocess: "caffe",
    imageSize: size,
  });
  const loaded = await onnx().load(features.network);
  const decoded: NdArray<"uint8">[] = [];
  for await (const batch of loadImages(images, { size, batchSize })) decoded.push(batch.pixels);
  await loaded.run([decoded[0] as NdArray<"uint8">]);
  const start = performance.now();
  await Promise.all(decoded.map((pixels) => loaded.run([pixels])));
  const seconds = (performance.now() - start) / 1000;
  await loaded.dispose();
  return images.length / seconds;
}

async function wholeJob({ backbone, weights }: MeasuredNetwork, images: ImageSource, file: string): Promise<number> {
  await using extractor = await FeatureExtractor.create({
    backbone,
    weights,
    pooling: "avg",
    backend: onnx(),
  });
  await extractor.extract([{ dtype: "uint8", shape: [8, 8, 3], data: new Uint8Array(192) }]);
  const start = performance.now();
  await using writer = await HDF5DatasetWriter.create(file, {
    rows: images.length,
    rowShape: extractor.featureShape,
    classLabels: images.classLabels,
  });
  await extractor.extractTo(writer, images, { batchSize });
  await writer.close();
  return images.length / ((performance.now() - start) / 1000);
}

async function memory(images: ImageSource, file: string): Promise<void> {
  const inputs: string[] = [];
  for await (const { image } of images) if (typeof image === "string") inputs.push(image);
  const many = imageList(
    Array.from({ length: 5000 }, (_, i) => inputs[i % inputs.length] as string),
    { labels: Array.from({ length: 5000 }, () => 0), classLabels: ["any"] },
  );
  await using extractor = await FeatureExtractor.create({ backbone: "squeezenet", weights: "random", backend: onnx() });
  await using writer = await HDF5DatasetWriter.create(file, {
    rows: many.length,
    rowShape: extractor.featureShape,
    classLabels: many.classLabels,
  });
  const resident: number[] = [];
  const { imagesPerSecond } = await extractor.extractTo(writer, many, {
    batchSize,
    onProgress: ({ done }) => {
      if (done % 1000 < batchSize) resident.push(process.memoryUsage().rss / 2 ** 20);
    },
  });
  await writer.close();
  printTable("SqueezeNet features of 5,000 pictures", [
    { what: "speed", figure: `${imagesPerSecond.toFixed(1)} images/s` },
    { what: "resident memory after each 1,000", figure: `${resident.map((mib) => mib.toFixed(0)).join(", ")} MiB` },
  ]);
}
