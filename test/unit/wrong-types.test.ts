import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { createNetwork } from "../../src/backbones/create-network.js";
import { resolveBackbone } from "../../src/backbones/resolve-backbone.js";
import { auto, autoTrainable } from "../../src/backends/auto.js";
import { checkBackend, checkTrainableBackend } from "../../src/backends/check-backend.js";
import { onnx } from "../../src/backends/onnx/onnx.node.js";
import { tfjsCpu } from "../../src/backends/tfjs/tfjs-cpu.js";
import { isCnnTransferError } from "../../src/errors.js";
import { imageFolder } from "../../src/images/image-folder.js";
import { imageList } from "../../src/images/image-list.js";
import { checkInterpolation } from "../../src/images/interpolation.js";
import { loadImage } from "../../src/images/load-image.js";
import { loadImages } from "../../src/images/load-images.js";
import { encodeKerasModel } from "../../src/keras/write-model.js";
import { featureNetwork } from "../../src/network/feature-network.js";
import { createRandom } from "../../src/random.js";
import { TransferHead } from "../../src/transfer-head.js";
import { headNetwork } from "../support/head-network.js";
import { layer, networkOf } from "../support/layers.js";

/** What comes from JavaScript, where no compiler looks. */
const untyped = (value: unknown) => value as never;

const pixels = { dtype: "uint8", shape: [2, 2, 3], data: new Uint8Array(12) } as const;
const head = { inputShape: [4], classLabels: ["a", "b"], backend: tfjsCpu() };
const createHead = (wrong: object) => TransferHead.create({ ...head, ...wrong });
const pictures = networkOf([layer("InputLayer", "in", [], { shape: [4, 4, 3] }), layer("Conv2D", "a", ["in"])]);
const features = (wrong: object) =>
  featureNetwork({ ...pictures, weights: new Map() }, { layers: ["a"], preprocess: "tf", imageSize: [4, 4], ...wrong });

async function withHead(use: (made: TransferHead) => Promise<unknown>): Promise<unknown> {
  await using made = await TransferHead.create(head);
  return await use(made);
}

/** A backend that infers and has no way to train. */
const runsOnly = { specVersion: 1, name: "runs-only", description: "", init: async () => {}, load: async () => {} };

describe("what is of the wrong type is refused by the name of its option:", () => {
  test.each<readonly [string, () => unknown, RegExp]>([
    ["the name of a backend", () => checkBackend("onnx"), /^`backend` is "onnx": expected a Backend, such as onnx\(\)/],
    ["an empty backend", () => checkBackend({}), /^`backend` is an object/],
    ["no backend", () => checkBackend(null), /^`backend` is null/],
    ["the maker of a backend", () => checkBackend(onnx), /^`backend` is a function.*Call the function/],
    ["a backend that cannot train", () => checkTrainableBackend(runsOnly), /"runs-only", which cannot train/],
    ["a head's backend by name", () => createHead({ backend: "tfjs-wasm" }), /^`backend` is "tfjs-wasm"/],
    ["a head's backend that cannot train", () => createHead({ backend: runsOnly }), /which cannot train/],
    ["candidates by name", () => auto({ candidates: untyped(["onnx"]) }), /^`candidates\[0\]` is "onnx"/],
    ["one candidate", () => auto({ candidates: untyped(onnx()) }), /^`candidates` is an object/],
    ["candidates that cannot train", () => autoTrainable({ candidates: untyped([runsOnly]) }), /cannot train/],

    ["hidden layers as a number", () => createHead({ hidden: 256 }), /^`hidden` is 256: expected a list/],
    ["an input shape as a number", () => createHead({ inputShape: 512 }), /^`inputShape` is 512/],
    ["no input shape", () => createHead({ inputShape: undefined }), /^`inputShape` is undefined/],
    ["class labels as a text", () => createHead({ classLabels: "ab" }), /^`classLabels` is "ab": expected a list/],
    ["class labels as numbers", () => createHead({ classLabels: [0, 1] }), /^`classLabels` is \[0, 1\]/],
    ["dropout as a text", () => createHead({ dropout: "0.5" }), /^`dropout` is "0.5": expected a part/],
    ["normalize as a text", () => createHead({ normalize: "no" }), /^`normalize` is "no": expected true or false/],
    ["half of a character", () => createHead({ classLabels: ["a", "b\ud800"] }), /"b\\ud800" as entry 1.*surrogate/],
    ["a list to predict", () => withHead((made) => made.predict(untyped([1, 2]))), /^`predict` got \[1, 2\]/],
    ["nothing to predict", () => withHead((made) => made.predict(untyped(undefined))), /^`predict` got undefined/],
    ["a list to train on", () => withHead((made) => made.fit(untyped([1, 2]))), /^`train` is \[1, 2\]/],

    ["no backbone", () => resolveBackbone(untyped(undefined)), /^`backbone` is undefined: expected "vgg-mini"/],
    ["an empty backbone", () => resolveBackbone(untyped({})), /^`backbone` is an object/],
    ["a size as a number", () => createNetwork("vgg16", untyped({ imageSize: 224 })), /^`imageSize` is 224: expected/],
    ["a text for the top", () => createNetwork("vgg16", untyped({ includeTop: "false" })), /^`includeTop` is "false"/],
    ["weights that are no text", () => createNetwork("vgg16", untyped({ weights: 1 })), /^`weights` is 1: expected/],

    ["a size to resize to", () => loadImage(pixels, untyped({ size: 224 })), /^`size` is 224: expected \[height/],
    ["a text for the ratio", () => loadImage(pixels, untyped({ size: [1, 1], keepAspectRatio: "yes" })), /^`keepAsp/],
    [
      "a text for the orientation",
      () => loadImage(pixels, untyped({ applyOrientation: 1 })),
      /^`applyOrientation` is 1/,
    ],
    ["an interpolation", () => checkInterpolation("cubic"), /^`interpolation` is "cubic": expected .* or "lanczos"/],
    ["a size in batches", () => loadImages(imageList([]), untyped({ size: 224 })).next(), /^`size` is 224/],

    [
      "labels of a folder",
      () => imageFolder(tmpdir(), untyped({ labels: "infer" })),
      /"infer": expected "inferred" or null/,
    ],
    ["extensions as a text", () => imageFolder(tmpdir(), untyped({ extensions: "jpg" })), /^`extensions` is "jpg"/],
    [
      "classes as a text",
      () => imageFolder(tmpdir(), untyped({ classNames: "a" })),
      /^`classNames` is "a": expected a list/,
    ],
    ["a text for links", () => imageFolder(tmpdir(), untyped({ followLinks: "no" })), /^`followLinks` is "no"/],
    ["one picture as a list", () => imageList(untyped("cat.jpg")), /^`inputs` is "cat.jpg": expected a list/],
    ["names as a text", () => imageList(["a", "b"], untyped({ names: "ab" })), /^`names` is "ab"/],

    [
      "a pooling",
      () => features({ pooling: "sum" }),
      /^`pooling` is "sum": expected "avg", "max", "flatten" or "none"/,
    ],
    ["a preprocessing", () => features({ preprocess: "foo" }), /^`preprocess` is "foo": expected "caffe"/],
    ["no preprocessing", () => features({ preprocess: undefined }), /^`preprocess` is undefined/],

    ["a negative seed", () => createRandom(-1), /^`seed` is -1/],
    ["a seed that is not a number", () => createRandom(Number.NaN), /^`seed` is NaN/],
    ["a fraction as seed", () => createRandom(1.5), /^`seed` is 1.5/],
    ["a seed of more than 32 bits", () => createRandom(2 ** 40), /^`seed` is 1099511627776/],
    ["a text as seed", () => createRandom(untyped("1")), /^`seed` is 1/],

    [
      "half of a character in a saved model",
      () => encodeKerasModel(headNetwork().network, { classLabels: ["\udc00", "b", "c"] }),
      /^`classLabels` has "\\udc00" as entry 0/,
    ],
  ])("%s", async (_, use, message) => {
    const error = await Promise.resolve()
      .then(use)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
    expect(isCnnTransferError(error, "InvalidArgumentError")).toBe(true);
  });
});
