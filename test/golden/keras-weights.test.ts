import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { mobilenet } from "../../src/backbones/mobilenet.js";
import { squeezenet } from "../../src/backbones/squeezenet.js";
import { vgg16 } from "../../src/backbones/vgg.js";
import { isCnnTransferError } from "../../src/errors.js";
import { autoEngine } from "../../src/hdf5/auto-engine.js";
import type { HDF5Attribute, HDF5Engine, HDF5File, HDF5Item } from "../../src/hdf5/engine.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { jsfive } from "../../src/hdf5/jsfive.node.js";
import { readKerasWeights } from "../../src/keras/read-weights.js";
import type { NdArray } from "../../src/ndarray.js";
import type { Topology } from "../../src/network/network.js";
import { validateNetwork } from "../../src/network/validate.js";
import { layer, networkOf } from "../support/layers.js";

const fixtures = fileURLToPath(new URL("../fixtures/keras-weights/", import.meta.url));
const shared = fileURLToPath(new URL("../../../shared/data/weights/", import.meta.url));

/** The network of the fixtures, with names of its own: files are matched by position. */
const topology: Topology = networkOf([
  layer("InputLayer", "in", [], { shape: [6, 6, 2] }),
  layer("Conv2D", "a", ["in"], { filters: 3, padding: "valid" }),
  layer("Activation", "between", ["a"]),
  layer("BatchNormalization", "b", ["between"]),
  layer("DepthwiseConv2D", "c", ["b"], { kernelSize: [2, 2], padding: "valid", useBias: false }),
  layer("GlobalAveragePooling2D", "pool", ["c"]),
  layer("Dense", "d", ["pool"], { units: 4 }),
]);

type Values = readonly (readonly [string, readonly (readonly [string, readonly number[], readonly number[]])[]])[];
const values = JSON.parse(readFileSync(`${fixtures}values.json`, "utf8")) as Values;

const open: HDF5File[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((file) => file.close()));
});

describe.each([h5wasm(), jsfive(), autoEngine()])("read by $name", (engine) => {
  test.each([
    ["keras3.h5", "float32", 2 ** -24],
    ["keras3-float64.h5", "float64 (rounded to float32)", 2 ** -24],
    ["split.h5", "float16, names in split attributes", 2 ** -11],
  ])("%s, as Keras or h5py writes it, gives its values from %s", async (name, _, precision) => {
    const weights = await readKerasWeights(await openFile(engine, `${fixtures}${name}`), topology, name);
    validateNetwork({ ...topology, weights });
    expect([...weights.keys()]).toEqual(["a", "b", "c", "d"]);
    for (const [index, read] of [...weights.values()].entries()) {
      const stored = values[index]?.[1] ?? [];
      expect(read.map(({ array }) => array.shape)).toEqual(stored.map(([, shape]) => shape));
      for (const [at, { array }] of read.entries()) {
        for (const [position, expected] of (stored[at]?.[2] ?? []).entries()) {
          expect(Math.abs((array.data[position] ?? Number.NaN) - expected)).toBeLessThanOrEqual(
            precision * Math.abs(expected) + 2 ** -25,
          );
        }
      }
    }
  });

  describe.skipIf(!existsSync(shared))("published files (need ../shared/data)", () => {
    const imageSize = [224, 224] as const;

    test.each([
      ["Keras 1", "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5", squeezenet, false],
      ["Keras 2.0", "mobilenet_2_5_224_tf_no_top.h5", mobilenet({ alpha: 0.25 }), false],
      ["TensorFlow 2.8, a whole model", "mobilenet_v1_0.25_224_imagenet_with_top.h5", mobilenet({ alpha: 0.25 }), true],
    ])("of %s fill the backbone: %s", async (_, name, backbone, includeTop) => {
      const wanted = backbone.topology({ includeTop, imageSize });
      const weights = await readKerasWeights(await openFile(engine, `${shared}${name}`), wanted, name);
      validateNetwork({ ...wanted, weights });
    });

    test.each([
      [
        "of another width",
        mobilenet({ alpha: 0.5 }),
        true,
        "conv1",
        'needs [3, 3, 3, 16]; the file has "conv1" there, with [3, 3, 3, 8]',
      ],
      [
        "with top for a network without",
        mobilenet({ alpha: 0.25 }),
        false,
        "conv_preds",
        '"conv_preds", with [1, 1, 256, 1000] and [1000], where the network ends',
      ],
      ["of another network", vgg16, false, "block1_conv1", "needs [3, 3, 3, 64] and [64]"],
    ])("%s are refused with the first layer that differs", async (_, backbone, includeTop, at, message) => {
      const name = "mobilenet_v1_0.25_224_imagenet_with_top.h5";
      const read = readKerasWeights(
        await openFile(engine, `${shared}${name}`),
        backbone.topology({ includeTop, imageSize }),
        name,
      );
      await expect(read).rejects.toMatchObject({ layer: at, message: expect.stringContaining(message) });
    });

    test("that end too early are refused with the first layer that is missing", async () => {
      const name = "vgg16_block1_block2_functional_imagenet.h5";
      const wanted = vgg16.topology({ includeTop: false, imageSize });
      await expect(readKerasWeights(await openFile(engine, `${shared}${name}`), wanted, name)).rejects.toMatchObject({
        layer: "block3_conv1",
        message: expect.stringContaining("it ends before"),
      });
    });
  });
});

describe("a file is refused", () => {
  const dense = networkOf([layer("InputLayer", "in", [], { shape: [2] }), layer("Dense", "d", ["in"], { units: 1 })]);
  const kernel: NdArray = { dtype: "float32", shape: [2, 1], data: Float32Array.of(1, 2) };
  const bias: NdArray = { dtype: "float32", shape: [1], data: Float32Array.of(3) };
  const good: readonly HDF5Item[] = [
    { path: "/", attributes: new Map([["layer_names", strings("x")]]) },
    { path: "/x", attributes: new Map([["weight_names", strings("x/k", "x/b")]]) },
    { path: "/x/x/k", data: kernel },
    { path: "/x/x/b", data: bias },
  ];

  test("not, if it is right", async () => {
    const weights = await readKerasWeights(await encode(good), dense, "file.h5");
    expect(weights.get("d")?.map(({ name, array }) => [name, [...array.data]])).toEqual([
      ["kernel", [1, 2]],
      ["bias", [3]],
    ]);
  });

  test.each<readonly [string, readonly HDF5Item[], string]>([
    ["has no Keras attributes", [{ path: "/data", data: kernel }], 'got the members ["data"]'],
    ["has an empty group model_weights", [{ path: "/model_weights" }], "holds no Keras weights"],
    [
      "has another number of weights in Keras 3's format",
      [{ path: "/layers/dense/vars/0", data: kernel }],
      'the file has "/layers/dense" there, with [2, 1]',
    ],
    [
      "has a layer too many in Keras 3's format",
      [
        { path: "/layers/dense/vars/0", data: kernel },
        { path: "/layers/dense/vars/1", data: bias },
        { path: "/layers/dense_1/vars/0", data: kernel },
      ],
      'it has "/layers/dense_1", for which the network has no layer',
    ],
    [
      "has a layer of another class in Keras 3's format",
      [{ path: "/layers/conv2d/vars/0", data: kernel }],
      'the file has 0 layers "dense" with weights',
    ],
    ["lists a layer that it does not have", [...good.slice(0, 1)], 'no group "/x"'],
    ["lists a weight that it does not have", good.slice(0, 3), 'no dataset "/x/x/b"'],
    [
      "was written on Theano",
      [
        {
          path: "/",
          attributes: new Map<string, HDF5Attribute>([
            ["layer_names", strings("x")],
            ["backend", { dtype: "string", shape: [], data: ["theano"] }],
          ]),
        },
        ...good.slice(1),
      ],
      "Theano",
    ],
    [
      "holds whole numbers",
      [...good.slice(0, 3), { path: "/x/x/b", data: { dtype: "int32", shape: [1], data: Int32Array.of(3) } }],
      "is int32: expected float16, float32 or float64",
    ],
    [
      "has numbers for names",
      [
        { path: "/", attributes: new Map([["layer_names", { dtype: "int32", shape: [1], data: Int32Array.of(1) }]]) },
        ...good.slice(1),
      ],
      "expected a list of names",
    ],
    [
      "has a layer with too few weights",
      [good[0] as HDF5Item, { path: "/x", attributes: new Map([["weight_names", strings("x/k")]]) }, ...good.slice(2)],
      'needs [2, 1] and [1]; the file has "x" there, with [2, 1]',
    ],
  ])("if it %s", async (_, items, message) => {
    const error: unknown = await readKerasWeights(await encode(items), dense, "file.h5").catch(
      (thrown: unknown) => thrown,
    );
    expect(isCnnTransferError(error, "InvalidWeightsError")).toBe(true);
    expect(String(error)).toContain(message);
  });
});

async function openFile(engine: HDF5Engine, source: string | Uint8Array): Promise<HDF5File> {
  const file = await engine.open(source);
  open.push(file);
  return file;
}

async function encode(items: readonly HDF5Item[]): Promise<HDF5File> {
  return await openFile(h5wasm(), await h5wasm().encode(items));
}

function strings(...data: readonly string[]): HDF5Attribute {
  return { dtype: "string", shape: [data.length], data };
}
