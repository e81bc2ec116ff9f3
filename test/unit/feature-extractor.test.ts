import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type ExtractionProgress,
  FeatureExtractor,
  type FeatureSink,
  type ImageSource,
  imageList,
  type NdArray,
  onnx,
  type SourceImage,
} from "../../src/index.js";
import { createRandom } from "../../src/random.js";

/** A picture of random pixels, of its own for each seed. */
function picture(seed: number): NdArray<"uint8"> {
  const random = createRandom(seed);
  return {
    dtype: "uint8",
    shape: [40, 50, 3],
    data: Uint8Array.from({ length: 6000 }, () => random.integerBelow(256)),
  };
}

const broken = new Uint8Array([1, 2, 3]);
const pictures = Array.from({ length: 7 }, (_, seed) => picture(seed));
const source = imageList(pictures, {
  labels: [0, 1, 0, 1, 0, 1, 0],
  classLabels: ["even", "odd"],
  names: pictures.map((_, i) => `p${i}`),
});
const withBroken = imageList([...pictures.slice(0, 3), broken, broken, ...pictures.slice(3)], {
  labels: [0, 1, 0, 0, 0, 1, 0, 1, 0],
  classLabels: ["even", "odd"],
  names: ["p0", "p1", "p2", "b0", "b1", "p3", "p4", "p5", "p6"],
});

/** Keeps what it is given, as a writer would. */
function collector(rowShape?: readonly number[]) {
  const state = { rows: [] as number[][], labels: [] as number[], names: [] as string[], rowsSkipped: 0, adds: 0 };
  const sink: FeatureSink = {
    rowShape,
    classLabels: ["even", "odd"],
    get rowsWritten() {
      return state.names.length;
    },
    get rowsSkipped() {
      return state.rowsSkipped;
    },
    async add(rows, labels, { names, skipped }) {
      const width = rows.data.length / Math.max(names.length, 1);
      for (let i = 0; i < names.length; i++) state.rows.push([...rows.data.subarray(i * width, (i + 1) * width)]);
      state.labels.push(...(labels ?? []));
      state.names.push(...names);
      state.rowsSkipped += skipped;
      state.adds++;
    },
  };
  return { state, sink };
}

const settings = { backbone: "squeezenet", weights: "random", imageSize: [64, 64], backend: onnx() } as const;
let extractor: FeatureExtractor;
beforeAll(async () => {
  extractor = await FeatureExtractor.create(settings);
});
afterAll(() => extractor.close());

describe("what the features are", () => {
  test("their shape is known before the first picture, and what makes them is written down", () => {
    expect(extractor.featureShape).toEqual([512]);
    expect(extractor.backend.name).toBe("onnx");
    expect(extractor.attributes).toEqual({
      network: "squeezenet",
      weights: expect.stringMatching(/^random, seed 0 \(crc32 [0-9a-f]{8}\)$/),
      layer: "fire9/concat",
      pooling: "avg",
      preprocess: "bilinear to 64x64, caffe",
    });
  });

  test("several layers come in one pass, each with its own shape", async () => {
    await using several = await FeatureExtractor.create({ ...settings, layer: ["fire9/concat", "fire5/concat"] });
    expect([...several.featureShapes]).toEqual([
      ["fire9/concat", [512]],
      ["fire5/concat", [256]],
    ]);
    const alone = await extractor.extract(pictures);
    for await (const { byLayer } of several.stream(source)) {
      expect(byLayer.get("fire9/concat")?.data).toEqual(alone.data);
      expect(byLayer.get("fire5/concat")?.shape).toEqual([7, 256]);
    }
  });

  test("they do not depend on the batch a picture is in", async () => {
    const all = await extractor.extract(pictures);
    const one = await extractor.extract([pictures[4] as NdArray<"uint8">]);
    const inBatches = await extractor.extract(pictures, { batchSize: 3 });
    expect([...inBatches.data]).toEqual([...all.data]);
    expect([...one.data]).toEqual([...all.data.subarray(4 * 512, 5 * 512)]);
    expect(all.data.some((value) => value > 0)).toBe(true);
  });

  test("they are each picture's own where the memory of earlier batches is used again, with some left out, and after a run that was stopped", async () => {
    const many = Array.from({ length: 60 }, (_, i) => (i % 11 === 5 ? broken : picture(100 + i)));
    const whole = many.filter((each) => each !== broken);
    const alone = await Promise.all(whole.map(async (each) => [...(await extractor.extract([each])).data]));
    const rowsOf = async (batches: number) => {
      const rows: number[][] = [];
      for await (const { features } of extractor.stream(imageList(many), { batchSize: 4, onError: "skip" })) {
        const [count = 0] = features.shape;
        for (let row = 0; row < count; row++) rows.push([...features.data.subarray(row * 512, (row + 1) * 512)]);
        if (--batches === 0) break;
      }
      return rows;
    };
    expect(await rowsOf(3)).toEqual(alone.slice(0, 12));
    expect(await rowsOf(Number.POSITIVE_INFINITY)).toEqual(alone);
  });

  test("no pictures give no rows", async () => {
    expect(await extractor.extract([])).toEqual({ dtype: "float32", shape: [0, 512], data: new Float32Array(0) });
  });

  test.each([
    [{ backbone: "vgg" as never }, /"vgg"/],
    [{ layer: "fire9/conca" }, /Did you mean "fire9\/concat"/],
    [{ layer: [] }, /`layer` is an empty list/],
    [{ imageSize: [8, 8] as const }, /32|imageSize/],
  ])("%j is refused with a sentence that helps", async (options, message) => {
    await expect(FeatureExtractor.create({ ...settings, ...options })).rejects.toThrow(message);
  });
});

test.each([
  [{ layer: "fire9/conca" }],
  [{ interpolation: "cubic" as never }],
  [{ layer: "fire2/squeeze1x1", includeTop: true, imageSize: [8, 8] as const }],
  [{ pooling: "sum" as never }],
  [{ preprocess: "vgg" as never }],
])("%j is refused before weights are looked for", async (options) => {
  const offline = { weights: "imagenet", cacheDirectory: "no-such-folder", weightsBaseUrl: "http://127.0.0.1:9/" };
  await expect(FeatureExtractor.create({ ...settings, ...offline, ...options })).rejects.toMatchObject({
    name: "InvalidArgumentError",
  });
});

describe("stream", () => {
  test.each([1, 2, 7, 100])("gives every picture once, in order, in batches of %i", async (batchSize) => {
    const names: string[] = [];
    for await (const batch of extractor.stream(source, { batchSize })) {
      expect(batch.features.shape).toEqual([batch.names.length, 512]);
      expect(batch.names.length).toBeLessThanOrEqual(batchSize);
      names.push(...batch.names);
    }
    expect(names).toEqual(["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
  });

  test("leaves broken pictures out when told to, says which and why, and shifts no label", async () => {
    const { state, sink } = collector();
    const summary = await extractor.extractTo(sink, withBroken, { batchSize: 2, onError: "skip" });
    const { state: whole, sink: other } = collector();
    await extractor.extractTo(other, source, { batchSize: 2 });
    expect(summary.skipped.map(({ name }) => name)).toEqual(["b0", "b1"]);
    expect(summary.skipped[0]?.reason).not.toBe("");
    expect(summary.rows).toBe(7);
    expect(state).toMatchObject({ rows: whole.rows, labels: whole.labels, names: whole.names, rowsSkipped: 2 });
  });

  test("a broken picture ends the run by default, with its name", async () => {
    await expect(extractor.extractTo(collector().sink, withBroken)).rejects.toMatchObject({
      name: "ImageDecodeError",
      image: "b0",
    });
  });

  test("progress counts pictures, skipped ones too, and ends at the total", async () => {
    const events: ExtractionProgress[] = [];
    const onProgress = (event: ExtractionProgress) => void events.push(event);
    await extractor.extractTo(collector().sink, withBroken, { batchSize: 3, onError: "skip", onProgress });
    expect(events.at(-1)).toMatchObject({ done: 9, total: 9, skipped: 2, etaSeconds: 0, backend: "onnx" });
    expect(events.map(({ done }) => done)).toEqual(events.map(({ done }) => done).sort((a, b) => a - b));
    expect(events.every(({ imagesPerSecond }) => imagesPerSecond > 0)).toBe(true);
  });

  test("an abort rejects with the signal's reason, and the extractor goes on working", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const run = (async () => {
      for await (const _ of extractor.stream(source, { batchSize: 1, signal: controller.signal }))
        controller.abort(reason);
    })();
    await expect(run).rejects.toBe(reason);
    expect((await extractor.extract(pictures.slice(0, 1))).shape).toEqual([1, 512]);
  });

  test("leaving the loop stops the source", async () => {
    let asked = 0;
    const endless: ImageSource = {
      length: 1000,
      classLabels: [],
      async *[Symbol.asyncIterator]() {
        for (; asked < 1000; asked++) yield { image: pictures[0], name: `n${asked}` } as SourceImage;
      },
    };
    for await (const _ of extractor.stream(endless, { batchSize: 2 })) break;
    const stopped = asked;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(stopped).toBeLessThan(30);
    expect(asked).toBe(stopped);
  });
});

describe("extractTo", () => {
  test("a writer for other rows is refused before the first picture", async () => {
    const { state, sink } = collector([25088]);
    await expect(extractor.extractTo(sink, source)).rejects.toMatchObject({
      name: "ShapeMismatchError",
      expected: [512],
      received: [25088],
    });
    expect(state.adds).toBe(0);
  });

  test.each([
    [["odd", "even"], /source's classes are \[even, odd\].*has \[odd, even\].*classLabels: images.classLabels/],
    [[], /has \[\]/],
    [["even"], /has \[even\]/],
  ])("a writer with the classes %j is refused, as labels would get other names", async (classLabels, message) => {
    const { state, sink } = collector();
    await expect(extractor.extractTo({ ...sink, classLabels }, source)).rejects.toThrow(message);
    expect(state.adds).toBe(0);
  });

  test("a writer that does not store which shard the pictures are is refused before the first of them", async () => {
    const { state, sink } = collector();
    const shard = { ...source, attributes: { shard: "1 of 4" } };
    await expect(extractor.extractTo({ ...sink, attributes: { network: "vgg16" } }, shard)).rejects.toThrow(
      /attribute "shard" is 1 of 4, .* has undefined.*images\.attributes/,
    );
    await expect(extractor.extractTo({ ...sink, attributes: { shard: "2 of 4" } }, shard)).rejects.toThrow(/2 of 4/);
    expect(state.adds).toBe(0);
    await extractor.extractTo({ ...sink, attributes: { shard: "1 of 4" } }, shard);
    expect(state.adds).toBeGreaterThan(0);
  });

  test("a writer with room for fewer rows is refused before the first picture, not after the last that fits", async () => {
    const { state, sink } = collector();
    const small = { add: sink.add, classLabels: source.classLabels, rows: 6, rowsWritten: 0, rowsSkipped: 0 };
    await expect(extractor.extractTo(small, source)).rejects.toThrow(
      /7 pictures are to come, .* room for 6 more rows of 6/,
    );
    const begun = { ...small, rows: 9, rowsWritten: 4 };
    await expect(extractor.extractTo(begun, source)).rejects.toThrow(/room for 5 more .*pass `resume: true`/);
    expect(state.adds).toBe(0);
  });

  test("`resume` goes on behind the rows and gaps of the earlier run, to the same end", async () => {
    const { state: whole, sink: undisturbed } = collector();
    await extractor.extractTo(undisturbed, withBroken, { batchSize: 2, onError: "skip" });
    for (let stopAfter = 1; stopAfter <= 3; stopAfter++) {
      const { state, sink } = collector();
      const failing: FeatureSink = {
        classLabels: source.classLabels,
        add: (...given) => (state.adds === stopAfter ? Promise.reject(new Error("power cut")) : sink.add(...given)),
      };
      await expect(extractor.extractTo(failing, withBroken, { batchSize: 2, onError: "skip" })).rejects.toThrow(
        "power cut",
      );
      const rowsBefore = state.names.length;
      const done = rowsBefore + state.rowsSkipped;
      const events: number[] = [];
      const summary = await extractor.extractTo(sink, withBroken, {
        batchSize: 2,
        onError: "skip",
        resume: true,
        onProgress: (event) => void events.push(event.done),
      });
      expect(summary.rows).toBe(7 - rowsBefore);
      expect(events[0]).toBeGreaterThan(done);
      expect(events.at(-1)).toBe(9);
      expect(state).toMatchObject({ rows: whole.rows, labels: whole.labels, names: whole.names, rowsSkipped: 2 });
    }
  });

  test.each([
    ["other pictures", ["p0", "x1", "p2", "p3", "p4", "p5", "p6"], /a row of "p1", which is not where it was/],
    ["another order", ["p1", "p0", "p2", "p3", "p4", "p5", "p6"], /a row of "p1", which is not where it was/],
    ["fewer pictures", ["p0"], /holds 3 pictures, but the source has 1/],
  ])("`resume` refuses %s than those that the writer has rows of", async (_, names, message) => {
    const { state, sink } = collector();
    await extractor.extractTo(sink, source.select([0, 1, 2]));
    const named: FeatureSink = {
      ...sink,
      rowsWritten: 3,
      rowsSkipped: 0,
      async *writtenNames() {
        yield* state.names;
      },
    };
    const changed = imageList(pictures.slice(0, names.length), { names });
    await expect(extractor.extractTo(named, changed, { resume: true })).rejects.toThrow(message);
    await extractor.extractTo(named, source, { resume: true });
    expect(state.names).toEqual(source.images.map(({ name }) => name));
  });

  test("with several layers each has its writer, and resuming brings the one that fell behind level", async () => {
    await using several = await FeatureExtractor.create({ ...settings, layer: ["fire9/concat", "fire5/concat"] });
    const high = collector();
    const low = collector();
    const failing: FeatureSink = {
      ...low.sink,
      add: (...given) => (low.state.adds === 1 ? Promise.reject(new Error("full")) : low.sink.add(...given)),
    };
    const run = several.extractTo({ "fire9/concat": high.sink, "fire5/concat": failing }, source, { batchSize: 2 });
    await expect(run).rejects.toThrow("full");
    expect([high.state.names.length, low.state.names.length]).toEqual([4, 2]);
    await several.extractTo({ "fire9/concat": high.sink, "fire5/concat": low.sink }, source, {
      batchSize: 2,
      resume: true,
    });
    expect(high.state.names).toEqual(source.images.map(({ name }) => name));
    expect(low.state.names).toEqual(high.state.names);
    await expect(several.extractTo(collector().sink, source)).rejects.toThrow(/one writer for each of the layers/);
  });
});

test("after close every use says so", async () => {
  const closed = await FeatureExtractor.create(settings);
  await closed.close();
  await closed.close();
  await expect(closed.extract(pictures)).rejects.toMatchObject({ name: "ClosedError" });
});

test("a network of one's own needs `preprocess`, and takes no `weights`", async () => {
  const { createNetwork } = await import("../../src/index.js");
  const network = await createNetwork("squeezenet", { weights: "random", imageSize: [64, 64] });
  await expect(FeatureExtractor.create({ backbone: network })).rejects.toThrow(/does not say which pixels it expects/);
  await expect(FeatureExtractor.create({ backbone: network, preprocess: "caffe", weights: "random" })).rejects.toThrow(
    /has its weights already/,
  );
  await using own = await FeatureExtractor.create({ backbone: network, preprocess: "caffe", backend: onnx() });
  const [first, second] = [await own.extract(pictures), await extractor.extract(pictures)];
  expect(first.data).toEqual(second.data);
});
