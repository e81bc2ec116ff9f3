import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BackboneName } from "../../src/backbones/resolve-backbone.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { FeatureExtractor } from "../../src/feature-extractor.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { imageFolder } from "../../src/images/image-folder.js";
import { TransferHead } from "../../src/transfer-head.js";

const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const animals = path.join(shared, "animals");
const weightsFile = path.join(shared, "weights/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "animals-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** From a folder of photographs to the accuracy on the quarter of them that the head was not trained on. */
async function accuracyWith(backbone: BackboneName, weights: string, normalize = false): Promise<number> {
  const file = path.join(folder, `${backbone}-${path.basename(weights)}.hdf5`);
  const images = await imageFolder(animals);
  await using extractor = await FeatureExtractor.create({ backbone, weights, pooling: "avg" });
  await using writer = await HDF5DatasetWriter.create(file, {
    rows: images.length,
    rowShape: extractor.featureShape,
    classLabels: images.classLabels,
  });
  await extractor.extractTo(writer, images);
  await writer.close();

  await using data = await HDF5DatasetGenerator.open(file, { batchSize: 32, shuffle: true, seed: 1 });
  expect(data.length).toBe(300);
  const { train, validation } = data.split({ validation: 0.25, stratify: true });
  await using head = await TransferHead.create({
    inputShape: data.rowShape,
    classLabels: data.classLabels,
    hidden: [256],
    dropout: 0.5,
    normalize,
    seed: 1,
    backend: tfjsWasm(),
  });
  await head.fit(train, { epochs: 30 });
  const report = await head.evaluate(validation);
  expect(report.perClass.map(({ label, support }) => [label, support])).toEqual([
    ["cats", 25],
    ["dogs", 25],
    ["panda", 25],
  ]);
  return report.accuracy;
}

describe.skipIf(!existsSync(animals))(
  "photographs of cats, dogs and pandas (skipped where ../shared/data is missing)",
  () => {
    test.each([
      { backbone: "squeezenet", weights: weightsFile, normalize: false, right: 95 },
      { backbone: "vgg-mini", weights: "imagenet", normalize: true, right: 80 },
    ] as const)(
      "are told apart by $backbone's features in $right of 100 cases or more",
      async (tried) => {
        expect(await accuracyWith(tried.backbone, tried.weights, tried.normalize)).toBeGreaterThanOrEqual(
          tried.right / 100,
        );
      },
      240_000,
    );

    test("are told apart far less often by features of random weights", async () => {
      expect(await accuracyWith("squeezenet", "random")).toBeLessThan(0.75);
    }, 240_000);
  },
);
