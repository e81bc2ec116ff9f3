import { describe, expect, test } from "vitest";
import { mobilenetV2 } from "../../src/backbones/mobilenet-v2.js";
import { vgg16 } from "../../src/backbones/vgg.js";
import { assembleNetwork, baseNetwork } from "../../src/fine-tuning/assemble-network.js";
import { isLateSplit, splitNetwork } from "../../src/fine-tuning/split-network.js";
import { layersFrom } from "../../src/fine-tuning/trained-layers.js";
import type { Network, Topology, Weight } from "../../src/network/network.js";
import { weightShapes } from "../../src/network/weight-shapes.js";
import { headNetwork } from "../../src/training/head-network.js";

/** Weights of the right names without values: these functions look at nothing else. */
function withNames(topology: Topology): Network {
  const empty = (name: string): Weight => ({ name, array: { dtype: "float32", shape: [0], data: new Float32Array() } });
  const weights = [...weightShapes(topology)].map(([layer, own]): [string, readonly Weight[]] => [
    layer,
    own.map(({ name }) => empty(name)),
  ]);
  return { ...topology, weights: new Map(weights) };
}

function model(topology: Topology, layer: string, dropout = 0): Network {
  const base = baseNetwork(withNames(topology), { layer, imageSize: [224, 224] });
  const classLabels = ["cats", "dogs"];
  return assembleNetwork(base, headNetwork({ inputShape: base.featureShape, classLabels, dropout }), "whole").network;
}

const size = { includeTop: false, imageSize: [224, 224] } as const;
const vgg = model(vgg16.topology(size), "block5_pool", 0.5);
const mobile = model(mobilenetV2().topology(size), "out_relu");
const from = (network: Network, place: string | number) => new Set(layersFrom(network, place, "from"));

describe("layersFrom", () => {
  test("finds the originals' 15 at VGG16's last block, as the name does", () => {
    expect(layersFrom(vgg, 15, "from")).toEqual(layersFrom(vgg, "block5_conv1", "from"));
    expect(layersFrom(vgg, 15, "from")).toEqual([
      "block5_conv1",
      "block5_conv2",
      "block5_conv3",
      "block5_pool",
      "block5_pool_avg",
      "dropout_1",
      "predictions",
    ]);
  });

  test.each([
    ["block5_conv", /Did you mean "block5_conv1"/],
    [-1, /from 0 to 21/],
    [22, /from 0 to 21/],
    [1.5, /from 0 to 21/],
  ])("refuses %s", (place, message) => {
    expect(() => layersFrom(vgg, place, "from")).toThrow(message);
  });
});

describe("splitNetwork", () => {
  test("divides behind the last layer that stands still: before dropout, and before the block that is trained", () => {
    const head = from(vgg, "dropout_1");
    expect(splitNetwork(vgg, (layer) => !head.has(layer))).toMatchObject({ layer: "block5_pool_avg", shape: [512] });
    const block = from(vgg, "block5_conv1");
    const split = splitNetwork(vgg, (layer) => !block.has(layer));
    expect(split).toMatchObject({ layer: "block4_pool", shape: [14, 14, 512] });
    expect(split?.tail.layers.map(({ name }) => name)).toEqual(["block4_pool", ...block]);
    expect([...(split?.tail.weights.keys() ?? [])]).toEqual([
      "block5_conv1",
      "block5_conv2",
      "block5_conv3",
      "predictions",
    ]);
    expect(split?.frozen.outputs).toEqual(["block4_pool"]);
  });

  test("goes back to where a shortcut begins, as both of its ways are needed", () => {
    // In block 16 nothing goes around; in block 15 the addition takes block 14's result too.
    const inside = from(mobile, "block_15_depthwise");
    expect(splitNetwork(mobile, (layer) => !inside.has(layer))?.layer).toBe("block_14_add");
    const after = from(mobile, "block_16_depthwise");
    expect(splitNetwork(mobile, (layer) => !after.has(layer))?.layer).toBe("block_16_expand_relu");
  });

  test("finds nothing where a normalization near the input is trained", () => {
    expect(splitNetwork(mobile, (layer) => layer !== "bn_Conv1")?.layer).toBe("Conv1");
    expect(splitNetwork(mobile, (layer) => layer !== "Conv1")).toBeUndefined();
  });

  test("is late where the values take no more room than the picture", () => {
    const late = (place: string) => {
      const trained = from(vgg, place);
      const split = splitNetwork(vgg, (layer) => !trained.has(layer));
      return split && isLateSplit(split, [224, 224]);
    };
    expect(["block5_conv1", "block4_conv1"].map(late)).toEqual([true, false]);
  });
});

describe("assembleNetwork", () => {
  test("gives a layer of the head another name where the backbone has one of that name", () => {
    const topology = vgg16.topology({ includeTop: true, imageSize: [224, 224] });
    const whole = model(topology, "predictions");
    expect(whole.layers.slice(-3).map(({ name }) => name)).toEqual(["fc2", "predictions", "predictions_1"]);
    expect(whole.outputs).toEqual(["predictions_1"]);
    expect(whole.weights.has("predictions_1")).toBe(true);
  });

  test("refuses a head for features of another shape", () => {
    const base = baseNetwork(withNames(vgg16.topology(size)), { layer: "block5_pool", imageSize: [224, 224] });
    const head = headNetwork({ inputShape: [25088], classLabels: ["cats", "dogs"] });
    expect(() => assembleNetwork(base, head, "whole")).toThrow(/takes features of shape \[25088\].*gives \[512\]/);
  });
});
