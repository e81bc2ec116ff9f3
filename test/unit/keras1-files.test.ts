import { describe, expect, test } from "vitest";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import type { HDF5Attribute, HDF5Item } from "../../src/hdf5/engine.js";
import { h5wasm } from "../../src/hdf5/h5wasm.node.js";
import { stringList } from "../../src/keras/hdf5-items.js";
import type { Json } from "../../src/keras/layer-config.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import type { NdArray } from "../../src/ndarray.js";
import { randomWeights } from "../../src/network/random-weights.js";
import { expectOutputs } from "../support/expect-outputs.js";
import { layer, networkOf } from "../support/layers.js";

const text = (value: string): HDF5Attribute => ({ dtype: "string", shape: [], data: [value] });
const list = (...data: string[]): HDF5Attribute => ({ dtype: "string", shape: [data.length], data });

/** What the file is to compute, with channels last. Flatten takes them first, as Keras with channels first does. */
const topology = networkOf([
  layer("InputLayer", "in", [], { shape: [6, 5, 3] }),
  layer("Conv2D", "conv", ["in"], { filters: 4, kernelSize: [3, 2], padding: "valid", activation: "relu" }),
  layer("MaxPooling2D", "pool", ["conv"], { poolSize: [2, 2], strides: [2, 2] }),
  layer("BatchNormalization", "norm", ["pool"], { epsilon: 1e-6 }),
  layer("Permute", "turn", ["norm"], { dims: [3, 1, 2] }),
  layer("Flatten", "flat", ["turn"]),
  layer("Dense", "out", ["flat"], { units: 3, activation: "softmax" }),
]);
const channelsLast = networkOf([
  ...topology.layers.slice(0, 4),
  layer("Flatten", "flat", ["norm"]),
  layer("Dense", "out", ["flat"], { units: 3, activation: "softmax" }),
]);
const picture = { shape: [2, 6, 5, 3], data: Array.from({ length: 180 }, (_, i) => Math.sin(i)) };

interface Dialect {
  readonly ordering: "th" | "tf";
  readonly backend?: string;
  readonly version?: string;
}

/** The kernel as Keras 1 stores it: `[filters, channels, height, width]` with channels first, turned by Theano. */
function storedKernel({ shape, data }: NdArray, { ordering, backend }: Dialect): NdArray<"float32"> {
  const [h = 0, w = 0, c = 0, f = 0] = shape;
  const stored = new Float32Array(data.length);
  const isFirst = ordering === "th";
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      for (let i = 0; i < c; i++)
        for (let o = 0; o < f; o++) {
          const [row, column] = backend === "theano" ? [h - 1 - y, w - 1 - x] : [y, x];
          const at = isFirst ? ((o * c + i) * h + row) * w + column : ((row * w + column) * c + i) * f + o;
          stored[at] = Number(data[((y * w + x) * c + i) * f + o]);
        }
  return { dtype: "float32", shape: isFirst ? [f, c, h, w] : [h, w, c, f], data: stored };
}

async function keras1File(dialect: Dialect): Promise<Uint8Array> {
  const { ordering, backend, version = "1.2.2" } = dialect;
  const first = ordering === "th";
  const weights = randomWeights(first ? topology : channelsLast, 3);
  const config: Json = [
    {
      class_name: "Convolution2D",
      config: {
        name: "conv",
        nb_filter: 4,
        nb_row: 3,
        nb_col: 2,
        init: "glorot_uniform",
        activation: "relu",
        border_mode: "valid",
        subsample: [1, 1],
        dim_ordering: ordering,
        W_regularizer: { name: "WeightRegularizer", l1: 0, l2: 0.5 },
        bias: true,
        batch_input_shape: first ? [null, 3, 6, 5] : [null, 6, 5, 3],
        input_dtype: "float32",
        trainable: true,
      },
    },
    {
      class_name: "MaxPooling2D",
      config: { name: "pool", pool_size: [2, 2], strides: [2, 2], border_mode: "valid", dim_ordering: ordering },
    },
    {
      class_name: "BatchNormalization",
      config: { name: "norm", epsilon: 1e-6, mode: 0, axis: first ? 1 : -1, momentum: 0.99 },
    },
    { class_name: "Flatten", config: { name: "flat" } },
    { class_name: "Dropout", config: { name: "drop", p: 0.25 } },
    {
      class_name: "Dense",
      config: { name: "out", output_dim: 3, activation: "softmax", bias: true, W_regularizer: null },
    },
  ];
  const layers: HDF5Item[] = [];
  for (const name of ["conv", "pool", "norm", "flat", "drop", "out"]) {
    const own = weights.get(name) ?? [];
    const names = own.map((weight) => `${name}_${weight.name}`);
    layers.push({ path: `/model_weights/${name}`, attributes: new Map(stringList("weight_names", names)) });
    for (const [index, { array }] of own.entries()) {
      const data = array.shape.length === 4 ? storedKernel(array, dialect) : array;
      layers.push({ path: `/model_weights/${name}/${names[index]}`, data });
    }
  }
  const sayBackend: [string, HDF5Attribute][] = backend === undefined ? [] : [["backend", text(backend)]];
  return h5wasm().encode([
    {
      path: "/",
      attributes: new Map([
        ["keras_version", text(version)],
        ["model_config", text(JSON.stringify({ class_name: "Sequential", config }))],
      ]),
    },
    {
      path: "/model_weights",
      attributes: new Map([["layer_names", list("conv", "pool", "norm", "flat", "drop", "out")], ...sayBackend]),
    },
    ...layers,
  ]);
}

async function expected(first: boolean) {
  const wanted = first ? topology : channelsLast;
  const network = { ...wanted, weights: randomWeights(wanted, 3) };
  const input: NdArray = { dtype: "float32", shape: picture.shape, data: Float32Array.from(picture.data) };
  const backend = onnx();
  await backend.init();
  const loaded = await backend.load(network);
  const outputs = await loaded.run([input]);
  await loaded.dispose();
  return outputs.map(({ shape, data }) => ({ shape, data: Array.from(data, Number) }));
}

describe("a model of Keras 1", () => {
  test.each<Dialect>([
    { ordering: "tf" },
    { ordering: "tf", backend: "tensorflow" },
    { ordering: "tf", backend: "theano" },
    { ordering: "th", backend: "tensorflow" },
    { ordering: "th", backend: "theano" },
  ])("with %o runs as the same layers do, on pictures with channels last", async (dialect) => {
    const network = await loadKeras(await keras1File(dialect));
    expect(network.kerasVersion).toBe("1.2.2");
    await expectOutputs(network, [picture], await expected(dialect.ordering === "th"), 1e-5);
  });

  test("with channels first asks who wrote its kernels where the file does not say, and takes the answer", async () => {
    const bytes = await keras1File({ ordering: "th", backend: "theano" });
    const silent = await keras1File({ ordering: "th" });
    await expect(loadKeras(silent)).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(/"conv".*backend: "theano"/),
    });
    const kernel = async (source: Uint8Array, backend?: "theano" | "tensorflow") =>
      (await loadKeras(source, { backend })).weights.get("conv")?.[0]?.array.data;
    const right = await kernel(bytes);
    expect(await kernel(silent, "tensorflow")).toEqual(right);
    expect(await kernel(silent, "theano")).not.toEqual(right);
  });

  test.each([
    ["another mode of normalization", { class_name: "BatchNormalization", config: { name: "x", mode: 1 } }, /`mode` 1/],
    ["another mode of merging", { class_name: "Merge", config: { name: "x", mode: "cos" } }, /`mode` "cos"/],
    [
      "a softmax over the width of a picture",
      { class_name: "Activation", config: { name: "x", activation: "softmax" } },
      /"x".*width of a picture/,
    ],
    [
      "layers with channels last among others",
      { class_name: "UpSampling2D", config: { name: "x", size: [2, 2], dim_ordering: "tf" } },
      /"x".*channels last/,
    ],
    [
      "a normalization of another axis",
      { class_name: "BatchNormalization", config: { name: "x", mode: 0, axis: -1 } },
      /"x".*axis -1 of a picture/,
    ],
  ])("with %s is refused by name", async (_, last, message) => {
    const first = { name: "p", pool_size: [2, 2], dim_ordering: "th", batch_input_shape: [null, 3, 8, 8] };
    const config = [{ class_name: "MaxPooling2D", config: first }, last];
    const bytes = await h5wasm().encode([
      {
        path: "/",
        attributes: new Map([["model_config", text(JSON.stringify({ class_name: "Sequential", config }))]]),
      },
      { path: "/model_weights", attributes: new Map([["layer_names", list("p")]]) },
      { path: "/model_weights/p" },
    ]);
    await expect(loadKeras(bytes)).rejects.toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(message),
    });
  });
});
