import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  FeatureExtractor,
  HDF5DatasetWriter,
  type HDF5DatasetWriterOptions,
  imageList,
  type NdArray,
  onnx,
} from "../../src/index.js";
import type { Network } from "../../src/network/network.js";
import { weightsChecksum } from "../../src/network/weights-checksum.js";
import { createRandom } from "../../src/random.js";

const random = createRandom(7);
const pictures = Array.from(
  { length: 9 },
  (): NdArray<"uint8"> => ({
    dtype: "uint8",
    shape: [40, 40, 3],
    data: Uint8Array.from({ length: 4800 }, () => random.integerBelow(256)),
  }),
);
const names = pictures.map((_, i) => `p${i}.png`);
const listOf = (order: readonly number[]) =>
  imageList(
    order.map((i) => pictures[i] as NdArray<"uint8">),
    { names: order.map((i) => names[i] as string) },
  );
const all = listOf([0, 1, 2, 3, 4, 5, 6, 7, 8]);
const settings = { backbone: "squeezenet", weights: "random", imageSize: [64, 64], backend: onnx() } as const;

let extractor: FeatureExtractor;
let folder: string;
let target: string;
beforeAll(async () => {
  extractor = await FeatureExtractor.create(settings);
});
afterAll(() => extractor.close());
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "resumed-"));
  target = path.join(folder, "features.hdf5");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (options: Partial<HDF5DatasetWriterOptions> = {}) =>
  HDF5DatasetWriter.create(target, {
    rowShape: extractor.featureShape,
    attributes: extractor.attributes,
    resume: true,
    ...options,
  });

/** A run that is stopped after four pictures. */
async function stopEarly(): Promise<void> {
  await using writer = await open();
  await extractor.extractTo(writer, listOf([0, 1, 2, 3]), { batchSize: 2 });
}

describe("an extraction into a file that is gone on with", () => {
  test("ends in the same bytes as one that nobody stopped", async () => {
    await stopEarly();
    await using writer = await open();
    expect((await extractor.extractTo(writer, all, { batchSize: 2, resume: true })).rows).toBe(5);
    await writer.close();
    const resumed = await readFile(target);
    await using whole = await open({ overwrite: true });
    await extractor.extractTo(whole, all, { batchSize: 2 });
    await whole.close();
    expect(resumed.equals(await readFile(target))).toBe(true);
  });

  test.each([
    ["in another order", [1, 0, 2, 3, 4, 5, 6, 7, 8]],
    ["without one that has a row", [0, 1, 3, 4, 5, 6, 7, 8]],
    ["with a new one before those that have rows", [8, 0, 1, 2, 3, 4, 5, 6, 7]],
    ["of which there are fewer than rows", [0, 1, 2]],
  ])("refuses pictures %s", async (_, order) => {
    await stopEarly();
    await using writer = await open();
    await expect(extractor.extractTo(writer, listOf(order), { batchSize: 2, resume: true })).rejects.toMatchObject({
      name: "InvalidArgumentError",
    });
    expect(writer.rowsWritten).toBe(4);
  });

  test("can be completed where all pictures that are left are broken, and have labels", async () => {
    const broken = new TextEncoder().encode("not an image");
    const labels = [0, 1, 0, 1, 0];
    const first = pictures.slice(0, 3);
    const source = imageList([...first, broken, broken], { names: names.slice(0, 5), labels });
    await (async () => {
      await using writer = await open({ classLabels: source.classLabels });
      await extractor.extractTo(writer, source.select([0, 1, 2]), { batchSize: 2 });
    })();
    await using writer = await open({ classLabels: source.classLabels });
    const options = { batchSize: 2, resume: true, onError: "skip" } as const;
    expect(await extractor.extractTo(writer, source, options)).toMatchObject({
      rows: 0,
      skipped: [{ name: "p3.png" }, { name: "p4.png" }],
    });
    expect(writer).toMatchObject({ rowsWritten: 3, rowsSkipped: 2 });
    await writer.close();
  });

  test("goes on where its rows have no names, as far as their number tells", async () => {
    const rows: NdArray = { dtype: "float32", shape: [4, 512], data: new Float32Array(2048) };
    await (async () => {
      await using writer = await open();
      await writer.add(rows);
    })();
    await using writer = await open();
    const withoutNames = {
      rowShape: writer.rowShape,
      rowsWritten: writer.rowsWritten,
      rowsSkipped: writer.rowsSkipped,
      writtenNames: () => writer.writtenNames(),
      add: (rows: NdArray<"float32">) => writer.add(rows),
    };
    await extractor.extractTo(withoutNames, all, { batchSize: 2, resume: true });
    expect(writer.rowsWritten).toBe(9);
  });

  test("refuses other weights of the same network, and names them", async () => {
    await stopEarly();
    await using other = await FeatureExtractor.create({ ...settings, seed: 1 });
    await expect(open({ attributes: other.attributes })).rejects.toThrow(
      `\`attributes.weights\` was "${extractor.attributes.weights}" and is now "${other.attributes.weights}"`,
    );
  });

  test("refuses pictures that are decoded in another way", async () => {
    await stopEarly();
    await using other = await FeatureExtractor.create({ ...settings, decode: "fast" });
    await expect(open({ attributes: other.attributes })).rejects.toThrow(
      /`attributes.preprocess` was "bilinear to 64x64, caffe" and is now "bilinear to 64x64, decoded fast, caffe"/,
    );
  });
});

describe("the checksum of weights", () => {
  const network = (order: readonly string[], bias: number): Network => ({
    name: "small",
    layers: order.map((name) => ({ name, className: "ReLU", inputs: [], config: {} })) as never,
    inputs: [],
    outputs: [],
    weights: new Map([
      ["b", [{ name: "bias", array: { dtype: "float32", shape: [1], data: Float32Array.of(bias) } }]],
      ["a", [{ name: "kernel", array: { dtype: "float32", shape: [2], data: Float32Array.of(1, -2) } }]],
    ]),
  });

  test("is the CRC-32 of all values in the order of the layers", () => {
    // Python: "%08x" % zlib.crc32(struct.pack("<3f", 1, -2, 0.5))
    expect(weightsChecksum(network(["a", "b"], 0.5))).toBe("332b058b");
    expect(weightsChecksum(network(["b", "a"], 0.5))).not.toBe("332b058b");
    expect(weightsChecksum(network(["a", "b"], 0.25))).not.toBe("332b058b");
    expect(weightsChecksum({ ...network([], 0), weights: new Map() })).toBe("00000000");
  });
});
