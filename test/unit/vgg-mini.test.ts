import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createNetwork } from "../../src/backbones/create-network.js";
import { vggMini } from "../../src/backbones/vgg-mini.js";
import { obtainWeights } from "../../src/backbones/weights-cache.node.js";
import { FeatureExtractor } from "../../src/feature-extractor.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import { cut } from "../../src/network/cut.js";
import { countParameters } from "../../src/network/summary.js";
import { weightShapes } from "../../src/network/weight-shapes.js";
import { weightsChecksum } from "../../src/network/weights-checksum.js";
import { readVggMiniGolden } from "../support/vgg-mini-golden.js";

const golden = readVggMiniGolden();
const asset = fileURLToPath(new URL("../../assets/vgg-mini.h5", import.meta.url));

afterEach(() => vi.unstubAllGlobals());

describe("vgg-mini", () => {
  test("has the layers and weights of its Keras file, in the file's order", () => {
    const topology = vggMini.topology({ includeTop: true, imageSize: [64, 64] });
    const needed = weightShapes(topology);
    expect(
      topology.layers.map(({ name, className }) => [
        name,
        className,
        (needed.get(name) ?? []).map((weight) => [weight.name, weight.shape]),
      ]),
    ).toEqual(golden.layers);
    expect(countParameters(topology)).toBe(golden.parameters);
  });

  test("keeps to its size: 1.3 million parameters without top", () => {
    expect(countParameters(vggMini.topology({ includeTop: false, imageSize: [64, 64] }))).toBe(1_206_672);
  });

  test("needs no network, no cache and no option", async () => {
    vi.stubGlobal("fetch", () => {
      throw new Error("the network was asked");
    });
    await using extractor = await FeatureExtractor.create({ backbone: "vgg-mini" });
    expect(extractor.featureShape).toEqual([256]);
    expect(extractor.attributes).toMatchObject({ layer: "block5_pool" });
  });

  test("comes out of the package also where a mirror of the published files is named", async () => {
    vi.stubGlobal("fetch", () => {
      throw new Error("the network was asked");
    });
    expect((await createNetwork("vgg-mini", { weightsBaseUrl: "http://127.0.0.1:9/" })).name).toBe("vgg-mini");
  });

  test("has the same weights with and without top", async () => {
    const whole = await createNetwork("vgg-mini", { includeTop: true });
    const base = await createNetwork(vggMini);
    expect([...base.weights.keys()]).toEqual([...whole.weights.keys()].filter((name) => name !== "predictions"));
    expect(weightsChecksum(base)).toBe(weightsChecksum(cut(whole, "block5_pool")));
  });

  test("takes a copy of its file as `weights`, with and without top", async () => {
    const inside = weightsChecksum(await createNetwork("vgg-mini"));
    expect(weightsChecksum(await createNetwork("vgg-mini", { weights: asset }))).toBe(inside);
    expect((await createNetwork("vgg-mini", { weights: asset, includeTop: true })).weights.has("predictions")).toBe(
      true,
    );
  });

  test("takes pictures of 32x32 and no smaller ones", async () => {
    expect((await createNetwork("vgg-mini", { imageSize: [32, 50] })).outputs).toEqual(["block5_pool"]);
    await expect(createNetwork("vgg-mini", { imageSize: [31, 64] })).rejects.toThrow("at least 32");
  });

  test("says the name of each class in its file", async () => {
    const { classLabels } = await loadKeras(asset);
    expect(classLabels).toHaveLength(200);
    expect(classLabels?.[0]).toBe("goldfish, Carassius auratus");
  });

  test("whose file was left behind by a bundler says where it should be, and what to do", async () => {
    const url = new URL("nowhere/vgg-mini.h5", import.meta.url);
    await expect(obtainWeights({ url: url.href, fileName: "vgg-mini.h5" }, {})).rejects.toMatchObject({
      name: "FileAccessError",
      path: fileURLToPath(url),
      reason: "missing",
      message: expect.stringContaining("leave cnn-transfer out of the bundle"),
    });
  });
});
