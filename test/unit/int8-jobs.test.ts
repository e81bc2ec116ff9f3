import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FeatureSink } from "../../src/extraction/feature-sink.js";
import {
  FeatureExtractor,
  HDF5DatasetGenerator,
  HDF5DatasetWriter,
  type HDF5DatasetWriterOptions,
  type ImageSelection,
  type ImageSource,
  imageList,
  mergeShards,
  type NdArray,
  shardOf,
} from "../../src/index.js";
import { someCalibration } from "../support/some-calibration.js";
import { stripedPicture } from "../support/striped-picture.js";

const pictures = Array.from({ length: 60 }, (_, seed) => stripedPicture(seed));
const images: ImageSelection = imageList(pictures);

let folder: string;
let target: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "int8-jobs-"));
  target = path.join(folder, "features.hdf5");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** An extractor that has seen no picture yet. */
const create = (calibrationPath = path.join(folder, "vgg-mini.int8.json")) =>
  FeatureExtractor.create({ backbone: "vgg-mini", precision: "int8", calibrationImages: 40, calibrationPath });

const openWriter = (
  extractor: FeatureExtractor,
  source: ImageSource,
  options: Partial<HDF5DatasetWriterOptions> = {},
) =>
  HDF5DatasetWriter.create(target, {
    rows: source.length,
    rowShape: extractor.featureShape,
    attributes: { ...extractor.attributes, ...source.attributes },
    ...options,
  });

async function precisionIn(file: string): Promise<unknown> {
  await using data = await HDF5DatasetGenerator.open(file, { labelKey: null });
  return (await data.attributes()).get("precision");
}

describe("a job in 8-bit integers without a calibration", () => {
  test("calibrates with its own pictures, keeps that in a file, and says it in the features' file", async () => {
    await using extractor = await create();
    expect(extractor.attributes.precision).toBe("int8 (to be calibrated)");
    expect(extractor.calibration).toBeUndefined();
    await using writer = await openWriter(extractor, images);
    await extractor.extractTo(writer, images);
    await writer.close();
    expect(extractor.calibration).toMatchObject({ images: 20, quality: { images: 20 } });
    expect(extractor.calibration?.quality.meanCosine).toBeGreaterThan(0.998);
    expect(await precisionIn(target)).toMatch(/^int8 \(calibration crc32 [0-9a-f]{8}\)$/u);
    expect(await precisionIn(target)).toBe(extractor.attributes.precision);
    await using given = await FeatureExtractor.create({
      backbone: "vgg-mini",
      precision: "int8",
      calibrationImages: 40,
      calibration: images,
    });
    expect(given.attributes).toEqual(extractor.attributes);
  });

  test("says it in the file of a writer that was given no attributes too", async () => {
    await using extractor = await create();
    await using writer = await openWriter(extractor, images, { attributes: {} });
    await extractor.extractTo(writer, images);
    await writer.close();
    expect(await precisionIn(target)).toBe(extractor.attributes.precision);
  });

  test("that was stopped goes on with the same calibration, whatever pictures are left", async () => {
    {
      await using extractor = await create();
      await using writer = await openWriter(extractor, images, { resume: true, bufferSize: 1 });
      const stop = new AbortController();
      const onProgress = () => stop.abort(new Error("stopped"));
      await expect(
        extractor.extractTo(writer, images, { batchSize: 16, signal: stop.signal, onProgress }),
      ).rejects.toThrow("stopped");
    }
    await using extractor = await create();
    expect(extractor.calibration).toBeDefined();
    await using writer = await openWriter(extractor, images, { resume: true });
    await extractor.extractTo(writer, images, { batchSize: 16, resume: true });
    await writer.close();

    const whole = path.join(folder, "whole.hdf5");
    await using second = await create();
    await using other = await HDF5DatasetWriter.create(whole, {
      rows: images.length,
      rowShape: second.featureShape,
      attributes: second.attributes,
    });
    await second.extractTo(other, images);
    await other.close();
    expect((await readFile(target)).equals(await readFile(whole))).toBe(true);
  });

  test("that was stopped and whose calibration is gone is not continued with another one", async () => {
    for (const attributes of [undefined, {}]) {
      const options = attributes ? { attributes, resume: true } : { resume: true };
      {
        await using extractor = await create();
        await using writer = await openWriter(extractor, images, options);
        await extractor.extractTo(writer, imageList(pictures.slice(0, 20)));
      }
      await rm(path.join(folder, "vgg-mini.int8.json"));
      await using extractor = await create();
      const goOn = async () => {
        await using writer = await openWriter(extractor, images, options);
        await extractor.extractTo(writer, images, { resume: true });
      };
      await expect(goOn()).rejects.toMatchObject({
        name: "InvalidArgumentError",
        message: expect.stringMatching(attributes ? /Put that file back/u : /`attributes.precision` was "int8 \(cal/u),
      });
      await rm(`${target}.partial`);
      await rm(`${target}.partial.journal`);
    }
  });

  test("that was stopped while it calibrated begins anew", async () => {
    {
      await using extractor = await create();
      await using writer = await openWriter(extractor, images, { resume: true });
      const stopped = extractor.extractTo(writer, images, { signal: AbortSignal.abort(new Error("stopped")) });
      await expect(stopped).rejects.toThrow("stopped");
    }
    await (await create()).extractTo({ add: async () => undefined }, images);
    await using extractor = await create();
    await using writer = await openWriter(extractor, images, { resume: true });
    expect((await extractor.extractTo(writer, images, { resume: true })).rows).toBe(60);
    await writer.close();
    expect(await precisionIn(target)).toBe(extractor.attributes.precision);
  });

  test("of several shards calibrates each shard with pictures of the whole job, so that their files can be merged", async () => {
    const files: string[] = [];
    for (const index of [0, 1, 2]) {
      const shard = shardOf(images, { index, count: 3 });
      // Each on a machine of its own.
      await using extractor = await create(path.join(folder, `${index}.json`));
      const file = path.join(folder, `${index}.hdf5`);
      await using writer = await HDF5DatasetWriter.create(file, {
        rows: shard.length,
        rowShape: extractor.featureShape,
        attributes: { ...extractor.attributes, ...shard.attributes },
      });
      await extractor.extractTo(writer, shard);
      await writer.close();
      files.push(file);
    }
    expect(new Set(await Promise.all(files.map(precisionIn))).size).toBe(1);
    expect((await mergeShards(files, target)).rows).toBe(60);
  });

  test("is refused before any row where too much is lost, and then no calibration is kept", async () => {
    const blank: NdArray<"uint8"> = { dtype: "uint8", shape: [8, 8, 3], data: new Uint8Array(192).fill(128) };
    // Ranges of grey pictures, and values of others.
    const uneven = imageList(
      Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? blank : (pictures[i] as NdArray<"uint8">))),
    );
    await using extractor = await create();
    const sink: FeatureSink = {
      add: () => {
        throw new Error("a row was written");
      },
    };
    await expect(extractor.extractTo(sink, uneven)).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(/loses too much/u),
    });
    expect(existsSync(path.join(folder, "vgg-mini.int8.json"))).toBe(false);
    // The next job may do better.
    await extractor.extractTo({ add: async () => undefined }, images);
    expect(extractor.calibration).toBeDefined();
  });

  test("is one for two jobs that begin at the same moment, and stays when one of them is stopped", async () => {
    await using extractor = await create();
    const count = async (source: ImageSource, signal?: AbortSignal) => {
      let rows = 0;
      for await (const { names } of extractor.stream(source, { signal })) rows += names.length;
      return rows;
    };
    const stop = new AbortController();
    const [stopped, rows, again] = await Promise.allSettled([
      count(images, stop.signal),
      count(images),
      count(imageList(pictures.slice(0, 3))),
      Promise.resolve().then(() => stop.abort(new Error("stopped"))),
    ]);
    expect(stopped).toMatchObject({ status: "rejected", reason: { message: "stopped" } });
    expect([rows, again]).toMatchObject([{ value: 60 }, { value: 3 }]);
  });

  test("needs enough pictures, and `extract` alone does not calibrate", async () => {
    await using extractor = await create();
    await expect(extractor.extract(pictures)).rejects.toThrow(/is not calibrated yet/u);
    await expect(extractor.stream(imageList(pictures.slice(0, 7))).next()).rejects.toThrow(/7 can be decoded/u);
  });

  test("and a writer that says something else of its rows and cannot be told do not go together", async () => {
    await using extractor = await create();
    const { attributes } = extractor;
    const add = async () => undefined;
    await expect(extractor.extractTo({ add, attributes }, images)).rejects.toThrow(/cannot be told/u);
    const stored: Readonly<Record<string, string>>[] = [];
    const storeAttributes = async (facts: Readonly<Record<string, string>>) => stored.push(facts);
    await extractor.extractTo({ add, attributes, storeAttributes }, images);
    expect(stored).toEqual([{ precision: extractor.attributes.precision }]);
    const other = { precision: "int8 (calibration crc32 00000000)" };
    await expect(
      extractor.extractTo({ add, attributes: other, rowsWritten: 3, rowsSkipped: 0, storeAttributes }, images),
    ).rejects.toThrow(/holds rows in int8 \(calibration crc32 00000000\)/u);
  });

  test("and one in float32 do not go into one file, whichever comes first, also where that says nothing of itself", async () => {
    await using int8 = await create();
    await using float32 = await FeatureExtractor.create({ backbone: "vgg-mini" });
    for await (const _ of int8.stream(images)) break;
    for (const [first, second, message] of [
      [int8, float32, /rows are in int8 \(calibration crc32 [0-9a-f]{8}\), but those to come are in float32/u],
      [float32, int8, /holds rows in float32, but those to come are in int8/u],
    ] as const) {
      for (const attributes of [first.attributes, undefined]) {
        await using writer = await openWriter(first, images, { rows: 2 * images.length, attributes });
        await first.extractTo(writer, images);
        await expect(second.extractTo(writer, images)).rejects.toThrow(message);
        expect(writer.rowsWritten).toBe(images.length);
        await writer.abort();
      }
    }
    await using writer = await openWriter(int8, images);
    await expect(float32.extractTo(writer, images)).rejects.toThrow(/says that its rows are in int8/u);
    await writer.abort();
  });

  test("that waits for the calibration of another one is stopped at once, and the other goes on", async () => {
    await using extractor = await create();
    let calibrated = false;
    const first = extractor.stream(images).next();
    const stop = new AbortController();
    const second = extractor.stream(images, { signal: stop.signal }).next();
    const stopped = expect(second.finally(() => (calibrated = extractor.calibration !== undefined))).rejects.toThrow(
      "stopped",
    );
    stop.abort(new Error("stopped"));
    await stopped;
    expect(calibrated).toBe(false);
    expect((await first).value?.names).toHaveLength(32);
  });

  test("is calibrated to what another one has kept meanwhile, also where both begin together", async () => {
    await using one = await create();
    await using other = await create();
    const half = imageList(pictures.slice(0, 30));
    await Promise.all([one.stream(images).next(), other.stream(half).next()]);
    expect(other.calibration).toEqual(one.calibration);
    expect(await readdir(folder)).toEqual(["vgg-mini.int8.json"]);
  });

  test("leaves out pictures that cannot be decoded, and calibrates with the others", async () => {
    await using extractor = await create();
    const damaged = pictures.map((picture, i) => (i % 3 === 0 ? new Uint8Array([1, 2, 3]) : picture));
    await using writer = await openWriter(extractor, images);
    const { rows } = await extractor.extractTo(writer, imageList(damaged), { onError: "skip" });
    expect(rows).toBe(40);
    // Of the 40 that are looked at every other one is damaged.
    expect(extractor.calibration).toMatchObject({ images: 10, quality: { images: 10 } });
  });

  test("with a calibration that is cut off, empty or of other weights does not begin", async () => {
    const file = path.join(folder, "vgg-mini.int8.json");
    await using extractor = await create();
    await extractor.stream(images).next();
    const text = await readFile(file, "utf8");
    const refused = (message: RegExp) => ({ name: "InvalidArgumentError", message: expect.stringMatching(message) });
    for (const damaged of [text.slice(0, text.length / 2), ""]) {
      await writeFile(file, damaged);
      await expect(create()).rejects.toMatchObject(refused(/is not a calibration\. Delete it/u));
    }
    await writeFile(file, text.replace(/"checksum": "[^"]*"/u, '"checksum": "00000000"'));
    await expect(create()).rejects.toMatchObject(refused(/Calibrate it again/u));
  });

  test("takes a calibration made before or the place of one, not both, and a place that has a name", async () => {
    const options = { backbone: "vgg-mini", precision: "int8" } as const;
    const calibrationPath = path.join(folder, "other.json");
    await expect(
      FeatureExtractor.create({ ...options, calibration: someCalibration, calibrationPath }),
    ).rejects.toThrow(/only one of them/u);
    await expect(FeatureExtractor.create({ ...options, calibrationPath: "" })).rejects.toThrow(
      /`calibrationPath` is ""/u,
    );
  });

  test("closed while it calibrates rejects, and frees everything", async () => {
    const extractor = await create();
    const running = extractor.stream(images).next();
    const failed = expect(running).rejects.toMatchObject({ name: "ClosedError" });
    await extractor.close();
    await failed;
    expect(existsSync(path.join(folder, "vgg-mini.int8.json"))).toBe(false);
  });
});
