import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodeModel } from "../../src/backends/onnx/encode-model.js";
import type { OnnxGraph } from "../../src/backends/onnx/graph.js";
import { lower } from "../../src/backends/onnx/lower.js";
import { foldIntoConvolutions } from "../../src/backends/onnx/quantization/fold-into-convolutions.js";
import { planQuantization } from "../../src/backends/onnx/quantization/plan-quantization.js";
import { qualityOf } from "../../src/backends/onnx/quantization/quality.js";
import { quantizeGraph } from "../../src/backends/onnx/quantization/quantize-graph.js";
import { Session } from "../../src/backends/onnx/session.node.js";
import type { Int8Calibration } from "../../src/backends/quantizing-backend.js";
import {
  auto,
  createNetwork,
  FeatureExtractor,
  featureNetwork,
  imageList,
  type Layer,
  type NdArray,
  type Network,
  onnx,
  randomWeights,
  resolveBackbone,
  sizeOf,
  tfjsWasm,
} from "../../src/index.js";
import { createRandom } from "../../src/random.js";
import { relativeError } from "../support/conformance-networks.js";
import { stripedPicture } from "../support/striped-picture.js";

const calibrating = imageList(Array.from({ length: 40 }, (_, seed) => stripedPicture(seed)));
const unseen = Array.from({ length: 12 }, (_, seed) => stripedPicture(1000 + seed));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "int8-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const vggMini = { backbone: "vgg-mini" } as const;
const int8 = () => ({
  ...vggMini,
  precision: "int8" as const,
  calibration: calibrating,
  calibrationPath: path.join(folder, "vgg-mini.int8.json"),
});

describe("a network in 8-bit integers", () => {
  test("gives features that hardly differ from those in float32, on pictures that set no range", async () => {
    await using exact = await FeatureExtractor.create(vggMini);
    await using rounded = await FeatureExtractor.create(int8());
    const quality = rounded.calibration?.quality;
    expect(quality?.images).toBe(20);
    expect(quality?.meanCosine).toBeGreaterThan(0.998);
    expect(quality?.minimumCosine).toBeGreaterThan(0.99);
    const error = relativeError(await rounded.extract(unseen), await exact.extract(unseen));
    // Equal would mean that nothing was rounded.
    expect(error).toBeGreaterThan(1e-4);
    expect(error).toBeLessThan(0.1);
  });

  test("keeps its calibration in a file, so that a later run without pictures gives the same bits and the same fact", async () => {
    await using first = await FeatureExtractor.create(int8());
    const { calibration: _, ...later } = int8();
    await using second = await FeatureExtractor.create(later);
    await using third = await FeatureExtractor.create({
      ...vggMini,
      precision: "int8",
      calibration: JSON.parse(await readFile(later.calibrationPath, "utf8")) as Int8Calibration,
    });
    const features = await first.extract(unseen);
    for (const other of [second, third]) {
      expect(await other.extract(unseen)).toEqual(features);
      expect(other.attributes).toEqual(first.attributes);
    }
    expect(first.attributes.precision).toMatch(/^int8 \(calibration crc32 [0-9a-f]{8}\)$/u);
  });

  test("keeps it beside the cached weights of a published backbone where no path is given", async () => {
    const { calibrationPath: _, ...options } = int8();
    await using first = await FeatureExtractor.create({ ...options, cacheDirectory: folder });
    await using second = await FeatureExtractor.create({ ...vggMini, precision: "int8", cacheDirectory: folder });
    expect(second.calibration).toEqual(first.calibration);
  });

  test("is one for all runs that begin at the same moment, whatever pictures each has", async () => {
    const others = imageList(Array.from({ length: 40 }, (_, seed) => stripedPicture(500 + seed)));
    const [one, other] = await Promise.all(
      [calibrating, others].map((calibration) => FeatureExtractor.create({ ...int8(), calibration })),
    );
    expect(other?.attributes).toEqual(one?.attributes);
    expect(other?.calibration).toEqual(one?.calibration);
    expect(JSON.parse(await readFile(int8().calibrationPath, "utf8"))).toEqual(one?.calibration);
    await Promise.all([one?.close(), other?.close()]);
  });

  test("says in its attributes that it is another network than the one in float32", async () => {
    await using exact = await FeatureExtractor.create(vggMini);
    expect(exact.attributes).not.toHaveProperty("precision");
    expect(exact.calibration).toBeUndefined();
  });

  test("runs on the backend that `auto` chooses, where that is onnx", async () => {
    await using extractor = await FeatureExtractor.create({ ...int8(), backend: auto() });
    expect(extractor.calibration?.network).toBe("vgg-mini");
  });

  test("shows how far its calibration is, and can be stopped", async () => {
    const seen: number[] = [];
    const abort = new AbortController();
    await expect(
      FeatureExtractor.create({
        ...int8(),
        signal: abort.signal,
        onCalibration: ({ done, total }) => {
          seen.push(done);
          expect(total).toBeGreaterThan(done);
          if (done === 3) abort.abort(new Error("enough"));
        },
      }),
    ).rejects.toThrow("enough");
    expect(seen).toEqual([1, 2, 3]);
  });
});

describe("what cannot be in 8-bit integers is refused", () => {
  test.each([
    ["a backend that has none", { backend: tfjsWasm() }, "UnsupportedError", /tfjs-wasm.*onnx\(\)/su],
    [
      "neither pictures nor a place for a calibration, of a network of one's own,",
      { weights: "random", calibration: undefined, calibrationPath: undefined },
      "InvalidArgumentError",
      /pass a `calibrationPath`.*or pictures as `calibration`/u,
    ],
    ["too few pictures", { calibration: imageList(unseen.slice(0, 7)) }, "InvalidArgumentError", /7 can be decoded/u],
    ["too small a number", { calibrationImages: 4 }, "InvalidArgumentError", /at least 8/u],
    ["something else as pictures", { calibration: "animals/" as never }, "InvalidArgumentError", /imageFolder/u],
    ["options without the precision", { precision: undefined }, "InvalidArgumentError", /is for `precision: "int8"`/u],
    ["another word", { precision: "int4" as never }, "InvalidArgumentError", /`precision`/u],
  ])("%s", async (_, options, name, message) => {
    await expect(FeatureExtractor.create({ ...int8(), ...options })).rejects.toMatchObject({
      name,
      message: expect.stringMatching(message),
    });
  });

  test("a calibration of other weights, by both checksums", async () => {
    await using extractor = await FeatureExtractor.create(int8());
    const { calibration } = extractor;
    await expect(
      FeatureExtractor.create({ ...vggMini, weights: "random", precision: "int8", calibration }),
    ).rejects.toMatchObject({ name: "InvalidArgumentError", message: expect.stringMatching(/crc32.*crc32/u) });
  });

  test("a calibration that names what the network does not have, or from which all ranges are gone", async () => {
    await using extractor = await FeatureExtractor.create(int8());
    const calibration = extractor.calibration as Int8Calibration;
    const range = calibration.ranges[Object.keys(calibration.ranges)[0] as string] as readonly [number, number];
    for (const change of [
      { ranges: { ...calibration.ranges, nowhere: range } },
      { inFloat: ["nowhere"] },
      { biasCorrections: { nowhere: [1] } },
      { ranges: {} },
    ]) {
      const damaged = { ...calibration, ...change };
      await expect(
        FeatureExtractor.create({ ...vggMini, precision: "int8", calibration: damaged }),
      ).rejects.toMatchObject({
        name: "InvalidArgumentError",
        message: expect.stringMatching(/is damaged: it (names "nowhere"|has no ranges).*Calibrate it again/u),
      });
    }
  });

  test("a calibration for pictures of another size", async () => {
    await using extractor = await FeatureExtractor.create(int8());
    const { calibration } = extractor;
    await expect(
      FeatureExtractor.create({ ...vggMini, imageSize: [96, 96], precision: "int8", calibration }),
    ).rejects.toMatchObject({ name: "InvalidArgumentError", message: expect.stringMatching(/Calibrate it again/u) });
  });

  test("a place where no calibration can be kept, before one is made", async () => {
    await writeFile(path.join(folder, "file"), "");
    const seen: number[] = [];
    await expect(
      FeatureExtractor.create({
        ...int8(),
        calibrationPath: path.join(folder, "file", "vgg-mini.int8.json"),
        onCalibration: ({ done }) => seen.push(done),
      }),
    ).rejects.toMatchObject({ name: "FileAccessError" });
    expect(seen).toEqual([]);
  });

  test("a calibration for pixels that are prepared otherwise, wherever it is kept", async () => {
    await using extractor = await FeatureExtractor.create({
      ...int8(),
      calibrationPath: undefined,
      cacheDirectory: folder,
    });
    const { calibration } = extractor;
    const otherwise = { ...vggMini, precision: "int8", preprocess: "tf", cacheDirectory: folder } as const;
    await expect(FeatureExtractor.create({ ...otherwise, calibration })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(/prepar.*Calibrate it again/su),
    });
    await using waiting = await FeatureExtractor.create(otherwise);
    expect(waiting.calibration).toBeUndefined();
  });

  test.each(["not JSON", "{}", '{"formatVersion":1,"checksum":"0","inFloat":[],"ranges":{"a":[0,null]}}'])(
    "a file that is no calibration: %s",
    async (text) => {
      await writeFile(int8().calibrationPath, text);
      await expect(FeatureExtractor.create(int8())).rejects.toMatchObject({
        name: "InvalidArgumentError",
        message: expect.stringMatching(/is not a calibration/u),
      });
    },
  );
});

/** Three convolutions, of which the middle one has a filter a thousand times the others', for a channel of zeros. */
function withHugeFilter(): { network: Network; pixels: NdArray } {
  const channels = 8;
  const shared = { strides: [1, 1], dilationRate: [1, 1], padding: "same", useBias: false } as const;
  const pointwise = { ...shared, kernelSize: [1, 1], filters: channels, groups: 1, activation: "relu" } as const;
  const layers: Layer[] = [
    { className: "InputLayer", name: "pixels", inputs: [], config: { shape: [16, 16, 3], dtype: "float32" } },
    { className: "Conv2D", name: "before", inputs: ["pixels"], config: pointwise },
    {
      className: "DepthwiseConv2D",
      name: "depthwise",
      inputs: ["before"],
      config: { ...shared, kernelSize: [3, 3], depthMultiplier: 1, activation: "relu" },
    },
    { className: "Conv2D", name: "behind", inputs: ["depthwise"], config: pointwise },
  ];
  const topology = { name: "uneven", layers, inputs: ["pixels"], outputs: ["behind"] };
  const random = createRandom(5);
  const kernel = (layer: string, shape: readonly number[], first: number) => {
    const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => (i % channels === 0 ? first : random.double()));
    return [layer, [{ name: "kernel", array: { dtype: "float32", shape, data } }]] as const;
  };
  const weights = new Map([
    kernel("before", [1, 1, 3, channels], -1),
    kernel("depthwise", [3, 3, channels, 1], 1000),
    kernel("behind", [1, 1, channels, channels], 1),
  ]);
  const data = Float32Array.from({ length: 2 * 16 * 16 * 3 }, () => random.double());
  return { network: { ...topology, weights }, pixels: { dtype: "float32", shape: [2, 16, 16, 3], data } };
}

/** A network with uint8 pixels in and pooled features out. */
async function pooled(name: "mobilenet" | "resnet50" | "squeezenet"): Promise<{ network: Network; pixels: NdArray }> {
  const backbone = resolveBackbone(name);
  const topology = backbone.topology({ includeTop: false, imageSize: [64, 64] });
  const plain = { ...topology, weights: randomWeights(topology, 3) };
  const { network } = featureNetwork(plain, { layers: [backbone.layer], preprocess: "tf", imageSize: [64, 64] });
  const data = new Uint8Array(4 * 64 * 64 * 3);
  for (let i = 0; i < 4; i++) data.set(stripedPicture(i).data, i * 64 * 64 * 3);
  return { network, pixels: { dtype: "uint8", shape: [4, 64, 64, 3], data } };
}

describe("the parts of it", () => {
  test("a layer that stays in float32 is not rounded by the runtime all the same", async () => {
    // Its first filter is huge, and sees nothing but zeros: with one scale for all, the others would become zeros.
    const { network, pixels } = withHugeFilter();
    const backend = onnx();
    const options = { rangeBatches: [pixels], judgingBatches: [pixels] };
    const calibration = await backend.calibrate(network, options);
    const [, depthwise = ""] = planQuantization(foldIntoConvolutions(lower(network, network.outputs))).kernels;
    const exact = await backend.load(network);
    const kept = await backend.loadQuantized(network, { ...calibration, inFloat: [depthwise] });
    const [expected] = await exact.run([pixels]);
    const [values] = await kept.run([pixels]);
    expect(relativeError(values as NdArray<"float32">, expected as NdArray<"float32">)).toBeLessThan(0.02);
    await exact.dispose();
    await kept.dispose();
  });

  test.each(["mobilenet", "squeezenet"] as const)(
    "of %s, with all kernels in float32 only the rounding of values that meet or are pooled remains",
    async (name) => {
      const { network, pixels } = await pooled(name);
      const backend = onnx();
      const options = { rangeBatches: [pixels], judgingBatches: [pixels], meanCosine: -1, minimumCosine: -1 };
      const calibration = await backend.calibrate(network, options);
      const { kernels } = planQuantization(foldIntoConvolutions(lower(network, network.outputs)));
      const exact = await backend.load(network);
      const kept = await backend.loadQuantized(network, { ...calibration, inFloat: kernels });
      const [expected] = await exact.run([pixels]);
      const [values] = await kept.run([pixels]);
      const { relativeError: whole } = calibration.quality;
      expect(whole).toBeLessThan(0.1);
      expect(relativeError(values as NdArray<"float32">, expected as NdArray<"float32">)).toBeLessThan(0.6 * whole);
      await exact.dispose();
      await kept.dispose();
    },
  );

  test("a filter of next to nothing keeps its bias, which would be more units than an int32 holds", () => {
    const value = (name: string) => ({ name, elementType: "float32", shape: undefined }) as const;
    const graph = {
      inputs: [value("pixels")],
      outputs: [value("sums")],
      initializers: [
        { name: "kernel", shape: [2, 1, 1, 1], data: Float32Array.of(1e-12, 0.5) },
        { name: "bias", shape: [2], data: Float32Array.of(0.75, -0.25) },
      ],
      nodes: [
        { operator: "Relu", inputs: ["pixels"], outputs: ["positive"], attributes: {} },
        { operator: "Conv", inputs: ["positive", "kernel", "bias"], outputs: ["sums"], attributes: {} },
      ],
    };
    const ranges = new Map([["positive", { least: 0, greatest: 6 }]]);
    const { initializers } = quantizeGraph(graph as unknown as OnnxGraph, ranges);
    const data = (name: string) => Array.from(initializers.find((one) => one.name === name)?.data ?? [], Number);
    const units = data("sums/bias/int32/scale");
    const biases = data("sums/bias/int32").map((integer, i) => integer * (units[i] as number));
    expect(biases[0]).toBeCloseTo(0.75, 6);
    expect(biases[1]).toBeCloseTo(-0.25, 4);
    expect(data("sums/int8")).toEqual([0, 126]);
  });

  test("a value that is no number is the worst of all outputs and pictures", () => {
    const row = (...values: number[]): NdArray<"float32"> => ({
      dtype: "float32",
      shape: [2, 1],
      data: Float32Array.from(values),
    });
    const quality = qualityOf([[row(1, 1), row(1, 1)]], [[row(Number.NaN, 1), row(1, 1)]]);
    expect(quality).toEqual({ meanCosine: NaN, minimumCosine: NaN, relativeError: NaN, images: 2 });
  });

  test("batch normalisation and padding become part of convolutions without changing values", async () => {
    const { network, pixels } = await pooled("mobilenet");
    const graph = lower(network, network.outputs);
    const folded = foldIntoConvolutions(graph);
    const operators = new Set(folded.nodes.map(({ operator }) => operator));
    expect(operators).not.toContain("BatchNormalization");
    expect(operators).not.toContain("Pad");
    expect(graph.nodes.map(({ operator }) => operator)).toContain("Pad");
    const valuesOf = async (each: OnnxGraph) => {
      const names = ({ inputs, outputs }: OnnxGraph) =>
        [inputs, outputs].map((values) => values.map(({ name }) => name));
      const [inputs = [], outputs = []] = names(each);
      const session = await Session.start(
        { bytes: encodeModel(each), inputs, outputs },
        { threads: 1, spinning: false },
      );
      const [values] = await session.run([pixels]);
      await session.dispose();
      return values as NdArray<"float32">;
    };
    expect(relativeError(await valuesOf(folded), await valuesOf(graph))).toBeLessThan(1e-5);
  });

  test("a network without convolution or dense layer has nothing to round", async () => {
    const network = await createNetwork("vgg-mini", { weights: "random" });
    const [input] = network.layers;
    const nothing = { ...network, layers: [input as (typeof network.layers)[0]], outputs: [input?.name ?? ""] };
    const pixels: NdArray = { dtype: "float32", shape: [1, 64, 64, 3], data: new Float32Array(64 * 64 * 3) };
    const options = { rangeBatches: [pixels], judgingBatches: [pixels] };
    await expect(onnx().calibrate({ ...nothing, weights: new Map() }, options)).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(/no convolution or dense layer/u),
    });
  });
});
