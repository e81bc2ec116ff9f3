import { existsSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { FeatureExtractor } from "../../src/feature-extractor.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { imageFolder } from "../../src/images/image-folder.js";
import { LogisticRegression } from "../../src/logistic-regression.js";
import { TransferHead } from "../../src/transfer-head.js";

const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const animals = path.join(shared, "animals");
const weights = path.join(shared, "weights/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5");
const dtypes = ["float32", "float16"] as const;
const folds = 5;

describe.skipIf(!existsSync(animals))(
  "SqueezeNet's features as float16 (skipped where ../shared/data is missing)",
  () => {
    let folder: string;
    const fileOf = (dtype: string) => path.join(folder, `${dtype}.hdf5`);

    beforeAll(async () => {
      folder = await mkdtemp(path.join(tmpdir(), "float16-"));
      const images = await imageFolder(animals);
      await using extractor = await FeatureExtractor.create({ backbone: "squeezenet", weights, pooling: "avg" });
      const [rowShape, classLabels] = [extractor.featureShape, images.classLabels];
      const settings = { rows: images.length, rowShape, classLabels };
      await using full = await HDF5DatasetWriter.create(fileOf("float32"), settings);
      await using half = await HDF5DatasetWriter.create(fileOf("float16"), { ...settings, dtype: "float16" });
      for await (const { features, labels } of extractor.stream(images)) {
        for (const writer of [full, half]) await writer.add(features, labels);
      }
      for (const writer of [full, half]) await writer.close();
    }, 120_000);
    afterAll(() => rm(folder, { recursive: true, force: true }));

    test("take half of the bytes, and differ from float32 by at most half a step of float16", async () => {
      const [full = 0, half = 0] = await Promise.all(dtypes.map(async (dtype) => (await stat(fileOf(dtype))).size));
      expect(full - half).toBe(300 * 512 * 2);
      expect(half / full).toBeLessThan(0.53);
      await using exact = await HDF5DatasetGenerator.open(fileOf("float32"), { batchSize: 300 });
      await using rounded = await HDF5DatasetGenerator.open(fileOf("float16"), { batchSize: 300 });
      const [first, second] = await Promise.all(
        [exact, rounded].map(async (data) => (await data.batches().next()).value),
      );
      const values = first?.xs.data ?? new Float32Array();
      expect(values.length).toBe(300 * 512);
      let differing = 0;
      for (const [i, value] of values.entries()) {
        const difference = Math.abs((second?.xs.data[i] as number) - value);
        // 11 bits of mantissa; below 2^-14 steps no longer become smaller.
        expect(difference).toBeLessThanOrEqual(Math.max(Math.abs(value) * 2 ** -11, 2 ** -25));
        if (difference > 0) differing++;
      }
      expect(differing).toBeGreaterThan(50_000);
    });

    test("teach a head and a logistic regression as well: over five folds at most one of 300 photographs more is wrong", async () => {
      const right = new Map<string, number>();
      for (const dtype of dtypes) {
        await using data = await HDF5DatasetGenerator.open(fileOf(dtype), { batchSize: 32, shuffle: true, seed: 1 });
        for (const { train, validation } of data.kFold(folds, { stratify: true, seed: 1 })) {
          const logistic = await LogisticRegression.fit(train, { C: 1, maxIter: 1000 });
          await using head = await TransferHead.create({
            inputShape: data.rowShape,
            classLabels: data.classLabels,
            hidden: [256],
            dropout: 0.5,
            seed: 1,
            backend: tfjsWasm(),
          });
          await head.fit(train, { epochs: 15 });
          for (const [name, model] of [
            ["logistic", logistic],
            ["head", head],
          ] as const) {
            const { accuracy } = await model.evaluate(validation);
            const key = `${name} ${dtype}`;
            right.set(key, (right.get(key) ?? 0) + Math.round(accuracy * validation.length));
          }
        }
      }
      for (const name of ["logistic", "head"]) {
        const [full = 0, half = 0] = dtypes.map((dtype) => right.get(`${name} ${dtype}`));
        expect(full).toBeGreaterThanOrEqual(285);
        expect(half).toBeGreaterThanOrEqual(full - 1);
      }
    }, 240_000);
  },
);
