import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  FeatureExtractor,
  type FeatureExtractorOptions,
  HDF5DatasetGenerator,
  HDF5DatasetWriter,
  imageFolder,
  LogisticRegression,
  mobilenet,
  onnx,
  type QuantizingBackend,
} from "../../src/index.js";

const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const animals = path.join(shared, "animals");
const weightsOf = (file: string) => path.join(shared, "weights", file);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "int8-animals-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Share of the photographs that logistic regression tells right, each in the fold of ten that it was not trained on. */
async function accuracyWith(extractor: FeatureExtractor, name: string): Promise<number> {
  const images = await imageFolder(animals);
  const file = path.join(folder, `${name}.hdf5`);
  const { featureShape: rowShape, attributes } = extractor;
  const { classLabels, length: rows } = images;
  await using writer = await HDF5DatasetWriter.create(file, { rows, rowShape, classLabels, attributes });
  await extractor.extractTo(writer, images);
  await writer.close();
  await using data = await HDF5DatasetGenerator.open(file, { batchSize: 300 });
  const { best } = await LogisticRegression.gridSearch(data, { Cs: [1], folds: 10, standardize: true });
  return best.mean;
}

const squeezenet: FeatureExtractorOptions = {
  backbone: "squeezenet",
  weights: weightsOf("squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"),
};

const smallMobilenet: FeatureExtractorOptions = {
  backbone: mobilenet({ alpha: 0.25 }),
  weights: weightsOf("mobilenet_2_5_224_tf_no_top.h5"),
};

describe.skipIf(!existsSync(animals))("photographs in 8-bit integers (skipped where ../shared/data is missing)", () => {
  test.each([
    { name: "squeezenet", options: squeezenet },
    { name: "vgg-mini", options: { backbone: "vgg-mini" } as const },
    { name: "mobilenet", options: smallMobilenet },
  ])(
    "$name gives features as near to float32 as is asked for, and half of a hundredth of the photographs at most is told worse",
    async ({ name, options }) => {
      await using exact = await FeatureExtractor.create({ ...options, backend: onnx() });
      await using rounded = await FeatureExtractor.create({
        ...options,
        backend: onnx(),
        precision: "int8",
        calibration: await imageFolder(animals),
        calibrationPath: path.join(folder, `${name}.json`),
      });
      const quality = rounded.calibration?.quality;
      expect(quality?.meanCosine).toBeGreaterThanOrEqual(0.998);
      expect(quality?.minimumCosine).toBeGreaterThanOrEqual(0.99);
      const before = await accuracyWith(exact, name);
      const after = await accuracyWith(rounded, `${name}-int8`);
      expect(before).toBeGreaterThan(0.75);
      expect(after).toBeGreaterThanOrEqual(before - 0.005);
    },
    120_000,
  );

  test("what a small mobilenet loses shows in its calibration: means that rounding moved, and layers that stay in float32", async () => {
    const calibrationPath = path.join(folder, "kept-mobilenet.json");
    await using rounded = await FeatureExtractor.create({
      ...smallMobilenet,
      backend: onnx(),
      precision: "int8",
      calibration: await imageFolder(animals),
      calibrationPath,
    });
    expect(Object.keys(rounded.calibration?.biasCorrections ?? {})).toHaveLength(27);
    expect(rounded.calibration?.inFloat.length).toBeGreaterThan(0);
    expect(rounded.calibration?.inFloat.length).toBeLessThanOrEqual(8);
    expect(existsSync(calibrationPath)).toBe(true);
  }, 120_000);

  test("a squeezenet that cannot come as near as is asked for writes no row and keeps no calibration, and goes on where less is asked for", async () => {
    const backend = onnx();
    let minimumCosine = 0.99999;
    const strict: QuantizingBackend = {
      specVersion: backend.specVersion,
      name: "strict",
      description: backend.description,
      init: () => backend.init(),
      load: (...given) => backend.load(...given),
      calibrate: (network, options) => backend.calibrate(network, { ...options, minimumCosine }),
      loadQuantized: (...given) => backend.loadQuantized(...given),
    };
    const calibrationPath = path.join(folder, "strict.json");
    await using extractor = await FeatureExtractor.create({
      ...{ ...squeezenet, backend: strict, precision: "int8" },
      ...{ calibrationPath, calibrationImages: 20 },
    });
    const images = await imageFolder(animals);
    const file = path.join(folder, "strict.hdf5");
    const { featureShape: rowShape, attributes } = extractor;
    const { classLabels, length: rows } = images;
    await using writer = await HDF5DatasetWriter.create(file, { rows, rowShape, classLabels, attributes });
    await expect(extractor.extractTo(writer, images)).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(
        /loses too much in 8-bit integers: on 10 pictures .* 0\.99\d\d \(0\.99999\), with \d+ of/u,
      ),
    });
    expect(writer.rowsWritten + writer.rowsSkipped).toBe(0);
    expect(existsSync(calibrationPath)).toBe(false);
    minimumCosine = 0.99;
    await extractor.extractTo(writer, images);
    await writer.close();
    expect(existsSync(calibrationPath)).toBe(true);
    await using data = await HDF5DatasetGenerator.open(file);
    expect((await data.attributes()).get("precision")).toBe(extractor.attributes.precision);
  }, 120_000);
});
