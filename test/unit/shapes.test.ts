import { describe, expect, test } from "vitest";
import type { LayerClassName, LayerConfigs } from "../../src/network/layer.js";
import type { Topology } from "../../src/network/network.js";
import { inferShapes } from "../../src/network/shapes.js";
import { weightShapes } from "../../src/network/weight-shapes.js";
import { layer, networkOf, single } from "../support/layers.js";

type Case = {
  [C in LayerClassName]: readonly [C, Partial<LayerConfigs[C]>, readonly (number | null)[], readonly (number | null)[]];
}[LayerClassName];

// Expected shapes: `layer.compute_output_shape` of Keras 3.15.1.
const shapeCases: readonly Case[] = [
  ["Conv2D", {}, [8, 9, 3], [8, 9, 4]],
  ["Conv2D", { padding: "valid" }, [8, 9, 3], [6, 7, 4]],
  ["Conv2D", { strides: [2, 3] }, [8, 10, 3], [4, 4, 4]],
  ["Conv2D", { strides: [2, 3], padding: "valid" }, [8, 10, 3], [3, 3, 4]],
  ["Conv2D", { dilationRate: [2, 3], padding: "valid" }, [8, 10, 3], [4, 4, 4]],
  ["Conv2D", { padding: "valid" }, [null, 9, 3], [null, 7, 4]],
  ["Conv2D", { groups: 2 }, [8, 8, 6], [8, 8, 4]],
  ["DepthwiseConv2D", { depthMultiplier: 2, padding: "valid" }, [8, 9, 3], [6, 7, 6]],
  ["MaxPooling2D", {}, [7, 8, 3], [3, 4, 3]],
  ["MaxPooling2D", { padding: "same" }, [7, 8, 3], [4, 4, 3]],
  ["MaxPooling2D", { poolSize: [3, 3] }, [56, 27, 3], [27, 13, 3]],
  ["AveragePooling2D", {}, [null, null, null], [null, null, null]],
  ["GlobalAveragePooling2D", {}, [7, 7, 3], [3]],
  ["GlobalMaxPooling2D", { keepdims: true }, [null, null, 3], [1, 1, 3]],
  ["ZeroPadding2D", {}, [8, null, 3], [11, null, 3]],
  ["Dense", {}, [7], [5]],
  ["Dense", {}, [4, null, 7], [4, null, 5]],
  ["BatchNormalization", {}, [8, null, 3], [8, null, 3]],
  ["Flatten", {}, [4, 5, 6], [120]],
  ["Flatten", {}, [4, null, 6], [null]],
  ["Reshape", { targetShape: [-1, 6] }, [4, 5, 6], [20, 6]],
  ["Reshape", { targetShape: [-1, 6] }, [null, 5, 6], [null, 6]],
  ["Reshape", { targetShape: [3, 40] }, [4, 5, 6], [3, 40]],
  ["Dropout", {}, [4, null], [4, null]],
  ["Activation", {}, [4], [4]],
  ["ReLU", {}, [4], [4]],
  ["PreprocessInput", {}, [null, 8, 3], [null, 8, 3]],
];

test.each(shapeCases)("a %s with %j turns %j into %j", (className, config, input, output) => {
  expect(inferShapes(single(className, input, config)).get("x")).toEqual(output);
});

describe("layers with several inputs", () => {
  const two = (first: readonly (number | null)[], second: readonly (number | null)[]) => [
    layer("InputLayer", "a", [], { shape: first }),
    layer("InputLayer", "b", [], { shape: second }),
  ];

  test.each([
    [-1, [4, 4, 2], [4, 4, 3], [4, 4, 5]],
    [3, [4, null, 2], [null, 4, 3], [4, 4, 5]],
    [1, [4, 4, 2], [5, 4, 2], [9, 4, 2]],
    [1, [4, 4, 2], [null, 4, 2], [null, 4, 2]],
  ])("a Concatenate on axis %i of %j and %j gives %j", (axis, first, second, expected) => {
    const network = networkOf([...two(first, second), layer("Concatenate", "x", ["a", "b"], { axis })]);
    expect(inferShapes(network).get("x")).toEqual(expected);
  });

  test("an Add takes equal shapes, of which some axes may be unknown", () => {
    const network = networkOf([...two([4, null, 2], [null, 3, 2]), layer("Add", "x", ["a", "b"])]);
    expect(inferShapes(network).get("x")).toEqual([4, 3, 2]);
  });

  test.each([
    ["Concatenate" as const, [4, 4, 2], [4, 5, 2]],
    ["Concatenate" as const, [4, 4], [4, 4, 2]],
    ["Add" as const, [4, 4, 2], [4, 4, 3]],
  ])("a %s of %j and %j is refused with both shapes", (className, first, second) => {
    const network = networkOf([...two(first, second), layer(className, "x", ["a", "b"])]);
    expect(() => inferShapes(network)).toThrow(`[${first.join(", ")}] and [${second.join(", ")}]`);
  });
});

test.each([
  [single("Conv2D", [8, 8, 3], { padding: "valid", kernelSize: [9, 3] }), "height 8, smaller than its window of 9"],
  [single("MaxPooling2D", [8, 1, 3]), "width 1, smaller than its window of 2"],
  [single("Conv2D", [8, 8]), "takes [8, 8]: expected [height, width, channels]"],
  [single("Conv2D", [8, 8, null]), "known number of channels"],
  [single("Conv2D", [8, 8, 3], { groups: 2 }), "2 groups"],
  [single("Conv2D", [8, 8, 3], { filters: 0 }), "`filters` 0"],
  [single("Conv2D", [8, 8, 3], { kernelSize: [3, 1.5] }), "[3, 1.5]"],
  [single("Conv2D", [8, 8, 3], { strides: [2, 2], dilationRate: [2, 2] }), "both `strides` and `dilationRate`"],
  [single("Dense", [null]), "known last axis"],
  [single("Dense", [3], { units: -1 }), "`units` -1"],
  [single("Reshape", [4, 4], { targetShape: [3, 5] }), "16 values"],
  [single("Reshape", [4, 4], { targetShape: [-1, 3] }), "16 values"],
  [single("Reshape", [4, 4], { targetShape: [-1, -1] }), "at most one -1"],
  [single("Concatenate", [4, 4, 2], { axis: 0 }), "`axis` 0"],
  [single("Concatenate", [4, 4, 2], { axis: 4 }), "`axis` 4"],
  [single("Dropout", [4], { rate: 1.5 }), "`rate` 1.5"],
  [
    single("ZeroPadding2D", [4, 4, 2], {
      padding: [
        [0, -1],
        [0, 0],
      ],
    }),
    "[[0, -1], [0, 0]]",
  ],
  [single("PreprocessInput", [4, 4, 1]), "expected RGB images"],
])("a layer that does not take what comes is named, with the reason (%#)", (network, reason) => {
  expect(() => inferShapes(network)).toThrow(
    expect.objectContaining({ name: "InvalidNetworkError", layer: "x", message: expect.stringContaining(reason) }),
  );
});

describe("given input shapes", () => {
  const network = single("MaxPooling2D", [null, null, 3]);

  test("fix axes that the network leaves open", () => {
    expect(inferShapes(network, [[32, 48, 3]]).get("x")).toEqual([16, 24, 3]);
  });

  test.each([
    [[[32, 48, 4]], "expected [null, null, 3]"],
    [[[32, 48]], "expected [null, null, 3]"],
    [[[0, 48, 3]], "expected [null, null, 3]"],
    [[], "0 shapes: expected 1"],
  ])("that contradict it are refused: %j", (shapes, reason) => {
    expect(() => inferShapes(network, shapes)).toThrow(reason);
  });
});

const weightCases: readonly (readonly [Topology, readonly (readonly [string, readonly number[]])[]])[] = [
  [
    single("Conv2D", [8, 8, 6], { groups: 2, kernelSize: [3, 5] }),
    [
      ["kernel", [3, 5, 3, 4]],
      ["bias", [4]],
    ],
  ],
  [single("Conv2D", [null, null, 6], { useBias: false }), [["kernel", [3, 3, 6, 4]]]],
  [
    single("DepthwiseConv2D", [8, 8, 6], { depthMultiplier: 2 }),
    [
      ["kernel", [3, 3, 6, 2]],
      ["bias", [12]],
    ],
  ],
  [
    single("Dense", [7, 3]),
    [
      ["kernel", [3, 5]],
      ["bias", [5]],
    ],
  ],
  [
    single("BatchNormalization", [8, 8, 6]),
    [
      ["gamma", [6]],
      ["beta", [6]],
      ["moving_mean", [6]],
      ["moving_variance", [6]],
    ],
  ],
  [
    single("BatchNormalization", [8, 8, 6], { scale: false }),
    [
      ["beta", [6]],
      ["moving_mean", [6]],
      ["moving_variance", [6]],
    ],
  ],
];

test.each(weightCases)("weights have Keras's names, shapes and order (%#)", (network, expected) => {
  expect(weightShapes(network).get("x")).toEqual(expected.map(([name, shape]) => ({ name, shape })));
});

test("layers without weights of their own are not among those that need weights", () => {
  const network = networkOf([
    layer("InputLayer", "input", [], { shape: [6] }),
    layer("Dense", "a", ["input"], { units: 6 }),
    layer("Dense", "b", ["a"], { units: 6 }, "a"),
    layer("Activation", "c", ["b"]),
  ]);
  expect([...weightShapes(network).keys()]).toEqual(["a"]);
});
