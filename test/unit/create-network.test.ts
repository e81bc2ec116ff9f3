import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { fc, test as property } from "@fast-check/vitest";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Backbone } from "../../src/backbones/backbone.js";
import { createNetwork, type DownloadProgress } from "../../src/backbones/create-network.js";
import { md5 } from "../../src/backbones/md5.js";
import { mobilenet } from "../../src/backbones/mobilenet.js";
import { mobilenetV2 } from "../../src/backbones/mobilenet-v2.js";
import { resnet50 } from "../../src/backbones/resnet.js";
import { resolveBackbone } from "../../src/backbones/resolve-backbone.js";
import { obtainWeights } from "../../src/backbones/weights-cache.browser.js";
import { validateNetwork } from "../../src/network/validate.js";
import { serve, startBrokenServer } from "../support/broken-server.js";
import { layer, networkOf } from "../support/layers.js";

const fixture = fileURLToPath(new URL("../fixtures/keras-weights/keras3.h5", import.meta.url));
const shared = fileURLToPath(new URL("../../../shared/data/weights/", import.meta.url));
const squeezenetFile = "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5";

/** A backbone of one's own, whose weights are those of the fixture. */
const small: Backbone = {
  name: "small",
  imageSize: [6, 6],
  minimumSize: 6,
  preprocess: "none",
  layer: "pool",
  topology: () =>
    networkOf([
      layer("InputLayer", "in", [], { shape: [6, 6, 2] }),
      layer("Conv2D", "a", ["in"], { filters: 3, padding: "valid" }),
      layer("BatchNormalization", "b", ["a"]),
      layer("DepthwiseConv2D", "c", ["b"], { kernelSize: [2, 2], padding: "valid", useBias: false }),
      layer("GlobalAveragePooling2D", "pool", ["c"]),
      layer("Dense", "d", ["pool"], { units: 4 }),
    ]),
  weightsFile: ({ includeTop }) =>
    includeTop ? undefined : { url: "https://weights.invalid/models/small.h5", fileName: "small.h5" },
};

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "create-network-"));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

describe("createNetwork", () => {
  test("takes weights from a path, or the file: URL of one", async () => {
    const byPath = await createNetwork(small, { weights: fixture });
    validateNetwork(byPath);
    expect(await createNetwork(small, { weights: pathToFileURL(fixture).href })).toEqual(byPath);
  });

  test("makes random weights from a seed, which is 0 unless given", async () => {
    const network = await createNetwork(small, { weights: "random" });
    validateNetwork(network);
    expect(await createNetwork(small, { weights: "random", seed: 0 })).toEqual(network);
    expect(await createNetwork(small, { weights: "random", seed: 1 })).not.toEqual(network);
  });

  test('looks for "imagenet" in $KERAS_HOME/models before it asks the network', async () => {
    vi.stubEnv("KERAS_HOME", folder);
    await mkdir(join(folder, "models"));
    await copyFile(fixture, join(folder, "models", "small.h5"));
    validateNetwork(await createNetwork(small));
  });

  test('looks for "imagenet" in ~/.keras/models where $KERAS_HOME is not set', async () => {
    vi.stubEnv("KERAS_HOME", "");
    vi.stubEnv("HOME", folder);
    vi.stubEnv("USERPROFILE", folder);
    await mkdir(join(folder, ".keras", "models"), { recursive: true });
    await copyFile(fixture, join(folder, ".keras", "models", "small.h5"));
    validateNetwork(await createNetwork(small));
  });

  test('takes "imagenet" from a mirror with `weightsBaseUrl`, and keeps it under the published name', async () => {
    await using server = await startBrokenServer(serve(await readFile(fixture)));
    const progress: DownloadProgress[] = [];
    validateNetwork(
      await createNetwork(small, {
        weightsBaseUrl: `${server.url}mirror/`,
        cacheDirectory: folder,
        onProgress: (each) => progress.push(each),
      }),
    );
    expect(server.requests.map(({ url }) => url)).toEqual(["/mirror/small.h5"]);
    expect(await readdir(folder)).toEqual(["small.h5"]);
    expect(progress.at(-1)?.receivedBytes).toBe((await readFile(fixture)).length);
  });

  test("downloads weights from a URL once, and keeps files of two URLs with the same name apart", async () => {
    await using server = await startBrokenServer(serve(await readFile(fixture)));
    for (const path of ["a/weights.h5?x=1", "b/weights.h5", "a/weights.h5?x=1"]) {
      await createNetwork(small, { weights: `${server.url}${path}`, cacheDirectory: folder });
    }
    expect(server.requests.map(({ url }) => url)).toEqual(["/a/weights.h5?x=1", "/b/weights.h5"]);
    expect(await readdir(folder)).toHaveLength(2);
    for (const name of await readdir(folder)) expect(name).toMatch(/^weights-[0-9a-f]{16}\.h5$/);
  });

  test.skipIf(!existsSync(shared))("verifies the hash of a cached SqueezeNet (needs ../shared/data)", async () => {
    await copyFile(`${shared}${squeezenetFile}`, join(folder, squeezenetFile));
    validateNetwork(await createNetwork("squeezenet", { cacheDirectory: folder }));
  });

  test.each([
    ["a misspelt word for weights", { weights: "imagenett" }, '`weights` is "imagenett"'],
    ["weights that are not published", { includeTop: true, imageSize: [64, 64] as const }, "No weights are published"],
    ["an image that is too small", { imageSize: [31, 224] as const }, "[31, 224]"],
    ["a size that is no integer", { imageSize: [224.5, 224] as const }, "[224.5, 224]"],
    ["a mirror that is no URL", { weightsBaseUrl: "mirror/" }, '`weightsBaseUrl` is "mirror/"'],
    ["a seed that is out of range", { weights: "random", seed: -1, imageSize: [32, 32] as const }, "`seed` is -1"],
  ])("refuses %s", async (_, options, message) => {
    await expect(createNetwork("vgg16", { cacheDirectory: folder, ...options })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringContaining(message),
    });
  });

  test("names the weights file if it is another network's", async () => {
    await expect(createNetwork("vgg16", { weights: fixture })).rejects.toMatchObject({
      name: "InvalidWeightsError",
      layer: "block1_conv1",
      message: expect.stringContaining(fixture),
    });
  });

  test("rejects with the signal's reason if it is aborted already", async () => {
    const reason = new Error("no longer wanted");
    const aborted = createNetwork(small, { weights: fixture, signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
  });
});

describe("backbones", () => {
  const names = [
    "vgg-mini",
    "vgg16",
    "vgg19",
    "squeezenet",
    "mobilenet",
    "mobilenetv2",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnet50v2",
    "resnet101v2",
    "resnet152v2",
    "inceptionv3",
    "densenet121",
    "densenet169",
    "densenet201",
    "xception",
    "inceptionresnetv2",
    "mobilenetv3small",
    "mobilenetv3large",
    "efficientnetb0",
    "efficientnetb1",
    "efficientnetb2",
    "efficientnetb3",
    "efficientnetb4",
    "efficientnetb5",
    "efficientnetb6",
    "efficientnetb7",
    "efficientnetv2b0",
    "efficientnetv2b1",
    "efficientnetv2b2",
    "efficientnetv2b3",
    "efficientnetv2s",
    "efficientnetv2m",
    "efficientnetv2l",
    "nasnetmobile",
    "convnexttiny",
    "convnextsmall",
    "convnextbase",
  ] as const;

  test("are found by name, and given back as they are", () => {
    for (const name of names) expect(resolveBackbone(name).name).toBe(name);
    expect(resolveBackbone(small)).toBe(small);
  });

  test.each(["VGG16", "resnet34", "toString"])('"%s" is refused with the names there are', (name) => {
    const listed = `${names.map((each) => `"${each}"`).join(", ")} or a Backbone`;
    expect(() => resolveBackbone(name as "vgg16")).toThrow(listed);
  });

  test.each(names)("%s ends in its features layer", (name) => {
    const backbone = resolveBackbone(name);
    const { imageSize } = backbone;
    expect(backbone.topology({ includeTop: false, imageSize }).outputs).toEqual([backbone.layer]);
    const smallest = [backbone.minimumSize, backbone.minimumSize] as const;
    expect(backbone.topology({ includeTop: false, imageSize: smallest }).outputs).toEqual([backbone.layer]);
  });

  // Names as in keras.applications 3.15.1.
  test.each([
    [1, true, 224, "mobilenet_1_0_224_tf.h5"],
    [0.75, false, 160, "mobilenet_7_5_160_tf_no_top.h5"],
    [0.5, false, 192, "mobilenet_5_0_192_tf_no_top.h5"],
    [0.25, false, 100, "mobilenet_2_5_224_tf_no_top.h5"],
    [0.25, true, 128, "mobilenet_2_5_128_tf.h5"],
    [0.25, true, 100, undefined],
  ] as const)("MobileNet %d with top: %s at %i has the weights file %s", (alpha, includeTop, size, fileName) => {
    const file = mobilenet({ alpha }).weightsFile({ includeTop, imageSize: [size, size] });
    expect(file?.fileName).toBe(fileName);
  });

  // Names as in keras.applications 3.15.1.
  test.each([
    [1, true, 96, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96.h5"],
    [0.35, false, 128, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_128_no_top.h5"],
    [1.4, false, 100, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.4_224_no_top.h5"],
    [1.3, true, 100, undefined],
  ] as const)("MobileNetV2 %d with top: %s at %i has the weights file %s", (alpha, includeTop, size, fileName) => {
    const file = mobilenetV2({ alpha }).weightsFile({ includeTop, imageSize: [size, size] });
    expect(file?.fileName).toBe(fileName);
  });

  test.each([
    ["MobileNet", (alpha: number) => mobilenet({ alpha: alpha as 1 })],
    ["MobileNetV2", (alpha: number) => mobilenetV2({ alpha: alpha as 1 })],
  ])("%s refuses a width that has no weights, or that is none", (_, create) => {
    expect(() => create(0.3)).toThrow("`alpha` is 0.3");
    expect(() => create("1" as unknown as number)).toThrow("`alpha` is 1: expected");
  });

  test("weights with top are those of the size that the network was trained with, as Keras asks for", () => {
    expect(resnet50.weightsFile({ includeTop: true, imageSize: [224, 224] })).toBeDefined();
    expect(resnet50.weightsFile({ includeTop: true, imageSize: [224, 225] })).toBeUndefined();
    expect(resnet50.weightsFile({ includeTop: false, imageSize: [224, 225] })).toBeDefined();
  });
});

describe("in a browser", () => {
  const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i);
  const sha256 = createHash("sha256").update(bytes).digest("hex");

  test.each([
    ["md5" as const, createHash("md5").update(bytes).digest("hex")],
    ["sha256" as const, sha256],
  ])("weights are fetched into memory and verified by their %s", async (algorithm, hex) => {
    await using server = await startBrokenServer(serve(bytes));
    const file = { url: server.url, fileName: "x.h5", hash: { algorithm, hex } };
    expect(await obtainWeights(file, {})).toEqual(bytes);
    await expect(obtainWeights({ ...file, hash: { algorithm, hex: "0" } }, {})).rejects.toMatchObject({
      reason: "hash",
      url: server.url,
    });
  });

  test("weights without a published hash are taken if they are an HDF5 file at all", async () => {
    const hdf5 = new Uint8Array(await readFile(fixture));
    const page = new TextEncoder().encode("<!doctype html>");
    await using server = await startBrokenServer(serve(hdf5), serve(page));
    const file = { url: server.url, fileName: "x.h5" };
    expect(await obtainWeights(file, {})).toEqual(hdf5);
    await expect(obtainWeights(file, {})).rejects.toMatchObject({
      reason: "hash",
      message: expect.stringContaining("the 15 bytes which came are not an HDF5 file"),
    });
  });

  test("a broken connection, a missing file and a cache folder are refused", async () => {
    await using server = await startBrokenServer(serve(bytes, { breakAt: 1000 }), (_, response) => {
      response.writeHead(404).end();
    });
    const file = { url: server.url, fileName: "x.h5" };
    await expect(obtainWeights(file, {})).rejects.toMatchObject({ reason: "network" });
    await expect(obtainWeights(file, {})).rejects.toMatchObject({ reason: "http-status" });
    await expect(obtainWeights(file, { cacheDirectory: "/" })).rejects.toMatchObject({ name: "UnsupportedError" });
  });

  property.prop([fc.uint8Array({ maxLength: 300 })])("MD5 equals that of Node", (data) => {
    expect(md5(data)).toBe(createHash("md5").update(data).digest("hex"));
  });
});
