import { describe, expect, test } from "vitest";
import type { Json } from "../../src/keras/layer-config.js";
import { toModelConfig } from "../../src/keras/model-config.js";
import { readTopology } from "../../src/keras/read-topology.js";
import type { Layer } from "../../src/network/layer.js";
import type { Topology } from "../../src/network/network.js";

const place = (name: string, node = 0, kwargs: Json = {}): Json => [name, node, 0, kwargs];

function functional(layers: readonly Json[], inputs: Json = [["in", 0, 0]], outputs: Json = [["out", 0, 0]]): Json {
  return { class_name: "Functional", config: { name: "m", layers, input_layers: inputs, output_layers: outputs } };
}

const input = (shape: Json = [null, 4], more: { readonly [key: string]: Json } = {}): Json => ({
  class_name: "InputLayer",
  name: "in",
  config: { batch_input_shape: shape, dtype: "float32", name: "in", ...more },
  inbound_nodes: [],
});

const layer = (className: string, config: { readonly [key: string]: Json }, nodes: Json, name = "out"): Json => ({
  class_name: className,
  name,
  config: { name, ...config },
  inbound_nodes: nodes,
});

const dense = (more: { readonly [key: string]: Json } = {}, nodes: Json = [[place("in")]], name = "out") =>
  layer("Dense", { units: 2, activation: "softmax", use_bias: true, ...more }, nodes, name);

const picture = (className: string, config: { readonly [key: string]: Json }) =>
  functional([input([null, 8, 8, 3]), layer(className, config, [[place("in")]])]);

describe("readTopology", () => {
  test("reads back what toModelConfig wrote, for every kind of layer but PreprocessInput", () => {
    const window = { poolSize: [2, 3], strides: [2, 1], padding: "same" } as const;
    const kinds: readonly Pick<Layer, "className" | "config">[] = [
      {
        className: "Conv2D",
        config: {
          filters: 6,
          kernelSize: [3, 2],
          strides: [1, 2],
          padding: "same",
          dilationRate: [1, 1],
          groups: 3,
          useBias: false,
          activation: "relu6",
        },
      },
      {
        className: "DepthwiseConv2D",
        config: {
          depthMultiplier: 2,
          kernelSize: [3, 3],
          strides: [1, 1],
          padding: "valid",
          dilationRate: [2, 1],
          useBias: true,
          activation: "tanh",
        },
      },
      { className: "BatchNormalization", config: { epsilon: 0.01, momentum: 0.9, scale: false, center: true } },
      { className: "Activation", config: { activation: "sigmoid" } },
      { className: "ReLU", config: { maxValue: 6, negativeSlope: 0.1, threshold: 0.5 } },
      { className: "MaxPooling2D", config: window },
      { className: "AveragePooling2D", config: { ...window, padding: "valid" } },
      {
        className: "ZeroPadding2D",
        config: {
          padding: [
            [1, 0],
            [2, 3],
          ],
        },
      },
      { className: "Reshape", config: { targetShape: [-1, 1, 4] } },
      { className: "GlobalMaxPooling2D", config: { keepdims: true } },
      { className: "GlobalAveragePooling2D", config: { keepdims: false } },
      { className: "Flatten", config: {} },
      { className: "Dropout", config: { rate: 0.25 } },
      { className: "Dense", config: { units: 3, useBias: true, activation: "linear" } },
    ];
    const chain = kinds.map((kind, index) => ({
      ...kind,
      name: `layer_${index}`,
      inputs: [index === 0 ? "pixels" : `layer_${index - 1}`],
    })) as Layer[];
    const last = `layer_${kinds.length - 1}`;
    const topology: Topology = {
      name: "all",
      inputs: ["pixels"],
      outputs: ["sum", "joined"],
      layers: [
        { className: "InputLayer", name: "pixels", inputs: [], config: { shape: [24, null, 3], dtype: "uint8" } },
        ...chain,
        { className: "Dense", name: "twice", inputs: [last], config: { units: 3, useBias: true, activation: "relu" } },
        { className: "Add", name: "sum", inputs: ["twice", last], config: {} },
        {
          className: "Dense",
          name: "twice_1",
          inputs: ["sum"],
          config: { units: 3, useBias: true, activation: "relu" },
          weightsOf: "twice",
        },
        { className: "Concatenate", name: "joined", inputs: ["twice_1", "twice"], config: { axis: -1 } },
      ],
    };
    expect(readTopology(JSON.parse(JSON.stringify(toModelConfig(topology, { l2: 0.1 }))))).toEqual(topology);
  });

  test("orders layers so that each stands after what it takes, however the file lists them", () => {
    const config = functional([
      dense({}, [[place("b")]]),
      dense({}, [[place("a")]], "b"),
      input(),
      dense({}, [[place("in")]], "a"),
    ]);
    expect(readTopology(config).layers.map(({ name }) => name)).toEqual(["in", "a", "b", "out"]);
  });

  test("reads a chain of layers deeper than the call stack", () => {
    const names = Array.from({ length: 50_000 }, (_, index) => `d${index}`);
    const layers = names
      .map((name, index) => layer("Flatten", {}, [[place(names[index - 1] ?? "in")]], name))
      .reverse();
    const topology = readTopology(functional([...layers, input()], [["in", 0, 0]], [[names.at(-1) ?? "", 0, 0]]));
    expect(topology.layers.at(-1)?.name).toBe("d49999");
  });

  test("reads Sequential models with the shape on the first layer, beside the layers, or in an InputLayer", () => {
    const bare = { class_name: "Dense", config: { name: "d", units: 2 } };
    const first = { class_name: "Dense", config: { name: "d", units: 2, batch_input_shape: [null, 4] } };
    for (const config of [
      [first],
      { name: "sequential", layers: [first] },
      { name: "sequential", layers: [bare], build_input_shape: [null, 4] },
      {
        name: "sequential",
        layers: [{ class_name: "InputLayer", config: { name: "d_input", batch_shape: [null, 4] } }, bare],
      },
    ]) {
      const topology = readTopology({ class_name: "Sequential", config: config as Json });
      expect(topology.layers).toEqual([
        { className: "InputLayer", name: "d_input", inputs: [], config: { shape: [4], dtype: "float32" } },
        {
          className: "Dense",
          name: "d",
          inputs: ["d_input"],
          config: { units: 2, useBias: true, activation: "linear" },
        },
      ]);
    }
  });

  test("takes a BatchNormalization's axis for the last one only where it is", () => {
    const kinds = (axis: Json) =>
      readTopology(picture("BatchNormalization", { axis })).layers.map(({ className }) => className);
    expect(kinds([3])).toEqual(["InputLayer", "BatchNormalization"]);
    expect(kinds(-1)).toEqual(["InputLayer", "BatchNormalization"]);
    expect(kinds(1)).toEqual(["InputLayer", "Permute", "BatchNormalization", "Permute"]);
    expect(() => kinds(4)).toThrow(
      expect.objectContaining({ name: "UnsupportedError", message: expect.stringMatching(/"out".*axis 4/) }),
    );
    const flat = functional([input(), layer("BatchNormalization", { axis: 1 }, [[place("in")]])]);
    expect(readTopology(flat).layers.map(({ name }) => name)).toEqual(["in", "out"]);
  });

  test.each<readonly [string, Json, RegExp]>([
    [
      "a layer that is not known",
      functional([input(), layer("Lambda", { function: "x" }, [[place("in")]])]),
      /"out".*Lambda/,
    ],
    [
      "an activation that is not known",
      functional([input(), dense({ activation: "my_own" })]),
      /"out" \(Dense\).*`activation` "my_own"/,
    ],
    [
      "half precision",
      functional([input(), dense({ dtype: { class_name: "DTypePolicy", config: { name: "mixed_float16" } } })]),
      /`dtype`/,
    ],
    [
      "a call in training mode",
      functional([input(), layer("Dropout", { rate: 0.5 }, [[place("in", 0, { training: true })]])]),
      /`training` true/,
    ],
    ["another output than the first", functional([input(), dense({}, [[["in", 0, 1, {}]]])]), /output 1 of layer "in"/],
    ["sparse input", functional([input([null, 4], { sparse: true }), dense()]), /`sparse`/],
    ["a class of the user's own", { class_name: "MyModel", config: {} }, /"MyModel"/],
    [
      "a Sequential of unknown input",
      { class_name: "Sequential", config: [{ class_name: "Dense", config: { name: "d", units: 2 } }] },
      /no `batch_input_shape`/,
    ],
    [
      "an argument that is not a tensor",
      functional([input(), layer("Add", {}, [{ args: [1, 2], kwargs: {} }])]),
      /called with/,
    ],
  ])("refuses %s as not supported", (_, config, message) => {
    expect(() => readTopology(config)).toThrow(
      expect.objectContaining({ name: "UnsupportedError", message: expect.stringMatching(message) }),
    );
  });

  test.each<readonly [string, Json, RegExp]>([
    ["no object", 7, /7/],
    ["no layers", functional([]), /lists no layers/],
    ["a layer without a class", functional([{ name: "x", config: {} }]), /layer 0 has no class name/],
    ["two layers of one name", functional([input(), input()]), /two layers named "in"/],
    ["a layer that takes nothing", functional([input(), dense({}, [])]), /"out" \(Dense\).*applied to nothing/],
    ["a layer that is not there", functional([input(), dense({}, [[place("no")]])]), /node 0 of layer "no"/],
    ["a node that is not there", functional([input(), dense({}, [[place("in", 3)]])]), /node 3 of layer "in"/],
    ["a cycle", functional([input(), dense({}, [[place("b")]]), dense({}, [[place("out")]], "b")]), /cycle/],
    ["a layer that takes itself", functional([input(), dense({}, [[place("out")]])]), /cycle/],
    ["no units", functional([input(), layer("Dense", { activation: "relu" }, [[place("in")]])]), /`units` missing/],
    ["units that are not a count", functional([input(), dense({ units: 2.5 })]), /`units` 2.5/],
    ["a kernel of three sides", picture("Conv2D", { filters: 1, kernel_size: [1, 2, 3] }), /`kernel_size` \[1,2,3\]/],
    [
      "negative padding",
      picture("ZeroPadding2D", {
        padding: [
          [0, -1],
          [0, 0],
        ],
      }),
      /`padding`/,
    ],
    ["an input without a shape", functional([input("x"), dense()]), /batch_input_shape/],
    ["no outputs", functional([input(), dense()], [["in", 0, 0]], []), /`output_layers` \[\]/],
  ])("finds that the file is malformed: %s", (_, config, message) => {
    expect(() => readTopology(config)).toThrow(
      expect.objectContaining({ name: "InvalidModelError", message: expect.stringMatching(message) }),
    );
  });
});
