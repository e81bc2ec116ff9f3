import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createNetwork } from "../../src/backbones/create-network.js";
import type { GradientBackend } from "../../src/backends/gradient-backend.js";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { loadTfjs } from "../../src/backends/tfjs/shared-tfjs.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { tfjsWasm } from "../../src/backends/tfjs/tfjs-wasm.node.js";
import { gradCam } from "../../src/explain/grad-cam.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import type { NdArray } from "../../src/ndarray.js";
import { featureNetwork } from "../../src/network/feature-network.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network } from "../../src/network/network.js";
import { createRandom } from "../../src/random.js";
import { vggMiniPixels } from "../support/vgg-mini-golden.js";
import { anyWebgpu, webgpuHint, webgpuStarts } from "../support/webgpu.js";

type Case = {
  readonly layer: string;
  readonly asked: readonly number[] | null;
  readonly classes: readonly number[];
  readonly shape: readonly number[];
  readonly heatmaps: readonly number[];
  /** Of the first four classes. */
  readonly scores: readonly number[];
};
const folder = new URL("../fixtures/grad-cam/", import.meta.url);
const golden = JSON.parse(readFileSync(new URL("golden.json", folder), "utf8")) as Readonly<
  Record<"small" | "vggMini", readonly Case[]>
>;
const small = await loadKeras(readFileSync(new URL("small.keras", folder)));
const random = createRandom(11);
const pictures: NdArray<"float32"> = {
  dtype: "float32",
  shape: [3, 16, 12, 3],
  data: Float32Array.from({ length: 3 * 16 * 12 * 3 }, () => random.double()),
};

async function compare(network: Network, pixels: NdArray, expected: Case, backend: GradientBackend): Promise<void> {
  const { layer, asked } = expected;
  const found = await gradCam(network, pixels, { backend, layer, classIndex: asked ?? undefined });
  expect([...found.classIndices]).toEqual(expected.classes);
  expect(found.heatmaps.shape).toEqual(expected.shape);
  for (const [at, value] of expected.heatmaps.entries()) expect(found.heatmaps.data[at]).toBeCloseTo(value, 4);
  const classes = found.scores.shape[1] ?? 0;
  for (const [at, score] of expected.scores.entries()) {
    const row = Math.floor(at / 4);
    expect(found.scores.data[row * classes + (at % 4)]).toBeCloseTo(score, 4);
  }
}

describe("heat maps are those of Keras and GradientTape", () => {
  test.each(golden.small)("of the small network at $layer, classes asked: $asked", async (expected) => {
    expect(Math.max(...expected.heatmaps)).toBe(1);
    await compare(small, pictures, expected, tfjsCpu());
  });

  const mini = async () => {
    const network = await createNetwork("vgg-mini", { includeTop: true });
    return featureNetwork(network, { layers: network.outputs, preprocess: "caffe", imageSize: [64, 64] }).network;
  };
  const pixels = vggMiniPixels({ seed: 1, rows: 2, size: [64, 64], features: [], best: [] });

  test.each(golden.vggMini)("of vgg-mini at $layer, on pixels that its network prepares", async (expected) => {
    await compare(await mini(), pixels, expected, tfjsCpu());
  });

  describe.each([
    { on: "WebAssembly", run: true, create: () => tfjsWasm() },
    { on: `WebGPU${webgpuHint}`, run: webgpuStarts, create: anyWebgpu },
  ])("on $on", ({ run, create }) => {
    test.runIf(run).each(golden.small)("of the small network at $layer, classes asked: $asked", async (expected) => {
      await compare(small, pictures, expected, create());
    });

    test.runIf(run).each(golden.vggMini)("of vgg-mini at $layer", async (expected) => {
      await compare(await mini(), pixels, expected, create());
    });
  });
});

test("without a layer the last one that has places is taken", async () => {
  expect((await gradCam(small, pictures, { backend: tfjsCpu() })).layer).toBe("last");
});

test("nothing is left in tfjs's memory, also after a failure", async () => {
  const tf = await loadTfjs();
  await gradCam(small, pictures, { backend: tfjsCpu() });
  const { numTensors } = tf.memory();
  await gradCam(small, pictures, { backend: tfjsCpu(), layer: "first" });
  await gradCam(small, pictures, { backend: tfjsCpu(), layer: "first", classIndex: 9 }).catch(() => undefined);
  expect(tf.memory().numTensors).toBe(numTensors);
});

test("a class that nothing speaks for has a map of zeros, not of NaN", async () => {
  const weights = new Map(small.weights);
  weights.set("classes", [
    ...(weights.get("classes") ?? []).map(({ name, array }) => ({
      name,
      array: { ...array, data: array.data.map(() => (name === "kernel" ? -1 : 0)) },
    })),
  ]);
  const { heatmaps } = await gradCam({ ...small, weights }, pictures, { backend: tfjsCpu(), classIndex: 1 });
  expect(new Set(heatmaps.data)).toEqual(new Set([0]));
});

const soft: Network = {
  ...small,
  layers: [
    ...small.layers.map((layer) =>
      layer.name === "classes" ? ({ ...layer, config: { ...layer.config, activation: "linear" } } as Layer) : layer,
    ),
    { className: "Softmax", name: "probabilities", inputs: ["classes"], config: { axis: -1 } },
  ],
  outputs: ["probabilities"],
};
test("a softmax in a layer of its own is left out just as that of a Dense layer", async () => {
  const [ours, theirs] = await Promise.all(
    [soft, small].map((network) => gradCam(network, pictures, { backend: tfjsCpu(), layer: "sum" })),
  );
  expect(ours?.heatmaps).toEqual(theirs?.heatmaps);
});

test.each([
  ["no such layer", small, pictures, { layer: "lost" }, "InvalidArgumentError", /"lost"/],
  ["a layer without places", small, pictures, { layer: "mean" }, "InvalidArgumentError", /height, width and channels/],
  ["the input", small, pictures, { layer: "pictures" }, "InvalidArgumentError", /is the input/],
  ["the output itself", small, pictures, { layer: "classes" }, "InvalidArgumentError", /does not come from "classes"/],
  ["no such class", small, pictures, { classIndex: 4 }, "InvalidArgumentError", /from 0 to 3/],
  [
    "classes of fewer pictures",
    small,
    pictures,
    { classIndex: [1] },
    "InvalidArgumentError",
    /for each of the 3 pictures/,
  ],
  [
    "other pictures",
    small,
    { ...pictures, shape: [3, 12, 16, 3] },
    {},
    "ShapeMismatchError",
    /\[12, 16, 3\]|12, 16, 3/,
  ],
  [
    "a network without scores",
    { ...small, outputs: ["last"] },
    pictures,
    { layer: "pool" },
    "InvalidNetworkError",
    /one score for each class/,
  ],
] as const)("%s: refused", async (_, network, pixels, options, name, message) => {
  await expect(gradCam(network, pixels as NdArray, { backend: tfjsCpu(), ...options })).rejects.toMatchObject({
    name,
    message: expect.stringMatching(message),
  });
});

test("a backend that cannot differentiate is refused", async () => {
  const backend = onnx({ threads: 1 }) as never;
  await expect(gradCam(small, pictures, { backend })).rejects.toThrow(/"onnx", which cannot differentiate/);
});

/** The small network with another layer in the place of one. */
function withLayer(replaced: Layer): Network {
  return { ...small, layers: small.layers.map((layer) => (layer.name === replaced.name ? replaced : layer)) };
}
const pool = { name: "pool", inputs: ["sum"] } as const;

test("resizing, whose gradient tfjs takes wrongly, is refused", async () => {
  const config = { size: [2, 2], interpolation: "bilinear" } as const;
  const network = withLayer({ className: "UpSampling2D", ...pool, config });
  await expect(gradCam(network, pictures, { backend: tfjsCpu(), layer: "sum" })).rejects.toMatchObject({
    name: "UnsupportedError",
    message: expect.stringMatching(/layer "pool" \(UpSampling2D\).*wrong/),
  });
});

test("layers that act at random while training pass their value on", async () => {
  const expected = await gradCam(withLayer({ className: "Dropout", ...pool, config: { rate: 0 } }), pictures, {
    backend: tfjsCpu(),
    layer: "sum",
  });
  for (const layer of [
    { className: "AlphaDropout", ...pool, config: { rate: 0.5 } },
    { className: "GaussianNoise", ...pool, config: { stddev: 2 } },
    { className: "SpatialDropout2D", ...pool, config: { rate: 0.5 } },
  ] as const) {
    expect(await gradCam(withLayer(layer as Layer), pictures, { backend: tfjsCpu(), layer: "sum" })).toEqual(expected);
  }
});

test("an abort stops", async () => {
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  await expect(gradCam(small, pictures, { backend: tfjsCpu(), signal })).rejects.toBe(reason);
});
