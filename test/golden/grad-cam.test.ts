import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createNetwork } from "../../src/backbones/create-network.js";
import type { GradientBackend } from "../../src/backends/gradient-backend.js";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { gradCam } from "../../src/explain/grad-cam.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import type { NdArray } from "../../src/ndarray.js";
import { featureNetwork } from "../../src/network/feature-network.js";
import type { Layer } from "../../src/network/layer.js";
import type { Network } from "../../src/network/network.js";
import { createRandom } from "../../src/random.js";
import { allBackends, skippedWithout, whyUnavailable } from "../support/backends.js";
import { tfjsNodeHint } from "../support/tfjs-node-build.js";
import { vggMiniPixels } from "../support/vgg-mini-golden.js";

type NetworkName = "small" | "many_kinds" | "resizing";
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
  Record<"small" | "manyKinds" | "resizing" | "vggMini", readonly Case[]>
> & {
  readonly gradients: readonly {
    readonly network: NetworkName;
    readonly seed: readonly number[];
    readonly gradient: readonly number[];
  }[];
};
const load = (name: NetworkName) => loadKeras(readFileSync(new URL(`${name}.keras`, folder)));
const networks: Readonly<Record<NetworkName, Network>> = {
  small: await load("small"),
  many_kinds: await load("many_kinds"),
  resizing: await load("resizing"),
};
const { small } = networks;
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

const mini = async () => {
  const network = await createNetwork("vgg-mini", { includeTop: true });
  return featureNetwork(network, { layers: network.outputs, preprocess: "caffe", imageSize: [64, 64] }).network;
};
const pixels = vggMiniPixels({ seed: 1, rows: 2, size: [64, 64], features: [], best: [] });
const backends = await Promise.all(
  allBackends.map(async (under) => ({ ...under, reason: await whyUnavailable(under) })),
);

describe.each(backends)("on $name", ({ create, name, reason }) => {
  const skip = reason === undefined ? "" : name === "tfjs-node" ? tfjsNodeHint : skippedWithout(name, reason);
  const backend = create() as GradientBackend;
  const resizes = name === "onnx";

  describe.skipIf(reason !== undefined)(`what Keras finds with a GradientTape${skip}`, () => {
    test.each(golden.small)("the map of the small network at $layer, classes asked: $asked", async (expected) => {
      expect(Math.max(...expected.heatmaps)).toBe(1);
      await compare(networks.small, pictures, expected, backend);
    });

    test.each(golden.manyKinds)(
      "the map behind many kinds of layers, at $layer, classes asked: $asked",
      async (expected) => {
        expect(Math.max(...expected.heatmaps)).toBe(1);
        await compare(networks.many_kinds, pictures, expected, backend);
      },
    );

    test.each(golden.vggMini)(
      "the map of vgg-mini at $layer, on pixels that its network prepares",
      async (expected) => {
        await compare(await mini(), pixels, expected, backend);
      },
    );

    test.each(golden.resizing)(
      "the map of a network that resizes, at $layer, classes asked: $asked",
      async (expected) => {
        const comparing = compare(networks.resizing, pictures, expected, backend);
        // Behind the last layer that resizes, tfjs can do it too.
        if (resizes || expected.layer === "bicubic" || expected.layer === "last") return comparing;
        await expect(comparing).rejects.toMatchObject({
          name: "UnsupportedError",
          message: expect.stringMatching(/\((UpSampling2D|Resizing)\).*wrong/),
        });
      },
    );

    test.each(golden.gradients.filter(({ network }) => resizes || network !== "resizing"))(
      "the gradient of the whole network $network with respect to its pictures",
      async ({ network, seed, gradient }) => {
        const found = await backend.inputGradient(networks[network], [pictures], {
          dtype: "float32",
          shape: [3, 4],
          data: Float32Array.from(seed),
        });
        expect(found.shape).toEqual(pictures.shape);
        const greatest = Math.max(...gradient.map(Math.abs));
        const error = gradient.map((value, at) => Math.abs((found.data[at] ?? Number.NaN) - value));
        expect(Math.max(...error) / greatest).toBeLessThan(1e-4);
      },
    );

    test("nothing is held after it, also after a failure", async () => {
      const under = allBackends.find((each) => each.name === name);
      await gradCam(networks.small, pictures, { backend });
      const before = await under?.held();
      await gradCam(networks.small, pictures, { backend, layer: "first" });
      await gradCam(networks.small, pictures, { backend, layer: "first", classIndex: 9 }).catch(() => undefined);
      expect(await under?.held()).toBe(before);
    });

    test("it says what it ran on", async () => {
      const found = await gradCam(networks.small, pictures, { backend });
      expect(found.backend).toEqual({ name, description: backend.description, skipped: [] });
    });

    test.each([
      [
        "a seed of another shape",
        [3, 3],
        networks.small,
        "ShapeMismatchError",
        /seed has the shape \[3, 3\].*\[3, 4\]/,
      ],
      ["two outputs", [3, 4], { ...networks.small, outputs: ["classes", "mean"] }, "InvalidNetworkError", /2 outputs/],
      ["a layer that is unknown", [3, 4], withStranger(networks.small), "UnsupportedError", /"last".*no Stranger/],
    ] as const)("%s is refused", async (_, shape, network, error, message) => {
      const seed: NdArray<"float32"> = { dtype: "float32", shape, data: new Float32Array(3 * shape[1]) };
      await expect(backend.inputGradient(network, [pictures], seed)).rejects.toMatchObject({
        name: error,
        message: expect.stringMatching(message),
      });
    });
  });
});

test("without a backend it runs on the one that auto takes", async () => {
  const [found, expected] = [
    await gradCam(networks.small, pictures),
    await gradCam(networks.small, pictures, { backend: onnx() }),
  ];
  expect(found).toEqual(expected);
  expect(found.backend.name).toBe("onnx");
});

test("without a layer the last one that has places is taken", async () => {
  expect((await gradCam(small, pictures, { backend: tfjsCpu() })).layer).toBe("last");
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
  const { specVersion, name, description, init, load } = tfjsCpu();
  const backend = { specVersion, name, description, init, load } as never;
  await expect(gradCam(small, pictures, { backend })).rejects.toThrow(/"tfjs-cpu", which cannot differentiate/);
});

/** A network with a layer of a kind that nobody knows. */
function withStranger(network: Network): Network {
  const layers = network.layers.map((layer) =>
    layer.name === "last" ? ({ ...layer, className: "Stranger" } as unknown as Layer) : layer,
  );
  return { ...network, layers };
}

/** The small network with another layer in the place of one. */
function withLayer(replaced: Layer): Network {
  return { ...small, layers: small.layers.map((layer) => (layer.name === replaced.name ? replaced : layer)) };
}
const pool = { name: "pool", inputs: ["sum"] } as const;

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
