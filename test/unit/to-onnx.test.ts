import { describe, expect, test } from "vitest";
import { lower } from "../../src/backends/onnx/lower.js";
import { paddingAttributes, type Window } from "../../src/backends/onnx/same-padding.js";
import { toOnnx } from "../../src/backends/onnx/to-onnx.js";
import { isCnnTransferError } from "../../src/errors.js";
import type { Network } from "../../src/network/network.js";
import { loadConformanceNetworks } from "../support/conformance-networks.js";

function named(name: string): Network {
  const found = loadConformanceNetworks().find((candidate) => candidate.name === name);
  if (!found) throw new Error(`There is no conformance network "${name}".`);
  return found.network;
}

function bytesOf(arrays: Iterable<{ readonly data: { readonly byteLength: number } }>): number {
  return [...arrays].reduce((sum, { data }) => sum + data.byteLength, 0);
}

describe("toOnnx", () => {
  test("writes every weight once, also those that several layers share", () => {
    const network = named("shared-layers");
    const weights = bytesOf([...network.weights.values()].flat().map(({ array }) => array));
    const constants = bytesOf(
      lower(network, network.outputs).initializers.filter(({ data }) => data instanceof Float32Array),
    );
    expect(constants).toBe(weights);
    const graphBytes = toOnnx(network).byteLength - weights;
    expect(graphBytes).toBeGreaterThan(0);
    expect(graphBytes).toBeLessThan(5000);
  });

  test("leaves out what the wanted layers do not need", () => {
    const network = named("classifier");
    const names = lower(network, ["stem_relu"]).initializers.map(({ name }) => name);
    expect(names.filter((name) => name.startsWith("stem"))).not.toEqual([]);
    expect(names.filter((name) => /^(block|squeeze|expand|hidden|predictions)/.test(name))).toEqual([]);
  });

  test("does not change or copy the network's weights while it lowers", () => {
    const network = named("dense");
    const kernel = network.weights.get("vector_relu")?.[0]?.array.data;
    const constant = lower(network, network.outputs).initializers.find(({ name }) => name === "vector_relu/kernel");
    expect(constant?.data).toBe(kernel);
  });

  test("names its inputs and outputs as the layers, and an input that is also an output apart", () => {
    const graph = lower(named("dense"), ["image", "vector"]);
    expect(graph.inputs).toEqual([
      { name: "pixels", elementType: "float32", shape: [null, 3, 4, 2] },
      { name: "vector", elementType: "float32", shape: [null, 9] },
    ]);
    expect(graph.outputs).toEqual([
      { name: "image", elementType: "float32", shape: [null, 3, 4, 5] },
      { name: "vector/output", elementType: "float32", shape: [null, 9] },
    ]);
  });

  test.each([
    ["one that does not exist", ["no_such_layer"], "no_such_layer"],
    ["one twice", ["image", "image"], "image"],
    ["none", [], "empty"],
  ])("refuses outputs with %s", (_, outputs, word) => {
    expect(() => toOnnx(named("dense"), { outputs })).toThrow(
      expect.toSatisfy((error) => isCnnTransferError(error, "InvalidArgumentError") && error.message.includes(word)),
    );
  });
});

describe("paddingAttributes", () => {
  const window: Window = { layer: "conv", size: [3, 3], strides: [2, 2], dilations: [1, 1], padding: "same" };

  test.each([
    ["the larger part of an odd number below and right", window, [8, 8], [0, 0, 1, 1]],
    ["both sides of an even number", window, [7, 9], [1, 1, 1, 1]],
    ["nothing where the stride is larger than the window", { ...window, strides: [5, 4] }, [9, 11], [0, 0, 0, 0]],
    [
      "what a dilated window reaches, whatever the size",
      { ...window, strides: [1, 1], dilations: [2, 3] },
      [null, null],
      [2, 3, 2, 3],
    ],
    ["nothing for a window of one value, whatever the size", { ...window, size: [1, 1] }, [null, null], [0, 0, 0, 0]],
  ] as [string, Window, [number | null, number | null], number[]][])("pads %s", (_, settings, sizes, pads) => {
    expect(paddingAttributes(settings, sizes)).toEqual({ pads: { ints: pads } });
  });

  test("leaves it to the runtime where it depends on a size that is not known", () => {
    expect(paddingAttributes(window, [null, 8])).toEqual({ auto_pad: { string: "SAME_UPPER" } });
    expect(paddingAttributes({ ...window, padding: "valid" }, [null, null])).toEqual({ auto_pad: { string: "VALID" } });
  });

  test("refuses what the runtime would get wrong, and says what to do", () => {
    expect(() => paddingAttributes({ ...window, strides: [4, 4] }, [null, null])).toThrow(
      expect.toSatisfy(
        (error) =>
          isCnnTransferError(error, "UnsupportedError") &&
          error.message.includes('"conv"') &&
          error.message.includes("InputLayer"),
      ),
    );
  });
});
