import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FeatureExtractor } from "../../src/feature-extractor.js";
import { HDF5DatasetGenerator } from "../../src/hdf5-dataset-generator.js";
import { HDF5DatasetWriter } from "../../src/hdf5-dataset-writer.js";
import { imageFolder } from "../../src/images/image-folder.js";
import { LogisticRegression } from "../../src/logistic-regression.js";
import { clusteredRows } from "../support/clustered-data.js";
import { runPython } from "./reference-python.js";

const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const animals = path.join(shared, "animals");
const weights = path.join(shared, "weights/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5");
const hasPhotographs = existsSync(animals) && existsSync(weights);
const originals = [0.1, 1, 10, 100, 1000, 10_000];

interface Reference {
  readonly scores: readonly (readonly number[])[];
  readonly best: number;
  readonly coefficients: readonly number[];
  readonly intercepts: readonly number[];
  readonly accuracy: number;
  readonly predicted: readonly number[];
  readonly probabilities: readonly number[];
  readonly keras: Readonly<Record<string, number>>;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "logistic-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Greatest difference, as a part of the greatest value. */
function relativeError(actual: ArrayLike<number>, expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  const difference = Math.max(...expected.map((value, at) => Math.abs(value - (actual[at] as number))));
  return difference / Math.max(...expected.map(Math.abs));
}

/** Ours and scikit-learn's: a grid search on three quarters of a file's rows, measured on the others. */
async function compare(name: string, file: string, standardize: boolean): Promise<void> {
  await using data = await HDF5DatasetGenerator.open(file);
  const { train, validation } = data.split({ validation: 0.25, stratify: true, seed: 1 });
  const { model, best, scores } = await LogisticRegression.gridSearch(train, { Cs: originals, standardize });
  const saved = path.join(folder, `${name}.h5`);
  await model.save(saved);
  const jobs = path.join(folder, `${name}.json`);
  const rows = { train: [...train.indices], test: [...validation.indices] };
  const job = { file, ...rows, Cs: originals, standardize, model: saved, keras: ["keras", "tf_keras"] };
  await writeFile(jobs, JSON.stringify([job]));
  // Keras writes notes of its own before the last line.
  const printed = (await runPython("logistic.py", jobs)).trim().split("\n").at(-1) ?? "";
  const [reference] = JSON.parse(printed) as [Reference];

  expect(scores.map((row) => row.scores)).toEqual(reference.scores);
  expect(best.C).toBe(reference.best);
  expect(relativeError(model.coefficients.data, reference.coefficients)).toBeLessThan(1e-3);
  expect(relativeError(model.intercepts.data, reference.intercepts)).toBeLessThan(1e-3);
  const report = await model.evaluate(validation);
  expect(report.accuracy).toBe(reference.accuracy);
  expect([...report.predictions.predictedClasses]).toEqual(reference.predicted);
  const { data: probabilities } = report.predictions.probabilities;
  expect(Math.max(...reference.probabilities.map((p, at) => Math.abs(p - (probabilities[at] as number))))).toBeLessThan(
    1e-3,
  );
  expect(Math.max(...Object.values(reference.keras))).toBeLessThan(1e-3);
  // The file itself loses only what 32 bits lose.
  const loaded = await LogisticRegression.load(saved);
  const again = await loaded.evaluate(validation);
  expect(again.accuracy).toBe(report.accuracy);
}

describe.skipIf(!hasPhotographs)(
  "SqueezeNet's features of 300 photographs (skipped where ../shared/data is missing)",
  () => {
    const files = { three: "", two: "" };
    beforeAll(async () => {
      const images = await imageFolder(animals);
      await using extractor = await FeatureExtractor.create({ backbone: "squeezenet", weights, pooling: "avg" });
      files.three = path.join(folder, "animals.hdf5");
      await using writer = await HDF5DatasetWriter.create(files.three, {
        rows: images.length,
        rowShape: extractor.featureShape,
        classLabels: images.classLabels,
      });
      await extractor.extractTo(writer, images);
      await writer.close();
      files.two = path.join(folder, "cats and dogs.hdf5");
      await using data = await HDF5DatasetGenerator.open(files.three);
      const places = [...(data.labels ?? [])].flatMap((label, place) => (label < 2 ? [place] : []));
      await using pair = await HDF5DatasetWriter.create(files.two, {
        rows: places.length,
        rowShape: data.rowShape,
        classLabels: data.classLabels.slice(0, 2),
      });
      for await (const { xs, ys } of data.subset(places)) await pair.add(xs, ys.data);
      await pair.close();
    }, 240_000);

    test.each([
      ["three classes", "three", false],
      ["three classes, standardised", "three", true],
      ["two classes", "two", false],
    ] as const)(
      "%s: scikit-learn's scores, best C, coefficients and accuracy, in Keras too",
      async (name, key, standardize) => {
        await compare(name, files[key], standardize);
      },
    );
  },
);

describe("rows made here", () => {
  test.each([
    ["three classes", { rows: 240, width: 30, classes: 3, seed: 21, overlap: 1.2 }, false],
    ["two classes, standardised", { rows: 160, width: 12, classes: 2, seed: 22, overlap: 1.5, uneven: true }, true],
  ] as const)(
    "%s: scikit-learn's scores, best C, coefficients and accuracy, in Keras too",
    async (name, options, standardize) => {
      const file = path.join(folder, `made ${name}.hdf5`);
      const { xs, ys } = clusteredRows(options);
      const classLabels = Array.from({ length: options.classes }, (_, label) => `class ${label}`);
      await using writer = await HDF5DatasetWriter.create(file, {
        rows: options.rows,
        rowShape: [options.width],
        classLabels,
      });
      await writer.add({ dtype: "float32", shape: [options.rows, options.width], data: xs }, ys);
      await writer.close();
      await compare(`made ${name}`, file, standardize);
    },
  );
});
